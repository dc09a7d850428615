// `factorise top` run as a program: the best rows first, those seen left out, titles beside them.

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

/// Column 1 of U Vᵀ is [2, 8, 6]; row 1 is seen there.
std::string files(const std::string& name) {
  const std::string folder = empty_folder(name);
  save_pt(folder + "/F.pt",
          {{"U", at::tensor({1.0, 4.0, 3.0}).view({3, 1})}, {"V", at::tensor({1.0, 2.0}).view({2, 1})}});
  save_pt(folder + "/A.pt", at::tensor({0, 0, 1, 5, 2, 0}).view({3, 2}));
  std::ofstream(folder + "/titles.csv") << "movie,name\n0,First\n1,Second\n2,\"Third, the\"\n";
  return folder;
}

ProcessResult top(const std::string& folder, const std::vector<std::string>& arguments) {
  return program_in(folder, {"factorise", "top", "F.pt"}, arguments);
}

}  // namespace

TEST_CASE("the best unseen rows, with their titles", "[top]") {
  const std::string folder = files("top_rows");
  const ProcessResult shown =
      top(folder, {"--column", "1", "--matrix", "A.pt", "--missing", "zero", "--titles", "titles.csv"});
  INFO(shown.err);
  CHECK(shown.status == 0);
  CHECK(shown.err == "");
  CHECK_THAT(shown.out, contains("6.0000  Third, the"));
  CHECK(shown.out.find("Third") < shown.out.find("First"));
  CHECK(shown.out.find("Second") == std::string::npos);

  const auto schema = Schema::object({{"model", Schema::text()},
                                      {"column", Schema::whole()},
                                      {"unobserved", Schema::truth()},
                                      {"unobserved_rows", Schema::whole()},
                                      {"rows", Schema::list(Schema::object({{"row", Schema::whole()},
                                                                            {"prediction", Schema::number()},
                                                                            {"deviation", Schema::number().or_null()},
                                                                            {"title", Schema::text().or_null()}}))}});
  const ProcessResult all = top(folder, {"--column", "1", "--count", "2", "--json", "-"});
  const auto json = ordered_json::parse(all.out);
  CHECK(schema.violation(json) == "");
  CHECK(json["rows"].size() == 2);
  CHECK(json["rows"][0]["row"] == 1);
  CHECK(json["rows"][1]["prediction"] == 6.0);
  CHECK(json["rows"][1]["title"].is_null());
  CHECK_THAT(all.err, contains("nothing is known to be seen"));
}

TEST_CASE("rows without an entry in training are not ranked", "[top]") {
  const std::string folder = empty_folder("top_unobserved");
  // Row 1 would be the best; it and column 2 have no rating.
  save_pt(folder + "/F.pt", {{"U", at::tensor({1.0, 4.0, 3.0}).view({3, 1})},
                             {"V", at::tensor({1.0, 2.0, 3.0}).view({3, 1})},
                             {"observed_mean", 3.0},
                             {"observed_min", 1.0},
                             {"observed_max", 5.0},
                             {"row_counts", at::tensor({2, 0, 1}, at::kLong)},
                             {"column_counts", at::tensor({2, 1, 0}, at::kLong)}});
  save_pt(folder + "/A.pt", at::tensor({1, 1, 0, 0, 0, 0, 1, 0, 0}).view({3, 3}));
  const ProcessResult shown = top(folder, {"--column", "1", "--clip", "1,5"});
  INFO(shown.err);
  CHECK_THAT(shown.err, contains("1 row without an entry in training is not ranked.\n"));
  CHECK(shown.out.find("5.0000") < shown.out.find("2.0000"));  // 6, clipped
  CHECK(shown.out.find("8.0000") == std::string::npos);
  const auto json = ordered_json::parse(top(folder, {"--column", "1", "--json", "-"}).out);
  CHECK(json["unobserved"] == false);
  CHECK(json["unobserved_rows"] == 1);
  REQUIRE(json["rows"].size() == 2);
  CHECK(json["rows"][0]["row"] == 2);
  CHECK(json["rows"][0]["prediction"] == 6.0);
  const ProcessResult cold = top(folder, {"--column", "2"});
  CHECK_THAT(cold.err, contains("Column 2 had no entry in training") && contains("is the mean, 3."));
  CHECK(cold.out == "No row can be ranked.\n");
  CHECK(ordered_json::parse(top(folder, {"--column", "2", "--json", "-"}).out)["unobserved"] == true);
  CHECK(top(folder, {"--column", "0", "--matrix", "A.pt", "--missing", "zero"}).out ==
        "Every row is seen, or had no entry in training.\n");
}

TEST_CASE("factors of other names are ranked", "[top]") {
  const std::string folder = files("top_names");
  save_pt(folder + "/F.pt", {{"p", load_tensor(folder + "/F.pt", "U")}, {"q", load_tensor(folder + "/F.pt", "V")}});
  const auto json = ordered_json::parse(top(folder, {"--u", "p", "--v", "q", "--column", "1", "--json", "-"}).out);
  CHECK(json["rows"][0]["prediction"] == 8.0);
}

TEST_CASE("top refuses in sentences", "[top]") {
  const std::string folder = files("top_failures");
  save_pt(folder + "/B.pt", at::tensor({0, 0, 1, 5}).view({2, 2}));
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> failures{
      {{}, 2, "--column is required"},
      {{"--column", "1", "--count", "0"}, 2, "--count must be a whole number of at least 1"},
      {{"--column", "1", "--missing", "zero"}, 2, "there is no --matrix"},
      {{"--column", "2"}, 1, "--column must be from 0 to 1 in F.pt, but was 2."},
      {{"--column", "1", "--matrix", "A.pt"}, 1, "by --missing or --mask"},
      {{"--column", "1", "--matrix", "B.pt", "--missing", "zero"}, 1, "B.pt must be 3 x 2"},
      {{"--column", "1", "--matrix", "A.pt", "--mask", "B.pt"}, 1, "the mask in B.pt must be 3 x 2"},
      {{"--column", "1", "--titles", "none.csv"}, 1, "none.csv"},
  };
  for (const auto& [arguments, status, sentence] : failures) {
    const ProcessResult result = top(folder, arguments);
    INFO(result.err);
    CHECK(result.status == status);
    CHECK(result.out == "");
    CHECK_THAT(result.err, contains(sentence));
  }
}
