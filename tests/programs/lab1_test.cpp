// lab1 as a program: its exercises, its JSON, where its ratings come from and what is said of a stand-in.

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <factorise/gd.h>
#include <factorise/io.h>
#include <factorise/sgd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "catch.h"
#include "process.h"
#include "programs/lab1_pictures.h"
#include "programs/lab1_results.h"
#include "programs/reported.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::json;

namespace {

/// 130 movies x 40 users, so that row 124 and column 4 are there.
Tensor small_ratings() {
  at::manual_seed(1);
  return at::randint(1, 6, {130, 40}) * at::rand({130, 40}).lt(0.4);
}

std::string ratings_file() {
  const std::string file = empty_folder("lab1") + "/ratings.pt";
  save_pt(file, small_ratings());
  return file;
}

std::vector<std::string> quick(std::vector<std::string> more) {
  std::vector<std::string> argv{"lab1", "--runs", "6", "--epochs", "7", "--lr", "0.001", "--offline"};
  argv.insert(argv.end(), more.begin(), more.end());
  return argv;
}

double entry(const json& rows, const Tensor& matrix) {
  double worst = 0;
  for (int64_t r = 0; r < matrix.size(0); ++r) {
    for (int64_t c = 0; c < matrix.size(1); ++c) {
      worst = std::max(worst, std::abs(rows.at(r).at(c).get<double>() - matrix[r][c].item<double>()));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("lab1 --json - gives the library's own results, and nothing else on stdout", "[lab1]") {
  const ProcessResult run = program(quick({"--ratings", ratings_file(), "--seed", "2", "--json", "-"}));
  INFO(run.err);
  REQUIRE(run.status == 0);
  const json result = json::parse(run.out);
  const Tensor A = programs::reported::lab1::A(), M = programs::reported::lab1::M();

  const Factors whole = sgd_factorise(A, 2, SgdOptions().seed(2));
  CHECK(entry(result["sgd_factorise"]["U"], whole.U) == 0);
  CHECK(entry(result["sgd_factorise"]["V"], whole.V) == 0);
  CHECK(result["sgd_factorise"]["loss"] == squared_error(A, whole));
  CHECK(result["sgd_factorise"]["seconds"] > 0);
  CHECK(result["truncated_svd"]["loss"] == Approx(0.12191).margin(6e-6));
  CHECK(result["truncated_svd"]["reconstruction"].size() == 3);
  const Factors masked = sgd_factorise_masked(A, M, 2, SgdOptions().seed(2));
  CHECK(entry(result["sgd_factorise_masked"]["completed"], reconstruct(masked)) == 0);
  CHECK(result["sgd_factorise_masked"]["loss"] == squared_error(A, masked));

  const Tensor R = small_ratings();
  const Factors rated = gd_factorise_masked(R, R.gt(0), 5, GdOptions().seed(2).num_epochs(7).lr(1e-3));
  const json& four = result["gd_factorise_masked"];
  CHECK(four["ratings"]["source"] == "file");
  CHECK(four["ratings"]["shape"] == json({130, 40}));
  CHECK(four["ratings"]["observed"] == count_observed(R.gt(0)));
  CHECK(four["rank"] == 5);
  CHECK(four["epochs"] == 7);
  CHECK(four["lr"] == 1e-3);
  CHECK(four["user"] == 4);
  CHECK(four["movie"] == "A Beautiful Mind");
  CHECK(four["row"] == 124);
  CHECK(four["sse"] == squared_error(R, rated, R.gt(0)));
  CHECK(four["sse_all"] == squared_error(R, rated));
  CHECK(four["ratings"]["course"] == false);
  CHECK(four["over_seeds"].empty());  // not asked as the sheet asks
  CHECK(four["prediction"] == rated.U[124].dot(rated.V[4]).item<double>());
  CHECK(four["rmse"].is_number());
  CHECK(four["seconds"].is_number());

  const auto settings = SgdOptions().seed(2).num_epochs(200).lr(0.004).weight_decay(0.02).lr_decay(0.98);
  const Factors exactly = sgd_factorise_masked(R, R.gt(0), 5, settings);
  const json& exact = result["sgd_ratings"];
  CHECK(exact["source"] == "file");
  CHECK(exact["epochs"] == 200);
  CHECK(exact["sse"] == squared_error(R, exactly, R.gt(0)));
  CHECK(exact["sse_all"] == squared_error(R, exactly));
  CHECK(exact["sse"] < four["sse"]);
  CHECK(exact["prediction"] == exactly.U[124].dot(exactly.V[4]).item<double>());
  CHECK(exact["hold_out"]["share"] == 0.02);
  CHECK(exact["hold_out"]["rmse"] > 0.5);  // ratings drawn at random cannot be predicted
  CHECK(exact["seconds"] > 0);
}

TEST_CASE("the report that gives its seeds is reproduced to every digit that it prints, by both engines", "[lab1]") {
  namespace printed = programs::reported::lab1;
  const Tensor A = printed::A(), M = printed::M();
  // Half a unit of the last digit, and float32's rounding of the printed number.
  const auto meets = [](const Tensor& ours, const Tensor& print) {
    const Tensor apart = (ours.to(at::kDouble) - print.to(at::kDouble)).abs();
    return apart.max().item<double>() <= printed::kSeededMatrixTolerance + 1e-7;
  };
  for (const Engine engine : {Engine::reference, Engine::fused}) {
    const auto check = [&](const printed::SeededRun& report, const Factors& ours) {
      CHECK(meets(ours.U, report.U));
      CHECK(meets(ours.V, report.V));
      CHECK(meets(reconstruct(ours), report.product));
      CHECK(std::abs(squared_error(A, ours) - report.loss) <= printed::kSeededLossTolerance);
      // Another seed's figures are others: the digits tell.
      CHECK_FALSE(meets(ours.U + 1.1e-3, report.U));
    };
    const auto whole = printed::seeded_whole(), masked = printed::seeded_masked();
    check(whole, sgd_factorise(A, 2, SgdOptions().seed(whole.seed).engine(engine)));
    check(masked, sgd_factorise_masked(A, M, 2, SgdOptions().seed(masked.seed).engine(engine)));
    CHECK_FALSE(meets(sgd_factorise(A, 2, SgdOptions().seed(whole.seed + 1).engine(engine)).U, whole.U));
  }
}

TEST_CASE("lab1 meets that report's seeds whatever its own seed is", "[lab1]") {
  const json all = json::parse(program(quick({"--ratings", ratings_file(), "--seed", "5", "--json", "-"})).out);
  int seeded = 0;
  for (const json& row : all["comparison"]) {
    if (row["what"].get<std::string>().find(", seed ") == std::string::npos) continue;
    INFO(row.dump());
    ++seeded;
    CHECK(row["within"] == true);
    CHECK(row["low"].is_null());
  }
  CHECK(seeded == 8);  // U, V, the product and the loss, of two runs
}

TEST_CASE("4.1 on a file of ratings stands beside the published answers, over a few seeds", "[lab1]") {
  const std::vector<std::string> as_the_sheet{"lab1", "--runs",    "2",         "--sgd-epochs",
                                              "2",    "--offline", "--ratings", ratings_file()};
  auto argv = as_the_sheet;
  argv.insert(argv.end(), {"--seed", "3", "--rating-seeds", "4", "--json", "-"});
  const json all = json::parse(program(argv).out), four = all["gd_factorise_masked"];
  REQUIRE(four["over_seeds"].size() == 4);
  const Tensor R = small_ratings(), M = R.gt(0);
  std::vector<double> predictions;
  for (int i = 0; i < 4; ++i) {
    const json& run = four["over_seeds"][i];
    const Factors ours = gd_factorise_masked(R, M, 5, GdOptions().seed(3 + i));
    CHECK(run["seed"] == 3 + i);
    CHECK(run["prediction"] == ours.U[124].dot(ours.V[4]).item<double>());
    CHECK(run["sse"] == squared_error(R, ours, M));
    CHECK(run["sse_all"] == squared_error(R, ours));
    CHECK(run["sse_all"] > run["sse"]);
    predictions.push_back(run["prediction"]);
  }
  CHECK(four["over_seeds"][0]["prediction"] == four["prediction"]);
  std::vector<json> rows;
  for (const json& row : all["comparison"]) {
    if (row["what"].get<std::string>().starts_with("4.1")) rows.push_back(row);
  }
  // The sums are of another shape's entries, so they are not set beside ours.
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["reported"] == 3.4865875);
  CHECK(rows[1]["reported"] == 3.4325347);
  for (const json& row : rows) {
    CHECK(row["ours"] == predictions[0]);
    CHECK(row["low"].get<double>() == Approx(programs::percentile_of(predictions, 5)));
    CHECK(row["within"].is_null());
  }
  const ProcessResult screen = program(as_the_sheet);
  INFO(screen.out);
  for (const char* part : {"public run 1", "3.4865875", "seeds 0 to 4", "squared errors, valid entries",
                           "squared errors, all entries", "those that were not rated taken as 0", "of another file"}) {
    CHECK(screen.out.find(part) != std::string::npos);
  }
}

TEST_CASE("on ratings of the course's shape the published sums stand beside the same sum of ours", "[lab1]") {
  using namespace programs::lab1;
  Results results;
  CHECK(compare_with_public_answers(results).empty());
  results.shape = {1000, 10000};
  results.is_course = true;
  results.over_seeds = {
      {0, 3.4, 3.1e6, 6.64e7}, {1, 3.5, 3.2e6, 6.65e7}, {2, std::nan(""), std::nan(""), std::nan("")}};
  const auto rows = compare_with_public_answers(results);
  REQUIRE(rows.size() == 4);
  CHECK(*rows[2].reported == 66435584);
  CHECK(*rows[3].reported == 66477632);
  CHECK(rows[2].ours == 6.64e7);
  CHECK(rows[2].over_seeds == std::vector<double>{6.64e7, 6.65e7});
  CHECK(rows[2].diverged == 1);
  const std::string table = beside_public_answers(results, programs::Style());
  CHECK(table.find("66435584") != std::string::npos);
  CHECK(table.find("66400000 – 66500000") != std::string::npos);
  CHECK(table.find("course's own") != std::string::npos);
  CHECK(table.find("another file") == std::string::npos);
}

TEST_CASE("a divergence of the exact algorithm is a result of lab1, and null in JSON", "[lab1]") {
  const std::vector<std::string> wild = {"--ratings", ratings_file(), "--sgd-lr", "3", "--sgd-weight-decay", "0"};
  const ProcessResult run = program(quick(wild));
  REQUIRE(run.status == 0);
  CHECK(run.out.find("Diverged: after epoch ") != std::string::npos);
  CHECK(run.out.find("Comparison with the reports") != std::string::npos);
  auto silent = quick(wild);
  silent.insert(silent.end(), {"--json", "-"});
  const json result = json::parse(program(silent).out), exact = result["sgd_ratings"];
  CHECK(exact["sse"].is_null());
  CHECK(exact["hold_out"]["rmse"].is_null());
  CHECK(result["pictures"]["predictions"]["sgd_ratings"].is_null());
}

TEST_CASE("lab1's comparison has a row for every figure of the reports, each with all its keys", "[lab1]") {
  const ProcessResult run = program(quick({"--ratings", ratings_file(), "--runs", "40", "--json", "-"}));
  REQUIRE(run.status == 0);
  const json comparison = json::parse(run.out)["comparison"];
  CHECK(comparison.size() == 33);
  int over_seeds = 0;
  for (const json& row : comparison) {
    INFO(row.dump());
    REQUIRE(row.size() == 8);
    CHECK(row["what"].is_string());
    CHECK(row["reported"].is_number());
    CHECK(row["ours"].is_number());
    CHECK(row["diverged"] == 0);
    CHECK(row["within"].is_boolean());
    if (row["low"].is_null()) {
      // No seed: what is recomputed from a print or an SVD must be equal.
      CHECK(row["within"] == true);
      CHECK(row["percentile"].is_null());
    } else {
      ++over_seeds;
      CHECK(row["low"] <= row["high"]);
      CHECK(row["percentile"] >= 0);
      CHECK(row["percentile"] <= 100);
    }
  }
  CHECK(over_seeds == 19);
}

TEST_CASE("lab1's pictures hold what docs/json.md lists, of the runs that the exercises tell of", "[lab1]") {
  const ProcessResult run = program(quick({"--ratings", ratings_file(), "--json", "-"}));
  REQUIRE(run.status == 0);
  const auto result = nlohmann::ordered_json::parse(run.out);
  const auto& pictures = result["pictures"];
  const Schema numbers = Schema::list(Schema::number());
  const Schema predictions = Schema::object({{"edges", numbers},
                                             {"given", Schema::list(Schema::object({{"rating", Schema::whole()},
                                                                                    {"count", Schema::whole()},
                                                                                    {"mean", Schema::number()},
                                                                                    {"shares", numbers}}))}});
  const Schema schema = Schema::object(
      {{"A", Schema::matrix(3, 3)},
       {"observed", Schema::list(Schema::list(Schema::whole(), 3), 3)},
       {"completed_reported", Schema::list(Schema::matrix(3, 3), 2)},
       {"sgd_curves",
        Schema::list(
            Schema::object({{"seed", Schema::whole()}, {"epochs", Schema::list(Schema::whole())}, {"losses", numbers}}),
            6)},
       {"rated_share", Schema::matrix(50, 40)},
       {"predictions", Schema::object({{"gd_factorise_masked", predictions}, {"sgd_ratings", predictions.or_null()}})},
       {"over_seeds", over_seeds_schema()}});
  CHECK(schema.violation(pictures) == "");

  const auto& curve = pictures["sgd_curves"][0];
  CHECK(curve["epochs"].front() == 1);
  CHECK(curve["epochs"].back() == 1000);
  CHECK(curve["losses"].size() == curve["epochs"].size());
  CHECK(curve["losses"].back().get<double>() == Approx(result["sgd_factorise"]["loss"].get<double>()).epsilon(1e-6));
  CHECK(pictures["over_seeds"].size() == 19);
  for (const auto& figure : pictures["over_seeds"]) CHECK(figure["values"].size() == 6);

  // The blocks of 130 x 40 on a grid of 50 x 40 overlap, so only their bounds are known.
  for (const auto& row : pictures["rated_share"]) {
    for (const auto& share : row) CHECK((share >= 0 && share <= 1));
  }
  const auto& given = pictures["predictions"]["gd_factorise_masked"]["given"];
  REQUIRE(given.size() == 5);
  const Tensor R = small_ratings();
  const Tensor predicted = reconstruct(gd_factorise_masked(R, R.gt(0), 5, GdOptions().seed(0).num_epochs(7).lr(1e-3)));
  for (int64_t rating = 1; rating <= 5; ++rating) {
    const auto& of = given[rating - 1];
    CHECK(of["rating"] == rating);
    CHECK(of["count"] == count_observed(R.eq(rating)));
    const double mean = predicted.masked_select(R.eq(rating)).to(at::kDouble).mean().item<double>();
    CHECK(of["mean"].get<double>() == Approx(mean).epsilon(1e-5));
    double sum = 0;
    for (const auto& share : of["shares"]) sum += share.get<double>();
    CHECK(sum == Approx(1));
    CHECK(of["shares"].size() + 1 == pictures["predictions"]["gd_factorise_masked"]["edges"].size());
  }
}

TEST_CASE("predictions that are no numbers count beyond the last bin", "[lab1]") {
  const Tensor A = at::tensor({3.0F, 3.0F}).view({1, 2});
  const Factors factors{at::tensor({1e30F, 1e30F}).view({1, 2}), at::tensor({1e30F, -1e30F, 1.0F, 0.0F}).view({2, 2})};
  const auto predictions = programs::lab1::predictions_by_rating(A, factors);
  REQUIRE(predictions.given.size() == 1);
  CHECK(predictions.given[0].count == 2);
  CHECK(predictions.given[0].shares.back() == 1);
  CHECK(std::isnan(predictions.given[0].mean));
}

TEST_CASE("every exercise reseeds: its figure does not depend on what else runs", "[lab1]") {
  const std::string ratings = ratings_file();
  const auto figures = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--ratings", ratings, "--json", "-"});
    json all = json::parse(program(quick(arguments)).out);
    for (const char* key : {"sgd_factorise", "sgd_factorise_masked", "gd_factorise_masked"}) all[key].erase("seconds");
    return all;
  };
  const json few = figures({"--threads", "1"}), more = figures({"--threads", "1", "--runs", "9"});
  for (const char* key : {"sgd_factorise", "sgd_factorise_masked", "gd_factorise_masked"}) CHECK(few[key] == more[key]);
  const json threads = figures({"--threads", "3"});
  for (const char* key : {"sgd_factorise", "sgd_factorise_masked", "gd_factorise_masked"})
    CHECK(few[key] == threads[key]);
}

TEST_CASE("lab1 on a screen: the exercises in order, the missing entries marked", "[lab1]") {
  const ProcessResult run = program(quick({"--ratings", ratings_file()}));
  REQUIRE(run.status == 0);
  size_t last = 0;
  for (const char* part : {"1.1 ", "1.2 ", "2.1 ", "Eckart", "3.1 ", "8\n  degrees of freedom", "4.1 ", "RMSE",
                           "predicted rating of user 5 (column index 4) for \"A Beautiful Mind\" (row 124)",
                           "Comparison with the reports"}) {
    INFO(part);
    const size_t found = run.out.find(part, last);
    REQUIRE(found != std::string::npos);
    last = found;
  }
  CHECK(run.out.find("[") != std::string::npos);
  CHECK(run.out.find("stand-in") == std::string::npos);
  CHECK(run.out.find('\x1b') == std::string::npos);
}

TEST_CASE("what came from the stand-in says so on the same line, and answers no exercise", "[lab1]") {
  // Neither a file nor a cache nor a network.
  const std::string nowhere = empty_folder("lab1_nowhere"), file = nowhere + "/out.json";
  const ProcessResult run = program({"lab1", "--runs", "2", "--epochs", "2", "--offline", "--json", file},
                                    {.environment = {{"FACTORISE_DATA", nowhere}, {"XDG_CACHE_HOME", nowhere}}});
  INFO(run.err);
  REQUIRE(run.status == 0);
  const json four = json::parse(content_of(file))["gd_factorise_masked"];
  CHECK(four["ratings"]["source"] == "stand-in");
  CHECK(four["ratings"]["shape"] == json({1000, 10000}));
  CHECK(four["prediction"].is_number());
  std::istringstream lines(run.out.substr(run.out.find("4.1 ")));
  std::string line;
  std::getline(lines, line);  // the heading
  int said = 0;
  while (std::getline(lines, line) && !line.empty()) {
    INFO(line);
    CHECK(line.find("stand-in") != std::string::npos);
    ++said;
  }
  CHECK(said >= 4);
  CHECK(run.out.find("not an answer to the exercise") != std::string::npos);
  CHECK(run.out.find("public run") == std::string::npos);
  CHECK(four["over_seeds"].empty());
  CHECK(run.out.find("predicted rating") == std::string::npos);
  CHECK(run.err.find("stand-in") != std::string::npos);
  CHECK(program({"lab1", "--runs", "1", "--epochs", "1", "--offline", "--quiet"},
                {.environment = {{"FACTORISE_DATA", nowhere}, {"XDG_CACHE_HOME", nowhere}}})
            .err.empty());
}

TEST_CASE("lab1 finds data/ratings.pt by itself, and titles beside it", "[lab1]") {
  const std::string folder = empty_folder("lab1_data");
  save_pt(folder + "/ratings.pt", small_ratings());
  std::string titles = "movie,name\n";
  for (int movie = 0; movie < 130; ++movie) {
    titles += std::to_string(movie) +
              (movie == 77 ? ",A Beautiful Mind\n" : ",\"Film, number " + std::to_string(movie) + "\"\n");
  }
  std::ofstream(folder + "/titles.csv") << titles;
  const ProcessOptions here{.environment = {{"FACTORISE_DATA", folder}}};
  const json found = json::parse(program(quick({"--json", "-"}), here).out)["gd_factorise_masked"];
  CHECK(found["ratings"]["source"] == "file");
  CHECK(found["row"] == 77);
  const json other = json::parse(
      program(quick({"--json", "-", "--movie", "Film, number 3", "--user", "39"}), here).out)["gd_factorise_masked"];
  CHECK(other["row"] == 3);
  CHECK(other["user"] == 39);
  const json none =
      json::parse(program(quick({"--json", "-", "--movie", "No such film"}), here).out)["gd_factorise_masked"];
  CHECK(none["row"].is_null());
  CHECK(none["prediction"].is_null());
  const json beyond = json::parse(program(quick({"--json", "-", "--user", "40"}), here).out)["gd_factorise_masked"];
  CHECK(beyond["prediction"].is_null());
}

TEST_CASE("lab1 refuses what it cannot use, with a sentence and without a file", "[lab1]") {
  const std::string folder = empty_folder("lab1_bad"), json_file = folder + "/out.json";
  std::ofstream(folder + "/junk.pt") << "not a tensor";
  save_pt(folder + "/vector.pt", at::rand({7}));
  save_pt(folder + "/zeros.pt", at::zeros({130, 40}));
  for (const auto& [file, word] : {std::pair<std::string, std::string>{"missing.pt", "missing.pt"},
                                   {"junk.pt", "junk.pt"},
                                   {"vector.pt", "movies x users"},
                                   {"zeros.pt", "at least one"}}) {
    const ProcessResult run = program(quick({"--ratings", folder + "/" + file, "--json", json_file}));
    INFO(file << ": " << run.err);
    CHECK(run.status == 1);
    CHECK(run.err.find(word) != std::string::npos);
    CHECK(run.err.find("frame #") == std::string::npos);
    CHECK_FALSE(std::filesystem::exists(json_file));
  }
  CHECK(program({"lab1", "--runs", "0"}).status == 2);
  CHECK(program({"lab1", "--rnus", "3"}).status == 2);
  CHECK(program({"lab1", "extra"}).status == 2);
}

TEST_CASE("Ctrl-C in 4.1 ends lab1 with 130 and says what stands", "[lab1]") {
  const std::string folder = empty_folder("lab1_interrupt"), json_file = folder + "/out.json";
  ProcessOptions options{.environment = {{"FACTORISE_DATA", folder}, {"XDG_CACHE_HOME", folder}}};
  const auto about_to_run = [](pid_t, const ProcessResult& so_far) {
    return so_far.err.find("4.1 will take") != std::string::npos;
  };
  options.signals = {{SIGINT, about_to_run}};
  const ProcessResult run = program({"lab1", "--offline", "--epochs", "1000000", "--json", json_file}, options);
  INFO(run.err);
  CHECK(run.status == 130);
  CHECK(run.err.find("Stopped in exercise 4.1, full-batch descent, after ") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(json_file));
}
