// Files are known by what is in them: one content under many names gives the same result in every verb.

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <factorise/io.h>

#include <filesystem>
#include <fstream>

#include "catch.h"
#include "process.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

const std::vector<std::string> kNames{"A.pth", "A.PT", "A.bin", "A.weights", "A.pt.tar", "A.csv", "A.npy", "A"};

ProcessResult run(const std::string& folder, const std::vector<std::string>& arguments) {
  return program_in(folder, {"factorise"}, arguments);
}

Tensor whole() { return at::tensor({5.0, 1.0, 4.0, 3.0, 2.5, 1.0}).view({3, 2}).to(at::kFloat); }

}  // namespace

TEST_CASE("a .pt of any name is read by every verb", "[kinds]") {
  const std::string folder = empty_folder("kinds_pt");
  save_pt(folder + "/A.pt", whole());
  save_pt(folder + "/M.pt", whole().gt(2));
  save_pt(folder + "/F.pt", {{"U", at::ones({3, 1})}, {"V", at::ones({2, 1})}});
  for (const std::string& name : kNames) {
    INFO(name);
    const std::string mask = "M" + name, factors = "F" + name;
    std::filesystem::copy(folder + "/A.pt", folder + "/" + name);
    std::filesystem::copy(folder + "/M.pt", folder + "/" + mask);
    std::filesystem::copy(folder + "/F.pt", folder + "/" + factors);
    REQUIRE(run(folder, {"convert", name, "--mask", mask, "out.csv"}).status == 0);
    CHECK(content_of(folder + "/out.csv") == "row,column,value\n0,0,5\n1,0,4\n1,1,3\n2,0,2.5\n");
    const ProcessResult fitted = run(folder, {"fit", name, "--mask", mask, "--initial", factors, "--method", "sgd",
                                              "--rank", "1", "--epochs", "1", "--output", "out.pt"});
    INFO(fitted.err);
    CHECK(fitted.status == 0);
    CHECK_THAT(fitted.out, contains("3 x 2, 4 observed"));
    CHECK(run(folder, {"show", name}).status == 0);
    CHECK(run(folder, {"predict", factors, "--row", "1", "--column", "1"}).out == "1\n");
    CHECK(run(folder, {"top", factors, "--column", "1", "--matrix", name, "--mask", mask}).status == 0);
    CHECK(run(folder, {"compare", factors, "F.pt"}).status == 0);
  }
}

TEST_CASE("arrays and entries of any name are read", "[kinds]") {
  const std::string folder = empty_folder("kinds_others");
  save_pt(folder + "/A.pt", whole());
  REQUIRE(run(folder, {"convert", "A.pt", "A.npy"}).status == 0);
  REQUIRE(run(folder, {"convert", "A.pt", "A.mtx"}).status == 0);
  REQUIRE(run(folder, {"convert", "A.pt", "A.csv"}).status == 0);
  const auto fit = [&](const std::vector<std::string>& input) {
    std::vector<std::string> arguments{"fit", "--method", "sgd",     "--rank",   "1",      "--epochs",
                                       "5",   "--dtype",  "float32", "--output", "out.pt", "--quiet"};
    arguments.insert(arguments.end(), input.begin(), input.end());
    const ProcessResult result = run(folder, arguments);
    INFO(result.err);
    REQUIRE(result.status == 0);
    return load_tensor(folder + "/out.pt", "U");
  };
  const Tensor expected = fit({"A.pt"});
  for (const std::string from : {"A.npy", "A.mtx", "A.csv"}) {
    for (const std::string name : {"x.pt", "x.npy", "x.mtx", "x.csv", "x.bin"}) {
      INFO(from << " as " << name);
      std::filesystem::copy(folder + "/" + from, folder + "/" + name,
                            std::filesystem::copy_options::overwrite_existing);
      REQUIRE(run(folder, {"convert", name, "again.csv"}).status == 0);
      CHECK(content_of(folder + "/again.csv") == content_of(folder + "/A.csv"));
      if (from != "A.csv") CHECK(at::equal(fit({name}), expected));
      if (from != "A.npy") CHECK(at::equal(fit({"--entries", name}), expected));
    }
  }
  CHECK_THAT(run(folder, {"show", "A.npy"}).out, contains("A.npy: 1 tensor") && contains("float32  3 x 2"));
  // A matrix that convert wrote from entries is as good as them.
  REQUIRE(run(folder, {"convert", "A.csv", "E.pt"}).status == 0);
  CHECK(at::equal(fit({"--entries", "E.pt"}), expected));
}

TEST_CASE("an output that ends in .pth or .PT is a .pt", "[kinds]") {
  const std::string folder = empty_folder("kinds_output");
  save_pt(folder + "/A.pt", whole());
  for (const std::string name : {"B.pth", "B.PT", "B.Pth"}) {
    REQUIRE(run(folder, {"convert", "A.pt", name}).status == 0);
    CHECK(at::equal(load_tensor(folder + "/" + name), whole()));
  }
  REQUIRE(run(folder, {"convert", "A.pt", "B.CSV"}).status == 0);
  CHECK(content_of(folder + "/B.CSV").starts_with("row,column,value\n"));
}

TEST_CASE("what is not read is named, with what to do", "[kinds]") {
  const std::string folder = empty_folder("kinds_refused");
  const std::string bytes = std::string("PAR1\x15\x04") + std::string(100, '\1');
  std::ofstream(folder + "/r.parquet") << bytes;
  std::ofstream(folder + "/r.pt") << bytes;
  std::ofstream(folder + "/r.csv") << "1,1,5\n1,2,4\n";
  save_pt(folder + "/A.pt", whole());
  const auto fit = [](const std::vector<std::string>& input) {
    std::vector<std::string> arguments{"fit", "--method", "sgd", "--rank", "1"};
    arguments.insert(arguments.end(), input.begin(), input.end());
    return arguments;
  };
  const std::string parquet = "is a Parquet file; convert it: python -c";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"convert", "r.parquet", "x.pt"}, parquet},
      {{"convert", "r.pt", "x.pt"}, parquet},
      {{"show", "r.pt"}, parquet},
      {fit({"r.pt"}), parquet},
      {fit({"--entries", "r.parquet"}), parquet},
      {fit({"A.pt", "--mask", "r.pt"}), parquet},
      {fit({"A.pt", "--initial", "r.pt"}), parquet},
      {{"predict", "r.pt", "--row", "0", "--column", "0"}, parquet},
      {{"compare", "r.pt", "r.pt"}, parquet},
      {fit({"r.csv"}), "--entries takes ratings, one a line"},
      {fit({"--entries", "A.pt"}), "A.pt holds a matrix, and not entries one a line: give it in place of --entries."},
      {{"show", "r.csv"}, "is a text file; factorise convert r.csv A.pt"},
  };
  for (const auto& [arguments, sentence] : cases) {
    const ProcessResult result = run(folder, arguments);
    INFO(result.err);
    CHECK(result.status == 1);
    CHECK_THAT(result.err, contains(sentence));
  }
}
