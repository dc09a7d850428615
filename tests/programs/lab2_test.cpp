// lab2 as a program: its exercises, its JSON, its CSV.

#include <factorise/autograd.h>
#include <factorise/datasets.h>
#include <factorise/io.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "factorise/threads.h"
#include "places.h"
#include "process.h"
#include "programs/lab2_exercises.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::json;

namespace {

/// One run serves all the cases that only look at it.
const json& result() {
  static const json parsed = [] {
    const std::string folder = empty_folder("lab2") + "/csv";
    const ProcessResult run = program({"lab2", "--runs", "12", "--seed", "1", "--json", "-", "--csv", folder});
    INFO(run.err);
    REQUIRE(run.status == 0);
    return json::parse(run.out);
  }();
  return parsed;
}

}  // namespace

TEST_CASE("lab2 gives the library's own results at the seed", "[lab2]") {
  const json& ad = result()["gd_factorise_ad"];
  const Tensor A = programs::lab2::centred(iris());
  CHECK(ad["rank2"]["loss"] == squared_error(A, gd_factorise_ad(A, 2, AdOptions().seed(1))));
  CHECK(ad["rank4"]["loss"] == squared_error(A, gd_factorise_ad(A, 4, AdOptions().seed(1))));
  CHECK(ad["rank2"]["svd_loss"] == Approx(15.2288333).margin(6e-8));
  CHECK(ad["rank4"]["svd_loss"] < 1e-9);
  const json& norm = ad["norm"];
  CHECK(norm["loss"] == Approx(7.158).margin(6e-4));
  CHECK(norm["svd_norm"] == Approx(3.9024).margin(6e-5));
  CHECK(norm["rank1_norm"] == Approx(7.1640).margin(6e-5));
  REQUIRE(norm["curve"].size() == 100);
  CHECK(norm["curve"][9]["epoch"] == 1000);
  CHECK(norm["curve"][9]["norm"] == norm["loss"]);
  CHECK(norm["curve"][99]["epoch"] == 10000);
  CHECK(norm["curve"][99]["norm"] < norm["loss"]);
  CHECK(norm["left_saddle"] >= 1);
  CHECK(norm["left_saddle"] <= norm["saddle_seeds"]);
}

TEST_CASE("the projections span one subspace, in bases that no rotation joins", "[lab2]") {
  const json& pca = result()["pca"];
  REQUIRE(pca["principal_angles"].size() == 2);
  CHECK(pca["principal_angles"][1] < 0.02);
  CHECK(pca["linear_map_residual"] < 0.01);
  CHECK(pca["rotation_residual"] > 0.02);
  CHECK(pca["linear_map_residual"] < pca["rotation_residual"]);
}

TEST_CASE("every MLP variant has its spread", "[lab2]") {
  const Threads one_thread(1);
  const json& mlps = result()["mlp"];
  REQUIRE(mlps.size() == 5);
  const Iris flowers = iris();
  for (size_t i = 0; i < mlps.size(); ++i) {
    const json& mlp = mlps[i];
    INFO(mlp.dump());
    CHECK(mlp["runs"] == 12);
    CHECK(mlp["diverged"] == 0);
    for (const char* key : {"train_accuracy", "validation_accuracy"}) {
      CHECK(mlp[key]["min"] > 0.2);
      CHECK(mlp[key]["min"] <= mlp[key]["median"]);
      CHECK(mlp[key]["median"] <= mlp[key]["max"]);
      CHECK(mlp[key]["max"] <= 1);
    }
    std::vector<Mlp> runs;
    const auto setting = programs::lab2::mlp_settings()[i];
    for (uint64_t seed = 1; seed < 13; ++seed) runs.push_back(programs::lab2::train(seed, flowers, setting, at::kCPU));
    CHECK(mlp["validation_accuracy"]["median"] == programs::lab2::spread_of(runs, &Mlp::validation_accuracy).median);
  }
}

TEST_CASE("lab2's comparison has a row for every figure of the reports", "[lab2]") {
  const json& comparison = result()["comparison"];
  CHECK(comparison.size() == 13);
  for (const json& row : comparison) {
    INFO(row.dump());
    REQUIRE(row.size() == 8);
    CHECK(row["reported"].is_number());
    CHECK((row["ours"].is_number() || row["ours"].is_null()));
    CHECK(row["within"].is_boolean());
    if (row["low"].is_null()) CHECK(row["within"] == true);
  }
}

TEST_CASE("lab2's pictures hold what docs/json.md lists, of the runs that the exercises tell of", "[lab2]") {
  const json& pictures = result()["pictures"];
  const Schema numbers = Schema::list(Schema::number()), flowers = Schema::matrix(150, 2);
  const Schema losses = Schema::list(Schema::number(), 100), accuracies = Schema::list(Schema::number(), 12);
  const Schema schema = Schema::object(
      {{"norm_curves",
        Schema::list(
            Schema::object({{"seed", Schema::whole()}, {"epochs", Schema::list(Schema::whole())}, {"norms", numbers}}),
            8)},
       {"projections", Schema::object({{"svd", flowers},
                                       {"gd", flowers},
                                       {"svd_mapped", flowers},
                                       {"species", Schema::list(Schema::text(), 150)}})},
       {"mlp",
        Schema::list(
            Schema::object(
                {{"name", Schema::text()},
                 {"lr", Schema::number()},
                 {"losses", Schema::object({{"ours", losses}, {"low", losses}, {"median", losses}, {"high", losses}})},
                 {"train_accuracies", accuracies},
                 {"validation_accuracies", accuracies}}),
            5)},
       {"over_seeds", over_seeds_schema()}});
  CHECK(schema.violation(pictures) == "");

  const json& norm = result()["gd_factorise_ad"]["norm"];
  const json& curve = pictures["norm_curves"][0];
  CHECK(curve["seed"] == 1);
  CHECK(curve["epochs"][9] == 1000);
  CHECK(curve["norms"][9] == norm["loss"]);
  CHECK(curve["norms"].size() == norm["curve"].size());
  for (const json& mlp : pictures["mlp"]) {
    const json& band = mlp["losses"];
    for (size_t epoch = 0; epoch < 100; ++epoch) {
      CHECK(band["low"][epoch] <= band["median"][epoch]);
      CHECK(band["median"][epoch] <= band["high"][epoch]);
    }
  }
  CHECK(pictures["over_seeds"].size() == 10);
}

TEST_CASE("lab2 --csv writes the scatter and the curve", "[lab2]") {
  result();
  const std::string folder = kOutputFolder;
  std::string csv;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (file.path().filename() == "scatter.csv") csv = file.path().parent_path().string();
  }
  REQUIRE_FALSE(csv.empty());
  const auto scatter = load_csv(csv + "/scatter.csv");
  CHECK(scatter.size() == 151);
  CHECK(scatter[0] ==
        std::vector<std::string>{"svd_1", "svd_2", "gd_1", "gd_2", "svd_mapped_1", "svd_mapped_2", "species"});
  const double gd = std::stod(scatter[1][2]), mapped = std::stod(scatter[1][4]);
  CHECK(mapped == Approx(gd).epsilon(0.02));
  CHECK(load_csv(csv + "/norm_curve.csv").size() == 101);
}

TEST_CASE("lab2 on a screen: the exercises in order", "[lab2]") {
  const ProcessResult run = program({"lab2", "--runs", "2"});
  REQUIRE(run.status == 0);
  CHECK(run.err.empty());
  size_t last = 0;
  for (const char* part : {"1.1, 1.2 ", "15.2288", "variant", "saddle", "1.3 ", "principal angles", "2.1, 2.2 ",
                           "Xavier", "Comparison with the reports"}) {
    INFO(part);
    const size_t found = run.out.find(part, last);
    REQUIRE(found != std::string::npos);
    last = found;
  }
  CHECK(run.out.find('\x1b') == std::string::npos);
}

TEST_CASE("lab2 refuses a folder that cannot be", "[lab2]") {
  const ProcessResult run = program({"lab2", "--csv", "/dev/null/figures"});
  CHECK(run.status == 1);
  CHECK(run.err.find("--csv") != std::string::npos);
  CHECK(program({"lab2", "--csv"}).status == 2);
}
