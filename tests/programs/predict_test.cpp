// `factorise predict` run as a program: the library's numbers, on stdout, in a CSV and in JSON.

#include <ATen/ops/tensor.h>
#include <factorise/io.h>

#include <fstream>

#include "catch.h"
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
  const std::string csv = "row,column,prediction\n1,1,6\n2,0,0.5\n";
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
  const auto schema = Schema::object(
      {{"model", Schema::text()},
       {"predictions",
        Schema::list(Schema::object(
            {{"row", Schema::whole()}, {"column", Schema::whole()}, {"prediction", Schema::number().or_null()}}))}});
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
