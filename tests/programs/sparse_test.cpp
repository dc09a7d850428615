// Sparse tensors in .pt files: their entries are what is observed, in every verb that takes a matrix.

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sparse_coo_tensor.h>
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

Tensor dense() { return at::tensor({4.0, 5.0, 0.0, 3.0, 1.0, 0.0}).view({3, 2}).to(at::kFloat); }

ProcessResult run(const std::string& folder, const std::vector<std::string>& arguments) {
  return program_in(folder, {"factorise"}, arguments);
}

std::vector<std::string> fit(const std::vector<std::string>& input, const std::string& method = "sgd") {
  std::vector<std::string> arguments{"fit", "--method", method, "--rank", "2", "--epochs", "20", "--output", "F.pt"};
  arguments.insert(arguments.end(), input.begin(), input.end());
  return arguments;
}

}  // namespace

TEST_CASE("fit takes a sparse tensor's entries as observed, to the bits of the mask", "[sparse]") {
  const std::string folder = empty_folder("sparse_fit");
  const Tensor A = dense(), sparse = A.to_sparse();
  save_pt(folder + "/A.pt", sparse);
  save_pt(folder + "/csr.pt", sparse.to_sparse_csr());
  save_pt(folder + "/csc.pt", sparse.to_sparse_csc());
  save_pt(folder + "/both.pt", {{"ratings", sparse}, {"other", at::ones({2})}});
  const Factors expected = sgd_factorise_masked(A, A.ne(0), 2, SgdOptions().seed(0).num_epochs(20));
  const std::vector<std::vector<std::string>> inputs{
      {"A.pt"}, {"csr.pt"}, {"csc.pt"}, {"both.pt", "--key", "ratings"}, {"--entries", "A.pt"}};
  for (const auto& input : inputs) {
    const ProcessResult result = run(folder, fit(input));
    INFO(input[0] << ": " << result.err);
    REQUIRE(result.status == 0);
    CHECK_THAT(result.out, contains("3 x 2, 4 observed (66.7 %)"));
    CHECK(at::equal(load_tensor(folder + "/F.pt", "U"), expected.U));
    CHECK(at::equal(load_tensor(folder + "/F.pt", "V"), expected.V));
  }
  // Full-batch descent makes it dense, with a mask.
  CHECK(run(folder, fit({"A.pt"}, "gd")).status == 0);
  const Tensor by_mask = load_tensor(folder + "/F.pt", "U");
  save_pt(folder + "/dense.pt", A);
  CHECK(run(folder, fit({"dense.pt", "--missing", "zero"}, "gd")).status == 0);
  CHECK(at::equal(load_tensor(folder + "/F.pt", "U"), by_mask));
  CHECK(run(folder, {"top", "F.pt", "--column", "0", "--matrix", "A.pt"}).status == 0);
  // As a mask, what is in it is observed.
  save_pt(folder + "/M.pt", A.ne(0).to_sparse());
  CHECK(run(folder, fit({"dense.pt", "--mask", "M.pt"}, "gd")).status == 0);
  CHECK(at::equal(load_tensor(folder + "/F.pt", "U"), by_mask));
}

TEST_CASE("a zero that is an entry is observed, and integers are taken", "[sparse]") {
  const std::string folder = empty_folder("sparse_zero");
  const Tensor indices = at::tensor({0, 0, 1, 0, 1, 1}).view({2, 3}).to(at::kLong);
  save_pt(folder + "/A.pt", at::sparse_coo_tensor(indices, at::tensor({0, 2, 3}).to(at::kLong), {2, 2}));
  const ProcessResult result = run(folder, fit({"A.pt"}));
  INFO(result.err);
  CHECK(result.status == 0);
  CHECK_THAT(result.out, contains("2 x 2, 3 observed"));
}

TEST_CASE("convert makes a matrix and its mask of a sparse tensor", "[sparse]") {
  const std::string folder = empty_folder("sparse_convert");
  save_pt(folder + "/A.pt", dense().to_sparse());
  REQUIRE(run(folder, {"convert", "A.pt", "B.pth"}).status == 0);
  CHECK(at::equal(load_tensor(folder + "/B.pth", "A"), dense()));
  CHECK(at::equal(load_tensor(folder + "/B.pth", "M"), dense().ne(0)));
  REQUIRE(run(folder, {"convert", "A.pt", "B.csv"}).status == 0);
  CHECK(content_of(folder + "/B.csv") == "row,column,value\n0,0,4\n0,1,5\n1,1,3\n2,0,1\n");
}

TEST_CASE("show tells a sparse tensor's entries", "[sparse]") {
  const std::string folder = empty_folder("sparse_show");
  save_pt(folder + "/A.pt", {{"A", dense().to_sparse()}});
  const ProcessResult shown = run(folder, {"show", "A.pt"});
  INFO(shown.out);
  CHECK_THAT(shown.out, contains("float32, sparse  3 x 2") && contains("A, 4 entries\n  (0, 0)  4\n  (0, 1)  5\n"));
  const auto json = ordered_json::parse(run(folder, {"show", "A.pt", "--json", "-"}).out)["tensors"][0];
  CHECK(json["entries"] == 4);
  CHECK(json["zeros"] == 0);
  CHECK(json["min"] == 1);
  CHECK(json["corner"][2] == ordered_json::parse("[[1, 1], 3.0]"));
}

TEST_CASE("what makes no sense of a sparse tensor is refused", "[sparse]") {
  const std::string folder = empty_folder("sparse_refused");
  const Tensor indices = at::tensor({0, 0, 1, 1}).view({2, 2}).to(at::kLong);
  save_pt(folder + "/twice.pt", at::sparse_coo_tensor(indices, at::ones({2}), {2, 2}));
  save_pt(folder + "/A.pt", dense().to_sparse());
  save_pt(folder + "/none.pt", dense().mul(0).to_sparse());
  save_pt(folder + "/cube.pt", at::ones({2, 2, 2}).to_sparse());
  save_pt(folder + "/F.pt", {{"U", at::ones({3, 1}).to_sparse()}, {"V", at::ones({2, 1})}});
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> cases{
      {fit({"twice.pt"}), 1, "twice.pt gives an entry more than once: 2 entries are at 1 places."},
      {{"convert", "twice.pt", "x.csv"}, 1, "gives an entry more than once"},
      {fit({"A.pt", "--missing", "zero"}), 2, "A.pt is sparse: its entries are observed."},
      {fit({"none.pt"}), 1, "none.pt has no entries"},
      {fit({"cube.pt"}), 1, "cube.pt must be a matrix, but is a sparse tensor of 3 dimensions"},
      {{"predict", "F.pt", "--row", "0", "--column", "0"}, 1, "F.pt: U and V must be matrices of real numbers"},
  };
  for (const auto& [arguments, status, sentence] : cases) {
    const ProcessResult result = run(folder, arguments);
    INFO(result.err);
    CHECK(result.status == status);
    CHECK_THAT(result.err, contains(sentence));
  }
}
