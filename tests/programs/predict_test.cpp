// `factorise predict` run as a program: the library's numbers, on stdout, in a CSV and in JSON.

#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <factorise/gibbs.h>
#include <factorise/io.h>
#include <fmt/format.h>

#include <fstream>

#include "catch.h"
#include "places.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::ordered_json;

namespace {

/// U Vᵀ = [[1, 2], [3, 6], [0.5, 1]].
std::string files(const std::string& name) {
  const std::string folder = empty_folder(name);
  save_pt(folder + "/F.pt",
          {{"U", at::tensor({1.0, 3.0, 0.5}).view({3, 1})}, {"V", at::tensor({1.0, 2.0}).view({2, 1})}});
  std::ofstream(folder + "/pairs.csv") << "row,column\n1,1\n2,0\n";
  return folder;
}

ProcessResult predict(const std::string& folder, const std::vector<std::string>& arguments) {
  return program_in(folder, {"factorise", "predict"}, arguments);
}

}  // namespace

TEST_CASE("one entry is one number, many are a CSV", "[predict]") {
  const std::string folder = files("predict_entries");
  CHECK(predict(folder, {"F.pt", "--row", "1", "--column", "1"}).out == "6\n");
  CHECK(predict(folder, {"F.pt", "--row", "2", "--column", "0"}).out == "0.5\n");
  const std::string csv = "row,column,prediction,fallback\n1,1,6,0\n2,0,0.5,0\n";
  const ProcessResult listed = predict(folder, {"F.pt", "--pairs", "pairs.csv"});
  INFO(listed.err);
  CHECK(listed.status == 0);
  CHECK(listed.out == csv);
  const ProcessResult kept = predict(folder, {"F.pt", "--pairs", "pairs.csv", "--output", "P.csv"});
  CHECK(kept.out == "");
  CHECK(kept.err == "2 predictions are in P.csv.\n");
  CHECK(content_of(folder + "/P.csv") == csv);
}

TEST_CASE("the JSON of predict has its keys", "[predict]") {
  const std::string folder = files("predict_json");
  const auto schema =
      Schema::object({{"model", Schema::text()},
                      {"judgement", judgement_schema().or_null()},
                      {"predictions", Schema::list(Schema::object({{"row", Schema::whole()},
                                                                   {"column", Schema::whole()},
                                                                   {"prediction", Schema::number().or_null()},
                                                                   {"deviation", Schema::number().or_null()},
                                                                   {"fallback", Schema::truth()}}))}});
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"F.pt", "--row", "1", "--column", "1", "--json", "-"}, {"F.pt", "--pairs", "pairs.csv", "--json", "-"}}) {
    const ProcessResult result = predict(folder, arguments);
    INFO(result.err);
    REQUIRE(result.status == 0);
    const auto json = ordered_json::parse(result.out);
    CHECK(schema.violation(json) == "");
    CHECK(json["predictions"][0]["prediction"] == 6.0);
  }
}

TEST_CASE("where training saw nothing the mean is predicted, and marked", "[predict]") {
  const std::string folder = empty_folder("predict_fallback");
  // Row 1 and column 2 have no rating.
  save_pt(folder + "/A.pt", at::tensor({5.0, 1.0, 0.0, 0.0, 0.0, 0.0, 4.0, 2.0, 0.0}).view({3, 3}));
  const std::vector<std::string> fit{"A.pt", "--missing", "zero", "--method", "sgd", "--rank",
                                     "1",    "--epochs",  "5",    "--seed",   "3",   "--output"};
  const auto fitted = [&](const std::string& output, const std::vector<std::string>& more) {
    auto arguments = fit;
    arguments.push_back(output);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult result = program_in(folder, {"factorise", "fit"}, arguments);
    INFO(result.err);
    REQUIRE(result.status == 0);
    return result.out;
  };
  CHECK_THAT(fitted("F.pt", {}), contains("4 observed (44.4 %), none in 1 row and 1 column"));
  CHECK(load_tensor(folder + "/F.pt", "row_counts").equal(at::tensor({2, 0, 2}, at::kLong)));
  CHECK(load_tensor(folder + "/F.pt", "column_counts").equal(at::tensor({2, 2, 0}, at::kLong)));
  const ProcessResult one = predict(folder, {"F.pt", "--row", "1", "--column", "0"});
  CHECK(one.out == "3\n");
  CHECK(one.err == "This entry is of a row or column unseen in training: the prediction is its mean, 3.\n");
  std::ofstream(folder + "/pairs.csv") << "row,column\n0,2\n0,0\n1,1\n";
  const auto product = load_tensor(folder + "/F.pt", "U")[0].dot(load_tensor(folder + "/F.pt", "V")[0]).item<double>();
  const ProcessResult listed = predict(folder, {"F.pt", "--pairs", "pairs.csv", "--json", "-"});
  CHECK(listed.err == "2 of the 3 entries are of a row or column unseen in training: the prediction is its mean, 3.\n");
  const auto predictions = ordered_json::parse(listed.out)["predictions"];
  CHECK(predictions[0]["prediction"] == 3.0);
  CHECK(predictions[0]["fallback"] == true);
  CHECK(predictions[1]["prediction"].get<double>() == Approx(product).epsilon(1e-6));
  CHECK(predictions[1]["fallback"] == false);
  CHECK(predictions[2]["fallback"] == true);
  CHECK_THAT(predict(folder, {"F.pt", "--pairs", "pairs.csv"}).out, contains("\n0,2,3,1\n") && contains("\n1,1,3,1\n"));

  // Rows and columns that the matrix does not have are as unseen as row 1; what cannot be a row is refused.
  std::ofstream(folder + "/far.csv") << "row,column\n0,7\n900,1\n0,0\n";
  const ProcessResult far = predict(folder, {"F.pt", "--pairs", "far.csv"});
  CHECK(far.status == 0);
  CHECK_THAT(far.out, contains("\n0,7,3,1\n") && contains("\n900,1,3,1\n0,0,"));
  CHECK_THAT(far.err, contains("2 of the 3 entries"));
  for (const char* row : {"-1", "x", "1.5"}) {
    std::ofstream(folder + "/bad.csv") << "row,column\n" << row << ",0\n";
    const ProcessResult refused = predict(folder, {"F.pt", "--pairs", "bad.csv"});
    CHECK(refused.status == 1);
    CHECK_THAT(refused.err, contains("bad.csv, line 2: row must be a whole number, from 0 to 2"));
  }

  // A run that goes on from this one knows what this one has seen; of others' factors nothing is known to be drawn.
  save_pt(folder + "/B.pt", at::tensor({0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 2.0, 4.0}).view({3, 3}));
  const auto go_on = [&](const std::string& initial, const std::string& output) {
    const ProcessResult result = program_in(folder, {"factorise", "fit", "B.pt"},
                                            {"--missing", "zero", "--method", "sgd", "--rank", "1", "--epochs", "5",
                                             "--initial", initial, "--output", output});
    INFO(result.err);
    REQUIRE(result.status == 0);
  };
  go_on("F.pt", "on.pt");
  CHECK(load_tensor(folder + "/on.pt", "row_counts").equal(at::tensor({3, 0, 4}, at::kLong)));
  CHECK(load_tensor(folder + "/on.pt", "column_counts").equal(at::tensor({2, 3, 2}, at::kLong)));
  save_pt(folder + "/plain.pt", {{"U", load_tensor(folder + "/F.pt", "U")}, {"V", load_tensor(folder + "/F.pt", "V")}});
  go_on("plain.pt", "other.pt");
  CHECK(predict(folder, {"other.pt", "--row", "1", "--column", "0"}).err == "");
}

TEST_CASE("a model of draws predicts with deviations, also what it has not seen", "[predict]") {
  const std::string folder = empty_folder("predict_draws");
  at::manual_seed(3);
  const Tensor A = at::randint(1, 6, {12, 9}, at::TensorOptions(at::kFloat)) * at::rand({12, 9}).lt(0.7);
  save_pt(folder + "/A.pt", A);
  const ProcessResult fitted = program_in(
      folder, {"factorise", "fit"},
      {"A.pt", "--missing", "zero", "--method", "gibbs", "--rank", "2", "--epochs", "60", "--output", "F.pt"});
  INFO(fitted.err);
  REQUIRE(fitted.status == 0);
  CHECK_THAT(fitted.out, contains("11 kept; the noise has the standard deviation "));
  const Posterior posterior = gibbs_factorise_masked(A, A.ne(0), 2, GibbsOptions().num_epochs(60).seed(0));
  const auto expected = [&](int64_t row, int64_t column) {
    const Predictions found =
        factorise::predict(posterior.factors(), observations(A, A.ne(0)), at::tensor({row}, at::kLong),
                           at::tensor({column}, at::kLong), std::nullopt, posterior.kept());
    return std::pair(found.values[0].item<double>(), found.deviations[0].item<double>());
  };
  const auto [value, deviation] = expected(4, 3);
  const ProcessResult one = predict(folder, {"F.pt", "--row", "4", "--column", "3", "--deviation"});
  CHECK(one.err == "");
  CHECK(one.out == fmt::format("{:.6g} +- {:.6g}\n", value, deviation));
  std::ofstream(folder + "/pairs.csv") << "row,column\n4,3\n70,3\n70,80\n";
  const ProcessResult listed = predict(folder, {"F.pt", "--pairs", "pairs.csv", "--deviation"});
  CHECK(listed.err == "");
  std::string lines = "row,column,prediction,deviation,fallback\n";
  for (const auto& [row, column, shown] : {std::tuple(4, 3, "4,3"), {-1, 3, "70,3"}, {-1, -1, "70,80"}}) {
    const auto [mean, spread] = expected(row, column);
    lines += fmt::format("{},{},{},0\n", shown, mean, spread);
  }
  CHECK(listed.out == lines);
  CHECK(predict(folder, {"F.pt", "--pairs", "pairs.csv"}).out.find("deviation") == std::string::npos);
  const auto json =
      ordered_json::parse(predict(folder, {"F.pt", "--pairs", "pairs.csv", "--deviation", "--json", "-"}).out);
  CHECK(json["predictions"][0]["deviation"] == deviation);

  // Ranked with deviations, and by the predictions less these.
  const auto ranked = [&](const char* by) {
    const ProcessResult shown =
        program_in(folder, {"factorise", "top"},
                   {"F.pt", "--column", "3", "--count", "12", "--by", by, "--deviation", "--json", "-"});
    return ordered_json::parse(shown.out)["rows"];
  };
  const auto lowest = [](const ordered_json& row) {
    return row["prediction"].get<double>() - row["deviation"].get<double>();
  };
  const auto best = ranked("prediction"), cautious = ranked("lower");
  REQUIRE(best.size() == 12);
  REQUIRE(cautious.size() == 12);
  for (size_t i = 0; i + 1 < 12; ++i) {
    CHECK(best[i]["prediction"] >= best[i + 1]["prediction"]);
    CHECK(lowest(cautious[i]) >= lowest(cautious[i + 1]));
  }
  CHECK(best != cautious);
  CHECK_THAT(program_in(folder, {"factorise", "top"}, {"F.pt", "--column", "3", "--deviation"}).out,
             contains("row  prediction  deviation\n"));

  // Of other models there is no deviation.
  save_pt(folder + "/plain.pt", {{"U", at::rand({3, 1})}, {"V", at::rand({2, 1})}});
  const ProcessResult refused = predict(folder, {"plain.pt", "--row", "1", "--column", "1", "--deviation"});
  CHECK(refused.status == 1);
  CHECK(refused.err ==
        "factorise: --deviation needs a model with two draws or more, as fit --method gibbs writes it, but "
        "plain.pt has none.\n");
  const ProcessResult cautiously =
      program_in(folder, {"factorise", "top"}, {"plain.pt", "--column", "1", "--by", "lower"});
  CHECK(cautiously.status == 1);
  CHECK_THAT(cautiously.err, contains("--by lower needs a model with two draws or more"));
  save_pt(folder + "/bad.pt",
          {{"U", at::rand({3, 4})}, {"V", at::rand({2, 4})}, {"draws", int64_t{3}}, {"noise_variance", 0.5}});
  CHECK_THAT(predict(folder, {"bad.pt", "--row", "1", "--column", "1"}).err,
             contains("bad.pt: draws must divide the columns of U and V"));
}

TEST_CASE("predictions are kept between two values", "[predict]") {
  const std::string folder = files("predict_clip");
  CHECK(predict(folder, {"F.pt", "--row", "1", "--column", "1", "--clip", "1,5"}).out == "5\n");
  CHECK(predict(folder, {"F.pt", "--row", "2", "--column", "0", "--clip=1,5"}).out == "1\n");
  save_pt(folder + "/S.pt", {{"U", load_tensor(folder + "/F.pt", "U")},
                             {"V", load_tensor(folder + "/F.pt", "V")},
                             {"observed_mean", 3.0},
                             {"observed_min", 2.5},
                             {"observed_max", 4.5}});
  CHECK(predict(folder, {"S.pt", "--row", "1", "--column", "1", "--clip", "auto"}).out == "4.5\n");
  CHECK(predict(folder, {"S.pt", "--row", "1", "--column", "1"}).out == "6\n");
  const ProcessResult unknown = predict(folder, {"F.pt", "--row", "1", "--column", "1", "--clip", "auto"});
  CHECK(unknown.status == 1);
  CHECK_THAT(unknown.err, contains("F.pt does not say between which values it was fitted: give --clip LOW,HIGH"));
  for (const char* clip : {"5,1", "1", "1,", "1,5,", "a,b", "nan,1", "low"}) {
    const ProcessResult refused = predict(folder, {"F.pt", "--row", "1", "--column", "1", "--clip", clip});
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, contains("--clip must be auto or two numbers, LOW,HIGH"));
  }
}

TEST_CASE("factors of other names are found by these", "[predict]") {
  const std::string folder = empty_folder("predict_names");
  const Tensor users = at::tensor({1.0, 3.0, 0.5}).view({3, 1}), items = at::tensor({1.0, 2.0}).view({2, 1});
  save_pt(folder + "/M.pt", {{"user_factors.weight", users.expand({3, 2}).contiguous()},
                             {"item_factors.weight", items.expand({2, 2}).contiguous()},
                             {"user_bias.weight", users},
                             {"step", int64_t{7}}});
  const std::vector<std::string> entry{"M.pt", "--row", "1", "--column", "1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), entry.begin(), entry.end());
    return predict(folder, more);
  };
  const ProcessResult named = with({"--u", "user_factors.weight", "--v", "item_factors.weight"});
  CHECK(named.out == "12\n");
  CHECK(named.err == "M.pt: user_bias.weight is left out: entries are those of U Vᵀ alone, without biases.\n");
  const ProcessResult refused = with({});
  CHECK(refused.status == 1);
  CHECK_THAT(refused.err, contains("M.pt must hold U and V") &&
                              contains("It holds user_factors.weight (3 x 2) and item_factors.weight (2 x 2)") &&
                              contains("--u user_factors.weight --v item_factors.weight takes these two"));
  CHECK_THAT(
      with({"--u", "users", "--v", "item_factors.weight"}).err,
      contains("--u must name a tensor of M.pt, but there is none called 'users'. It holds user_factors.weight"));
  CHECK_THAT(with({"--u", "user_factors.weight", "--v", "user_bias.weight"}).err, contains("as many columns"));
  const ProcessResult half = with({"--u", "user_factors.weight"});
  CHECK(half.status == 2);
  CHECK_THAT(half.err, contains("--u and --v must be given together."));
  if (!python_has("torch")) {
    WARN("skipped: no Python with torch");
    return;
  }
  // A training script's checkpoint: the state dict within a dict.
  const char* script =
      "import torch\n"
      "class Model(torch.nn.Module):\n"
      "    def __init__(self):\n"
      "        super().__init__()\n"
      "        self.user_factors, self.item_factors = torch.nn.Embedding(3, 2), torch.nn.Embedding(4, 2)\n"
      "torch.manual_seed(0)\n"
      "model = Model()\n"
      "torch.save({'epoch': 3, 'model': model.state_dict()}, 'nested.pt')\n"
      "print(float(model.user_factors.weight[2].double() @ model.item_factors.weight[3].double()))\n";
  ProcessOptions options;
  options.folder = folder;
  const ProcessResult python = run_process({kPython, "-c", script}, options);
  INFO(python.err);
  REQUIRE(python.status == 0);
  const ProcessResult nested = predict(folder, {"nested.pt", "--u", "model.item_factors.weight", "--v",
                                                "model.user_factors.weight", "--row", "3", "--column", "2"});
  INFO(nested.err);
  CHECK(std::stod(nested.out) == Approx(std::stod(python.out)).epsilon(1e-5));  // six digits are printed
}

TEST_CASE("predict refuses in sentences, and writes nothing then", "[predict]") {
  const std::string folder = files("predict_failures");
  save_pt(folder + "/A.pt", at::tensor({1.0, 2.0}));
  save_pt(folder + "/odd.pt", {{"U", at::tensor({1.0, 2.0}).view({2, 1})}, {"V", at::tensor({1.0, 2.0}).view({1, 2})}});
  std::ofstream(folder + "/far.csv") << "row,column\n1,1\n3,0\n";
  std::ofstream(folder + "/bare.csv") << "1,1\n";
  const auto before = names_in(folder);
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> failures{
      {{"F.pt"}, 2, "an entry is needed, --row and --column, or a list of them, --pairs."},
      {{"F.pt", "--row", "1"}, 2, "an entry is needed"},
      {{"F.pt", "--row", "1", "--column", "1", "--pairs", "pairs.csv"}, 2, "cannot be given together"},
      {{"F.pt", "--row", "1", "--column", "1", "--output", "P.csv"}, 2, "--output is for the list of --pairs"},
      {{"F.pt", "--row", "-1", "--column", "1"}, 1, "--row must be from 0 to 2"},
      {{"F.pt", "--row", "3", "--column", "1"}, 1, "--row must be from 0 to 2 in F.pt, but was 3."},
      {{"F.pt", "--row", "0", "--column", "2"}, 1, "--column must be from 0 to 1"},
      {{"A.pt", "--row", "0", "--column", "0"}, 1, "A.pt must hold U and V"},
      {{"odd.pt", "--row", "0", "--column", "0"}, 1, "with as many columns as each other"},
      {{"F.pt", "--pairs", "far.csv", "--output", "P.csv"},
       1,
       "far.csv, line 3: row must be a whole number, from 0 to"},
      {{"F.pt", "--pairs", "bare.csv", "--output", "P.csv"}, 1, "bare.csv, line 1: must be the header row,column"},
      {{"F.pt", "--pairs", "pairs.csv", "--output", "no/P.csv"}, 1, "there is no folder no"},
  };
  for (const auto& [arguments, status, sentence] : failures) {
    const ProcessResult result = predict(folder, arguments);
    INFO(result.err);
    CHECK(result.status == status);
    CHECK(result.out == "");
    CHECK_THAT(result.err, contains(sentence));
    CHECK(names_in(folder) == before);
  }
}
