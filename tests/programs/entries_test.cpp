// `--entries` of the verbs: ratings as they are published go in, and models are asked by the ids that those have.

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <factorise/io.h>
#include <factorise/sgd.h>

#include <fstream>

#include "catch.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::ordered_json;

namespace {

/// Three movies, 10, 20 and 35, and two users, 4 and 900, in MovieLens' form.
std::string files(const std::string& name) {
  const std::string folder = empty_folder(name);
  std::ofstream(folder + "/ratings.dat") << "900::10::5::1\n4::35::1::1\n4::10::4::1\n900::20::3::1\n";
  return folder;
}

ProcessResult run(const std::string& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "factorise");
  ProcessOptions options;
  options.folder = folder;
  return program(arguments, options);
}

const std::vector<std::string> kFit{"fit", "--entries", "ratings.dat", "--method", "sgd", "--rank",
                                    "2",   "--epochs",  "20",          "--output", "F.pt"};

}  // namespace

TEST_CASE("ratings one a line give the bits of their matrix", "[entries]") {
  const std::string folder = files("entries_fit");
  const ProcessResult fitted = run(folder, kFit);
  INFO(fitted.err);
  REQUIRE(fitted.status == 0);
  CHECK_THAT(fitted.out, contains("ratings.dat, 3 x 2, 4 observed"));
  const Tensor A = at::tensor({4.0, 5.0, 0.0, 3.0, 1.0, 0.0}).view({3, 2}).to(at::kFloat);
  const Factors expected = sgd_factorise_masked(A, A.ne(0), 2, SgdOptions().seed(0).num_epochs(20));
  CHECK(at::equal(load_tensor(folder + "/F.pt", "U"), expected.U));
  CHECK(at::equal(load_tensor(folder + "/F.pt", "V"), expected.V));
}

TEST_CASE("a model is asked by the ids that its ratings had", "[entries]") {
  const std::string folder = files("entries_ids");
  REQUIRE(run(folder, kFit).status == 0);
  const Tensor U = load_tensor(folder + "/F.pt", "U").to(at::kDouble), V = load_tensor(folder + "/F.pt", "V");
  const double expected = U[2].dot(V[1].to(at::kDouble)).item<double>();  // movie 35, user 900
  const auto json =
      ordered_json::parse(run(folder, {"predict", "F.pt", "--row", "35", "--column", "900", "--json", "-"}).out);
  CHECK(json["predictions"][0]["row"] == 35);
  CHECK(json["predictions"][0]["column"] == 900);
  CHECK(json["predictions"][0]["prediction"].get<double>() == Approx(expected).epsilon(1e-12));
  std::ofstream(folder + "/pairs.csv") << "row,column\n35,900\n";
  CHECK_THAT(run(folder, {"predict", "F.pt", "--pairs", "pairs.csv"}).out, contains("\n35,900,"));

  const auto best = ordered_json::parse(
      run(folder, {"top", "F.pt", "--column", "900", "--entries", "ratings.dat", "--json", "-"}).out);
  REQUIRE(best["rows"].size() == 1);  // the only movie that user 900 has not rated
  CHECK(best["rows"][0]["row"] == 35);

  const auto judged =
      ordered_json::parse(run(folder, {"compare", "F.pt", "F.pt", "--entries", "ratings.dat", "--json", "-"}).out);
  CHECK(judged["loss_a"].get<double>() > 0);
}

TEST_CASE("entries are refused in sentences", "[entries]") {
  const std::string folder = files("entries_refused");
  REQUIRE(run(folder, kFit).status == 0);
  std::ofstream(folder + "/bad.dat") << "1::2::3\n1::3\n";
  std::ofstream(folder + "/other.dat") << "900::11::5\n4::35::1\n4::11::4\n900::20::3\n";
  std::ofstream(folder + "/titles.csv") << "movie,name\n0,a\n1,b\n2,c\n";
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> failures{
      {{"fit", "--entries", "bad.dat", "--method", "sgd", "--rank", "1"}, 1, "bad.dat, line 2: must be user, movie"},
      {{"fit", "A.pt", "--entries", "ratings.dat", "--method", "sgd", "--rank", "1"}, 2, "cannot be given together"},
      {{"fit", "--entries", "ratings.dat", "--missing", "zero", "--method", "sgd", "--rank", "1"}, 2, "together"},
      {{"fit", "--method", "sgd", "--rank", "1"}, 2, "A.pt is required, or --entries"},
      {{"predict", "F.pt", "--row", "0", "--column", "4"},
       1,
       "--row must be one of the 3 ids that were fitted in F.pt"},
      {{"top", "F.pt", "--column", "1"}, 1, "--column must be one of the 2 ids"},
      {{"top", "F.pt", "--column", "4", "--titles", "titles.csv"}, 1, "have ids of their own"},
      {{"top", "F.pt", "--column", "4", "--entries", "other.dat"}, 1, "the ids in other.dat must be those that F.pt"},
  };
  for (const auto& [arguments, status, sentence] : failures) {
    const ProcessResult result = run(folder, arguments);
    INFO(result.err);
    CHECK(result.status == status);
    CHECK_THAT(result.err, contains(sentence));
  }
}
