// `--entries` of the verbs: ratings as they are published go in, and models are asked by the ids that those have.

#include <ATen/Context.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>
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

ProcessResult run(const std::string& folder, const std::vector<std::string>& arguments) {
  return program_in(folder, {"factorise"}, arguments);
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
  std::ofstream(folder + "/movies.csv") << "movieId,title,genres\n35,Heat,Crime\n36,Other,None\n";
  const ProcessResult titled =
      run(folder, {"top", "F.pt", "--column", "900", "--entries", "ratings.dat", "--titles", "movies.csv"});
  CHECK_THAT(titled.out, contains("35") && contains("  Heat\n"));
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

TEST_CASE("every method, a hold-out, patience and a resumed run have the bits of the dense matrix", "[entries]") {
  const std::string folder = empty_folder("entries_methods");
  at::manual_seed(6);
  std::ofstream lines(folder + "/ratings.csv");
  lines << "row,column,value\n";
  const Tensor places = at::randperm(40 * 60).slice(0, 0, 700), values = at::randint(1, 6, {700});
  for (int64_t e = 0; e < 700; ++e) {
    const auto place = places[e].item<int64_t>();
    lines << place % 40 * 3 << "," << place / 40 - 7 << "," << values[e].item<double>() << "\n";
  }
  lines.close();
  REQUIRE(run(folder, {"convert", "ratings.csv", "dense.pt"}).status == 0);
  const std::vector<std::string> dense{"dense.pt",   "--key", "A",       "--mask", "dense.pt",
                                       "--mask-key", "M",     "--dtype", "float32"};
  const std::vector<std::vector<std::string>> runs{
      {"--method", "sgd", "--rank", "3", "--epochs", "30"},
      {"--method", "sgd", "--rank", "9", "--epochs", "4", "--engine", "reference"},
      {"--method", "sgd", "--rank", "3", "--hold-out", "0.2", "--split-seed", "5", "--epochs", "30"},
      {"--method", "sgd", "--rank", "4", "--hold-out", "0.3", "--patience", "2", "--every", "5", "--epochs", "90"},
      {"--method", "sgd", "--rank", "2", "--checkpoint", "C.pt", "--every", "7", "--epochs", "30"},
      {"--method", "als", "--rank", "3"},
      {"--method", "als", "--rank", "9", "--hold-out", "0.2", "--epochs", "5"},
      {"--method", "gd", "--rank", "3", "--hold-out", "0.2", "--lr", "0.001", "--epochs", "30"},
      {"--method", "ad", "--rank", "3", "--lr", "0.001", "--epochs", "30"}};
  for (const auto& arguments : runs) {
    const auto fitted = [&](std::vector<std::string> matrix, const std::string& output) {
      matrix.insert(matrix.begin(), "fit");
      matrix.insert(matrix.end(), arguments.begin(), arguments.end());
      matrix.insert(matrix.end(), {"--output", output, "--json", "-"});
      const ProcessResult result = run(folder, matrix);
      INFO(result.err);
      REQUIRE(result.status == 0);
      auto json = ordered_json::parse(result.out);
      json.erase("seconds");
      json.erase("output");
      return json;
    };
    INFO(arguments[1] << " rank " << arguments[3]);
    CHECK(fitted({"--entries", "ratings.csv"}, "E.pt") == fitted(dense, "D.pt"));
    for (const char* factor : {"U", "V"}) {
      CHECK(at::equal(load_tensor(folder + "/E.pt", factor), load_tensor(folder + "/D.pt", factor)));
    }
  }
  const std::vector<std::string> half{"fit", "--entries", "ratings.csv", "--method", "sgd", "--rank", "2"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), half.begin(), half.end());
    return run(folder, more);
  };
  REQUIRE(with({"--epochs", "13", "--checkpoint", "H.pt"}).status == 0);
  REQUIRE(with({"--epochs", "30", "--resume", "H.pt", "--output", "R.pt"}).status == 0);
  REQUIRE(with({"--epochs", "30", "--output", "once.pt"}).status == 0);
  CHECK(at::equal(load_tensor(folder + "/R.pt", "V"), load_tensor(folder + "/once.pt", "V")));
  std::ofstream(folder + "/ratings.csv", std::ios::app) << "0,500,1\n";
  CHECK_THAT(with({"--epochs", "30", "--resume", "H.pt"}).err, contains("H.pt is of another run: matrix was 40x60"));
}

TEST_CASE("ratings whose matrix no machine could store are fitted, and the best of a column asked for", "[entries]") {
  const std::string folder = empty_folder("entries_large");
  std::ofstream lines(folder + "/ratings.csv");
  for (int64_t i = 0; i < 1'000'000; ++i) lines << i << "," << 7 * i << "," << 1 + i % 5 << "\n";
  lines.close();
  const auto fit = [&](const std::string& method) {
    return run(folder, {"fit", "--entries", "ratings.csv", "--method", method, "--rank", "2", "--epochs", "3",
                        "--output", "F.pt"});
  };
  const ProcessResult fitted = fit("sgd");
  INFO(fitted.err);
  REQUIRE(fitted.status == 0);
  CHECK_THAT(fitted.out, contains("1000000 x 1000000"));
  const std::vector<std::string> top{"top", "F.pt", "--column", "5", "--count", "1", "--json", "-"};
  auto unseen = top;
  unseen.insert(unseen.end(), {"--entries", "ratings.csv"});
  const auto best = [&](const std::vector<std::string>& arguments) {
    return ordered_json::parse(run(folder, arguments).out)["rows"];
  };
  REQUIRE(best(unseen).size() == 1);
  CHECK(best(unseen) == best(top));  // user 5 has rated one movie of a million, and it is not this one
  CHECK(best(top)[0]["row"] != 35);
  const ProcessResult refused = fit("gd");
  CHECK(refused.status == 1);
  CHECK_THAT(refused.err, contains("1000000 rows and 1000000 columns make a dense matrix of 5000 GB"));
  CHECK_THAT(refused.err, contains("--method sgd, als and gibbs with --device cpu need none."));
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
      {{"top", "F.pt", "--column", "4", "--titles", "titles.csv"}, 1, "must be the header movieId,title"},
      {{"top", "F.pt", "--column", "4", "--entries", "other.dat"}, 1, "the ids in other.dat must be those that F.pt"},
  };
  for (const auto& [arguments, status, sentence] : failures) {
    const ProcessResult result = run(folder, arguments);
    INFO(result.err);
    CHECK(result.status == status);
    CHECK_THAT(result.err, contains(sentence));
  }
}

TEST_CASE("ids that are texts go through a model and back", "[entries]") {
  const std::string folder = empty_folder("entries_texts");
  std::ofstream(folder + "/books.csv") << "\"User-ID\";\"ISBN\";\"Book-Rating\"\n"
                                          "\"276725\";\"034545104X\";\"0\"\n\"276726\";\"0155061224\";\"5\"\n"
                                          "\"276725\";\"0155061224\";\"3\"\n\"276729\";\"007\";\"6\"\n";
  const ProcessResult fitted = run(folder, {"fit", "--entries", "books.csv", "--method", "sgd", "--rank", "1",
                                            "--epochs", "20", "--output", "F.pt"});
  INFO(fitted.err);
  REQUIRE(fitted.status == 0);
  CHECK_THAT(fitted.out, contains("books.csv, 3 x 3, 4 observed"));
  const Tensor U = load_tensor(folder + "/F.pt", "U").to(at::kDouble), V = load_tensor(folder + "/F.pt", "V");
  const double expected = U[2].dot(V[1].to(at::kDouble)).item<double>();  // 034545104X, 276726
  const auto asked = ordered_json::parse(
      run(folder, {"predict", "F.pt", "--row", "034545104X", "--column", "276726", "--json", "-"}).out);
  CHECK(asked["predictions"][0]["row"] == "034545104X");
  CHECK(asked["predictions"][0]["column"] == 276726);
  CHECK(asked["predictions"][0]["prediction"].get<double>() == Approx(expected).epsilon(1e-12));
  CHECK_THAT(run(folder, {"predict", "F.pt", "--row", "7", "--column", "276726"}).err,
             contains("--row must be one of the 3 ids that were fitted in F.pt, but was 7."));
  std::ofstream(folder + "/pairs.csv") << "row,column\n007,276725\n";
  CHECK_THAT(run(folder, {"predict", "F.pt", "--pairs", "pairs.csv"}).out, contains("\n007,276725,"));
  std::ofstream(folder + "/titles.csv") << "movieId,title\n034545104X,Flesh Tones\n";
  const ProcessResult best = run(
      folder, {"top", "F.pt", "--column", "276726", "--entries", "books.csv", "--titles", "titles.csv", "--json", "-"});
  INFO(best.err);
  const auto rows = ordered_json::parse(best.out)["rows"];
  REQUIRE(rows.size() == 2);  // all but the one that user 276726 has rated
  for (const auto& row : rows) {
    CHECK((row["row"] == "007" || row["row"] == "034545104X"));
    CHECK((row["row"] == "007" ? row["title"] == "" : row["title"] == "Flesh Tones"));
  }
  REQUIRE(run(folder, {"convert", "books.csv", "books.pt"}).status == 0);
  REQUIRE(run(folder, {"convert", "books.pt", "again.csv"}).status == 0);
  CHECK(content_of(folder + "/again.csv") ==
        "row,column,value\n007,276729,6\n0155061224,276725,3\n0155061224,276726,5\n034545104X,276725,0\n");
}

TEST_CASE("a table's missing number, duplicates and a Matrix Market file are what they say in every verb",
          "[entries]") {
  const std::string folder = empty_folder("entries_kinds");
  std::ofstream(folder + "/jester.csv") << "2,-7.5,99,8.5\n1,99,0.5,99\n3,1,2,3\n";
  std::ofstream(folder + "/A.mtx") << "%%MatrixMarket matrix coordinate real general\n3 3 6\n1 1 -7.5\n1 3 8.5\n"
                                      "2 2 0.5\n3 1 1\n3 2 2\n3 3 3\n";
  save_pt(folder + "/A.pt", at::tensor({-7.5, 99.0, 8.5, 99.0, 0.5, 99.0, 1.0, 2.0, 3.0}).view({3, 3}));
  const auto fit = [&](std::vector<std::string> input) {
    input.insert(input.begin(),
                 {"fit", "--method", "sgd", "--rank", "1", "--epochs", "5", "--dtype", "float32", "--output", "F.pt"});
    const ProcessResult result = run(folder, input);
    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK_THAT(result.out, contains("3 x 3, 6 observed"));
    return std::pair(load_tensor(folder + "/F.pt", "U"), result.err);
  };
  const auto [expected, nothing] = fit({"A.pt", "--missing", "99"});
  const auto [table, notice] = fit({"jester.csv", "--missing", "99"});
  CHECK(at::equal(table, expected));
  CHECK_THAT(notice, contains("jester.csv: its first column counts what is observed in each row, and is left out."));
  CHECK(at::equal(fit({"A.mtx"}).first, expected));
  CHECK(at::equal(fit({"--entries", "A.mtx"}).first, expected));
  CHECK_THAT(run(folder, {"fit", "A.mtx", "--missing", "99", "--method", "sgd", "--rank", "1"}).err,
             contains("--key, --mask and --missing are for matrices, but A.mtx holds entries."));
  std::ofstream(folder + "/twice.csv") << "u,i,r\n1,2,3\n1,2,5\n";
  const std::vector<std::string> twice{"convert", "twice.csv", "T.csv", "--columns", "row=i,column=u,value=r"};
  CHECK_THAT(run(folder, twice).err, contains("twice.csv, line 3: every entry must be given once"));
  for (const auto& [which, value] : std::vector<std::pair<std::string, std::string>>{{"last", "5"}, {"mean", "4"}}) {
    auto arguments = twice;
    arguments.insert(arguments.end(), {"--duplicates", which});
    REQUIRE(run(folder, arguments).status == 0);
    CHECK(content_of(folder + "/T.csv") == "row,column,value\n2,1," + value + "\n");
  }
}
