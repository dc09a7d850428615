// `factorise fit` judged by what it has not seen: a share set aside, and a test file of its own. Figures are compared
// with sums written out here.

#include <ATen/ops/tensor.h>
#include <factorise/io.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.h"
#include "places.h"
#include "process.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::ordered_json;

namespace {

/// Movies 10, 20 and 35, users 4 and 900; the test has movie 36 and user 7 besides.
std::string files(const std::string& name) {
  const std::string folder = empty_folder(name);
  std::ofstream(folder + "/base.dat") << "900::10::5::1\n4::35::1::1\n4::10::4::1\n900::20::3::1\n";
  std::ofstream(folder + "/test.dat") << "900::35::2::1\n4::36::5::1\n4::20::4::1\n7::10::1::1\n";
  return folder;
}

ProcessResult fit(const std::string& folder, std::vector<std::string> more) {
  more.insert(more.begin(), {"--entries", "base.dat", "--method", "sgd", "--rank", "2", "--epochs", "20"});
  return program_in(folder, {"factorise", "fit"}, more);
}

ordered_json fitted(const std::string& folder, std::vector<std::string> more) {
  more.insert(more.end(), {"--json", "-", "--output", "F.pt"});
  const ProcessResult result = fit(folder, more);
  INFO(result.err);
  REQUIRE(result.status == 0);
  return ordered_json::parse(result.out);
}

double product(const std::string& folder, int64_t row, int64_t column) {
  const Tensor U = load_tensor(folder + "/F.pt", "U").to(at::kDouble), V = load_tensor(folder + "/F.pt", "V");
  return U[row].dot(V[column].to(at::kDouble)).item<double>();
}

}  // namespace

TEST_CASE("a test file is read by --columns and --duplicates, as the training is", "[judged]") {
  const std::string folder = files("judged_columns");
  const std::string header = "who,what,stars,kind\n";
  std::ofstream(folder + "/base.csv") << header << "900,10,5,a\n4,35,1,a\n4,10,4,b\n900,20,3,b\n";
  std::ofstream(folder + "/test.csv") << header << "4,20,1,a\n900,35,2,a\n4,36,5,a\n4,20,4,b\n7,10,1,b\n";
  const std::vector<std::string> how{"--columns", "row=what,column=who,value=stars", "--duplicates", "last"};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.end(), how.begin(), how.end());
    return words;
  };
  const auto expected = fitted(folder, {"--test", "test.dat"})["test"];
  const ProcessResult fit = program_in(folder, {"factorise", "fit"},
                                       with({"--entries", "base.csv", "--method", "sgd", "--rank", "2", "--epochs",
                                             "20", "--test", "test.csv", "--json", "-"}));
  INFO(fit.err);
  REQUIRE(fit.status == 0);
  auto judged = ordered_json::parse(fit.out)["test"];
  CHECK(judged["file"] == "test.csv");
  judged["file"] = "test.dat";
  CHECK(judged == expected);

  const ProcessResult asked = program_in(folder, {"factorise", "predict"},
                                         with({"F.pt", "--pairs", "test.csv", "--output", "P.csv", "--json", "-"}));
  INFO(asked.err);
  REQUIRE(asked.status == 0);
  CHECK(ordered_json::parse(asked.out)["judgement"]["rmse"].get<double>() ==
        Approx(expected["rmse"].get<double>()).epsilon(1e-12));
  CHECK(program_in(folder, {"factorise", "predict"}, with({"F.pt", "--row", "10", "--column", "4"})).status == 2);
}

TEST_CASE("a test file judges by the ids of the training's", "[judged]") {
  const std::string folder = files("judged_test");
  const auto json = fitted(folder, {"--test", "test.dat"});
  const double mean = (5 + 1 + 4 + 3) / 4.0;
  CHECK(json["mean"] == mean);
  const auto& test = json["test"];
  CHECK(test["file"] == "test.dat");
  CHECK(test["entries"] == 4);
  CHECK(test["fallbacks"] == 2);
  const double first = 2 - product(folder, 2, 1), second = 4 - product(folder, 1, 0);
  const double unseen = (5 - mean) * (5 - mean) + (1 - mean) * (1 - mean), far = 5 - mean + mean - 1;
  CHECK(test["known_rmse"].get<double>() == Approx(std::sqrt((first * first + second * second) / 2)).epsilon(1e-12));
  CHECK(test["rmse"].get<double>() == Approx(std::sqrt((first * first + second * second + unseen) / 4)).epsilon(1e-12));
  CHECK(test["known_mae"].get<double>() == Approx((std::abs(first) + std::abs(second)) / 2).epsilon(1e-12));
  CHECK(test["mae"].get<double>() == Approx((std::abs(first) + std::abs(second) + far) / 4).epsilon(1e-12));
  // The run is the one without a test, and the model file has the figures.
  const Tensor U = load_tensor(folder + "/F.pt", "U");
  CHECK(fitted(folder, {})["test"].is_null());
  CHECK(load_tensor(folder + "/F.pt", "U").equal(U));
  const ProcessResult shown = fit(folder, {"--test", "test.dat", "--output", "F.pt"});
  CHECK_THAT(shown.out, contains("test    RMSE ") && contains("over the 4 entries of test.dat\n") &&
                            contains("without 2 of rows or columns unseen in training (the mean, 3.25)"));
  const ProcessResult listed = program_in(folder, {"factorise", "show", "F.pt"}, {"--json", "-"});
  const auto values = ordered_json::parse(listed.out)["values"];
  for (const char* key : {"rmse", "mae", "entries", "fallbacks", "known_rmse", "known_mae"}) {
    CHECK(values["test_" + std::string(key)] == test[key]);
  }
  CHECK(values["observed_mean"] == mean);
}

TEST_CASE("predictions that are judged are clipped where that is asked", "[judged]") {
  const std::string folder = files("judged_clip");
  const auto automatic = fitted(folder, {"--test", "test.dat", "--clip", "auto"});
  CHECK(automatic["clip"] == ordered_json::array({1.0, 5.0}));
  const auto kept = fitted(folder, {"--test", "test.dat", "--clip", "2,2"});
  CHECK(kept["test"]["rmse"].get<double>() == Approx(std::sqrt((0 + 9 + 4 + 1) / 4.0)).epsilon(1e-15));
  CHECK(fitted(folder, {"--test", "test.dat"})["clip"].is_null());
}

TEST_CASE("a converted test file is the same test", "[judged]") {
  const std::string folder = files("judged_pt");
  REQUIRE(program_in(folder, {"factorise", "convert"}, {"test.dat", "test.pt"}).status == 0);
  auto lines = fitted(folder, {"--test", "test.dat"})["test"], matrix = fitted(folder, {"--test", "test.pt"})["test"];
  lines.erase("file");
  matrix.erase("file");
  CHECK(lines["entries"] == matrix["entries"]);
  CHECK(lines["rmse"].get<double>() == Approx(matrix["rmse"].get<double>()).epsilon(1e-14));  // another order
  // A training matrix without ids is asked by its rows' and columns' numbers.
  save_pt(folder + "/A.pt", at::tensor({1.0, 2.0, 3.0, 4.0}).view({2, 2}));
  std::ofstream(folder + "/numbers.csv") << "row,column,value\n0,1,2\n5,0,4\n";
  const ProcessResult result = program_in(folder, {"factorise", "fit", "A.pt"},
                                          {"--method", "sgd", "--rank", "1", "--test", "numbers.csv", "--json", "-"});
  INFO(result.err);
  CHECK(ordered_json::parse(result.out)["test"]["fallbacks"] == 1);
}

TEST_CASE("predictions of ratings are judged as a test is", "[judged]") {
  const std::string folder = files("judged_pairs");
  const auto test = fitted(folder, {"--test", "test.dat"})["test"];
  const auto predict = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"F.pt", "--pairs", "test.dat"});
    const ProcessResult result = program_in(folder, {"factorise", "predict"}, more);
    CHECK(result.status == 0);
    return result;
  };
  const auto json = ordered_json::parse(predict({"--json", "-"}).out);
  for (const auto& [key, value] : json["judgement"].items()) CHECK(value == test[key]);
  REQUIRE(json["predictions"].size() == 4);  // row by row
  CHECK(json["predictions"][0]["row"] == 10);
  CHECK(json["predictions"][0]["column"] == 7);
  CHECK(json["predictions"][0]["fallback"] == true);
  CHECK(json["predictions"][0]["prediction"] == 3.25);
  CHECK(json["predictions"][1]["row"] == 20);
  CHECK(json["predictions"][1]["prediction"].get<double>() == Approx(product(folder, 1, 0)).epsilon(1e-12));
  CHECK(json["predictions"][3]["row"] == 36);
  const ProcessResult listed = predict({});
  CHECK(listed.out.starts_with("row,column,prediction,fallback\n10,7,3.25,1\n20,4,"));
  CHECK_THAT(listed.err, contains("over the 4 entries of test.dat\n") && contains("without 2 of rows or columns"));
  const ProcessResult kept = predict({"--output", "P.csv"});
  CHECK(kept.out.starts_with("RMSE "));
  CHECK(content_of(folder + "/P.csv") == listed.out);
  // A list of pairs alone is no judgement, and factors alone know no fallback.
  std::ofstream(folder + "/pairs.csv") << "row,column\n10,4\n";
  CHECK(
      ordered_json::parse(program_in(folder, {"factorise", "predict", "F.pt"}, {"--pairs", "pairs.csv", "--json", "-"})
                              .out)["judgement"]
          .is_null());
  save_pt(folder + "/bare.pt", {{"U", load_tensor(folder + "/F.pt", "U")}, {"V", load_tensor(folder + "/F.pt", "V")}});
  const ProcessResult bare = program_in(folder, {"factorise", "predict", "bare.pt"}, {"--pairs", "test.dat"});
  CHECK(bare.status == 1);
  CHECK_THAT(bare.err, contains("test.dat has rows or columns that bare.pt does not have"));
}

TEST_CASE("a hold-out says what of it is of rows and columns that the run saw nothing of", "[judged]") {
  const std::string folder = empty_folder("judged_hold_out");
  std::ofstream lines(folder + "/base.dat");
  for (int64_t i = 0; i < 60; ++i) lines << i % 6 << "::" << i / 6 << "::" << 1 + i * 7 % 5 << "\n";
  for (int64_t movie = 100; movie < 120; ++movie) lines << "1::" << movie << "::4\n";  // one rating each
  lines.close();
  const auto json = fitted(folder, {"--hold-out", "0.3"});
  const auto& aside = json["hold_out"];
  const auto unseen = json["unobserved_rows"].get<int64_t>();
  CHECK(unseen > 0);
  CHECK(aside["fallbacks"] == unseen);  // of each such movie the one rating is set aside
  CHECK(aside["entries"].get<int64_t>() + json["observed"].get<int64_t>() == 80);
  // Those are predicted as the mean, so that both figures give the errors there.
  const double mean = json["mean"].get<double>(), n = aside["entries"].get<double>();
  const double squares = n * std::pow(aside["rmse"].get<double>(), 2) -
                         (n - static_cast<double>(unseen)) * std::pow(aside["known_rmse"].get<double>(), 2);
  CHECK(squares == Approx(static_cast<double>(unseen) * (4 - mean) * (4 - mean)).epsilon(1e-9));
  const ProcessResult shown = fit(folder, {"--hold-out", "0.3"});
  CHECK_THAT(shown.out, contains("hold-out  RMSE ") && contains("of rows or columns unseen in training (the mean, ") &&
                            contains("none in " + std::to_string(unseen) + " row"));
}

TEST_CASE("a test that cannot judge is refused", "[judged]") {
  const std::string folder = files("judged_refused");
  save_pt(folder + "/whole.pt", at::tensor({1.0, 2.0}).view({2, 1}));
  std::ofstream(folder + "/bad.dat") << "1::2::3\n1::3\n";
  const auto before = names_in(folder);
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> failures{
      {{"--test", "none.dat"}, 1, "none.dat"},
      {{"--test", "bad.dat"}, 1, "bad.dat, line 2: must be user, movie, rating"},
      {{"--test", "whole.pt"}, 1, "--test must be a file of ratings, or a .pt file that says what is observed"},
      {{"--test", "test.dat", "--json", "test.dat"}, 2, "cannot be the same file"},
      {{"--clip", "1,5"}, 2, "--clip is for --hold-out and --test alone"},
      {{"--test", "test.dat", "--clip", "5,1"}, 2, "--clip must be auto or two numbers"},
      {{"--test", "test.dat", "--patience", "2"}, 2, "--patience is for --hold-out alone"},
      {{"--u", "a", "--v", "b"}, 2, "--u is for --initial alone"},
  };
  for (const auto& [more, status, sentence] : failures) {
    auto arguments = more;
    arguments.insert(arguments.end(), {"--output", "F.pt"});
    const ProcessResult result = fit(folder, arguments);
    INFO(result.err);
    CHECK(result.status == status);
    CHECK_THAT(result.err, contains(sentence));
    CHECK(names_in(folder) == before);
  }
}

TEST_CASE("MovieLens' own split is judged as its ids have it", "[judged]") {
  const std::string data = std::string(kTestsFolder) + "/../../shared/data/ml-100k";
  if (!std::filesystem::exists(data + "/u1.base")) {
    WARN("skipped: ../shared/data/ml-100k is not there");
    return;
  }
  const std::string folder = empty_folder("judged_movielens");
  const ProcessResult result =
      program_in(folder, {"factorise", "fit"},
                 {"--entries", data + "/u1.base", "--test", data + "/u1.test", "--method", "sgd", "--rank", "5", "--lr",
                  "0.02", "--weight-decay", "0.1", "--lr-decay", "0.97", "--epochs", "280", "--json", "-"});
  INFO(result.err);
  REQUIRE(result.status == 0);
  const auto json = ordered_json::parse(result.out);
  // As NumPy has them of the same factors; the run's bits are the same on every machine.
  CHECK(json["mean"] == 3.52835);
  CHECK(json["test"]["entries"] == 20000);
  CHECK(json["test"]["fallbacks"] == 32);
  CHECK(json["test"]["rmse"].get<double>() == Approx(0.932204026315474).epsilon(1e-12));
  CHECK(json["test"]["mae"].get<double>() == Approx(0.7363123509997053).epsilon(1e-12));
  CHECK(json["test"]["known_rmse"].get<double>() == Approx(0.9298241648219087).epsilon(1e-12));
  CHECK(json["test"]["known_mae"].get<double>() == Approx(0.7348654557288715).epsilon(1e-12));
}
