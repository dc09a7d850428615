// `factorise compare` run as a program: a model with itself, in another basis, and with what Python returns.

#include <ATen/ops/tensor.h>
#include <factorise/io.h>
#include <factorise/sgd.h>

#include "catch.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::ordered_json;

namespace {

Tensor whole() {
  return at::tensor({0.3374, 0.6005, 0.1735, 3.3359, 0.0492, 1.8374, 2.9407, 0.5301, 2.2620}).view({3, 3});
}

/// a.pt, the same in another basis, and another seed's.
std::string files(const std::string& name) {
  const std::string folder = empty_folder(name);
  const Tensor map = at::tensor({2.0, 1.0, 0.5, 1.0}).view({2, 2}), inverse = at::tensor({1.0, -1.0, -0.5, 2.0});
  const Factors a = sgd_factorise(whole(), 2, SgdOptions().seed(0)),
                c = sgd_factorise(whole(), 2, SgdOptions().seed(1));
  save_pt(folder + "/A.pt", whole());
  save_pt(folder + "/a.pt", {{"U", a.U}, {"V", a.V}, {"loss", 0.25}});
  save_pt(folder + "/basis.pt", {{"U", a.U.mm(map)}, {"V", a.V.mm(inverse.view({2, 2}).t().div(1.5))}});
  save_pt(folder + "/c.pt", {{"U", c.U}, {"V", c.V}});
  return folder;
}

ProcessResult compare(const std::string& folder, const std::vector<std::string>& arguments) {
  return program_in(folder, {"factorise", "compare"}, arguments);
}

ordered_json compared(const std::string& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--json", "-"});
  const ProcessResult result = compare(folder, arguments);
  INFO(result.err);
  REQUIRE(result.status == 0);
  const auto json = ordered_json::parse(result.out);
  const auto angles = Schema::list(Schema::number()).or_null();
  CHECK(Schema::object({{"a", Schema::text()},
                        {"b", Schema::text()},
                        {"equal", Schema::truth()},
                        {"max_difference", Schema::number()},
                        {"angles_U", angles},
                        {"angles_V", angles},
                        {"loss_a", Schema::number().or_null()},
                        {"loss_b", Schema::number().or_null()}})
            .violation(json) == "");
  return json;
}

}  // namespace

TEST_CASE("a model equals itself, and has its own space in another basis", "[compare]") {
  const std::string folder = files("compare_models");
  const auto same = compared(folder, {"a.pt", "a.pt"});
  CHECK(same["equal"] == true);
  CHECK(same["max_difference"] == 0.0);
  CHECK(same["loss_a"] == 0.25);

  // Factors of size 2 in another basis: entries differ by rounding in float64 alone.
  const auto basis = compared(folder, {"a.pt", "basis.pt"});
  CHECK(basis["equal"] == false);
  CHECK(basis["max_difference"].get<double>() < 1e-14);
  for (const char* side : {"angles_U", "angles_V"}) {
    REQUIRE(basis[side].size() == 2);
    for (const double angle : basis[side]) CHECK(angle < 1e-13);
  }
  CHECK(basis["loss_b"].is_null());

  const auto judged = compared(folder, {"a.pt", "c.pt", "--matrix", "A.pt"});
  CHECK(judged["max_difference"].get<double>() > 1e-6);
  for (const auto& [key, seed] : {std::pair("loss_a", 0), std::pair("loss_b", 1)}) {
    CHECK(judged[key].get<double>() == squared_error(whole(), sgd_factorise(whole(), 2, SgdOptions().seed(seed))));
  }
  const ProcessResult shown = compare(folder, {"a.pt", "c.pt"});
  CHECK_THAT(shown.out, contains("not equal") && contains("0.25") && contains("rank 2"));
}

TEST_CASE("a model is compared with what Python saves", "[compare]") {
  const std::string folder = files("compare_python");
  ProcessOptions options;
  options.folder = folder;
  if (!python_has("torch")) {
    WARN("skipped: no Python with torch");
    return;
  }
  const char* script =
      "import torch\n"
      "d = torch.load('a.pt', weights_only=True)\n"
      "torch.save((d['U'], d['V']), 'tuple.pt')\n"
      "torch.save({'V': d['V'].float(), 'U': d['U'].float()}, 'dict.pt')\n";
  REQUIRE(run_process({FACTORISE_PYTHON, "-c", script}, options).status == 0);
  CHECK(compared(folder, {"a.pt", "tuple.pt"})["equal"] == true);
  const auto rounded = compared(folder, {"a.pt", "dict.pt"});
  CHECK(rounded["equal"] == false);
  CHECK(rounded["max_difference"].get<double>() < 1e-6);  // entries up to 4, factors to 2^-24
}

TEST_CASE("a model is compared with one of other names", "[compare]") {
  const std::string folder = files("compare_names");
  save_pt(folder + "/named.pt", {{"p", load_tensor(folder + "/a.pt", "U")}, {"q", load_tensor(folder + "/a.pt", "V")}});
  CHECK(compared(folder, {"a.pt", "named.pt", "--u", "p", "--v", "q"})["equal"] == true);
  CHECK(compared(folder, {"named.pt", "named.pt", "--u", "p", "--v", "q"})["equal"] == true);
  const ProcessResult both = compare(folder, {"a.pt", "c.pt", "--u", "p", "--v", "q"});
  CHECK(both.status == 1);
  CHECK_THAT(both.err, contains("of a file without U and V, but a.pt and c.pt have both"));
  CHECK_THAT(compare(folder, {"a.pt", "named.pt"}).err,
             contains("named.pt must hold U and V") && contains("--u p --v q"));
}

TEST_CASE("dependent columns span no space to compare, other shapes no entries", "[compare]") {
  const std::string folder = files("compare_failures");
  const Tensor dependent = at::tensor({1.0, 2.0, 1.0, 2.0, 1.0, 2.0}).view({3, 2});
  save_pt(folder + "/dependent.pt", {{"U", dependent}, {"V", dependent}});
  CHECK(compared(folder, {"a.pt", "dependent.pt"})["angles_U"].is_null());
  CHECK_THAT(compare(folder, {"a.pt", "dependent.pt"}).out, contains("the columns of one are dependent"));
  save_pt(folder + "/small.pt", {{"U", dependent.narrow(0, 0, 2)}, {"V", dependent}});
  const ProcessResult refused = compare(folder, {"a.pt", "small.pt"});
  CHECK(refused.status == 1);
  CHECK_THAT(refused.err, contains("one is 3 x 3, the other 2 x 3"));
  CHECK(compare(folder, {"a.pt"}).status == 2);
  CHECK(compare(folder, {"a.pt", "none.pt"}).status == 1);
}
