// `factorise convert` run as a program: what goes round all kinds of files comes back, and NumPy reads what it writes.

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <factorise/io.h>

#include <cmath>
#include <fstream>

#include "catch.h"
#include "places.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::ordered_json;

namespace {

/// No row or column without an entry; numbers that decimal text does not hold in few digits.
Tensor whole() { return at::tensor({0.1, 0.0, 1e-30, 3.3359, 2.5, 0.0}).view({3, 2}).to(at::kFloat); }

std::string files(const std::string& name) {
  const std::string folder = empty_folder(name);
  save_pt(folder + "/A.pt", whole());
  std::ofstream(folder + "/ratings.dat") << "900::10::5::1\n4::35::1::1\n4::10::4.5::1\n900::20::3::1\n";
  return folder;
}

ProcessResult convert(const std::string& folder, const std::vector<std::string>& arguments) {
  return program_in(folder, {"factorise", "convert"}, arguments);
}

}  // namespace

TEST_CASE("a matrix comes back from a round through every kind of file", "[convert]") {
  const std::string folder = files("convert_round");
  const std::vector<std::vector<std::string>> steps{
      {"A.pt", "a.npy"}, {"a.npy", "b.mtx", "--missing", "zero"}, {"b.mtx", "c.csv"}, {"c.csv", "d.pt"}};
  for (const auto& step : steps) {
    const ProcessResult result = convert(folder, step);
    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(result.err == "");
    CHECK_THAT(result.out, contains(step[1] + ": 3 x 2, " + (step[1] == "a.npy" ? "6" : "4") + " entries"));
  }
  CHECK(content_of(folder + "/b.mtx").starts_with("%%MatrixMarket matrix coordinate real general\n3 2 4\n1 1 0.1\n"));
  CHECK(content_of(folder + "/c.csv").starts_with("row,column,value\n0,0,"));
  const Tensor A = load_tensor(folder + "/d.pt", "A"), M = load_tensor(folder + "/d.pt", "M");
  CHECK(at::equal(A.to(at::kFloat), whole()));
  CHECK(at::equal(M, whole().ne(0)));
}

TEST_CASE("ids stay where a file can hold them, and it is said where it cannot", "[convert]") {
  const std::string folder = files("convert_ids");
  const ProcessResult listed = convert(folder, {"ratings.dat", "r.csv", "--json", "-"});
  REQUIRE(listed.status == 0);
  const auto json = ordered_json::parse(listed.out);
  CHECK(Schema::object({{"input", Schema::text()},
                        {"output", Schema::text()},
                        {"shape", Schema::list(Schema::whole(), 2)},
                        {"observed", Schema::whole()}})
            .violation(json) == "");
  CHECK(json["observed"] == 4);
  CHECK(content_of(folder + "/r.csv") == "row,column,value\n10,4,4.5\n10,900,5\n20,900,3\n35,4,1\n");
  REQUIRE(convert(folder, {"ratings.dat", "r.pt"}).status == 0);
  CHECK(at::equal(load_tensor(folder + "/r.pt", "row_ids"), at::tensor({int64_t{10}, int64_t{20}, int64_t{35}})));
  // A .pt that was converted is taken whole, ids and all, also by fit.
  REQUIRE(convert(folder, {"r.pt", "again.csv"}).status == 0);
  CHECK(content_of(folder + "/again.csv") == content_of(folder + "/r.csv"));
  ProcessOptions options;
  options.folder = folder;
  REQUIRE(program({"factorise", "fit", "r.pt", "--method", "gd", "--rank", "1", "--output", "F.pt"}, options).status ==
          0);
  CHECK(at::equal(load_tensor(folder + "/F.pt", "row_ids"), load_tensor(folder + "/r.pt", "row_ids")));
  const ProcessResult asked = program({"factorise", "predict", "F.pt", "--row", "35", "--column", "900"}, options);
  CHECK(asked.status == 0);
  const ProcessResult numbered = convert(folder, {"ratings.dat", "r.mtx"});
  CHECK_THAT(numbered.err, contains("cannot hold the ids"));
  CHECK_THAT(convert(folder, {"ratings.dat", "r.npy"}).err, contains("cannot say what is not observed"));
}

TEST_CASE("NumPy reads what is written, and is read in every type and order", "[convert]") {
  const std::string folder = files("convert_numpy");
  ProcessOptions options;
  options.folder = folder;
  if (!python_has("numpy")) {
    WARN("skipped: no Python with NumPy");
    return;
  }
  const char* write =
      "import numpy as np\n"
      "a = np.arange(12).reshape(3, 4) % 2\n"
      "for t in 'f4 f8 f2 i1 u1 ?1 i2 i4 i8'.replace('?1', '?').split():\n"
      "  np.save(t.replace('?', 'b') + '.npy', a.astype(t))\n"
      "np.save('order.npy', np.asfortranarray(a.astype('f4')))\n"
      "np.save('big.npy', a.astype('>f4'))\n"
      "np.save('object.npy', np.array([[None]]), allow_pickle=True)\n"
      "np.save('line.npy', a[0])\n"
      "np.savez('stored.npz', a)\n"
      "np.savez('several.npz', x=a.T, y=a)\n"
      "np.savez('sparse.npz', indices=a[0], indptr=a[0], format=np.array('csr'), shape=a[0], data=a[0])\n"
      "for t in 'u2 u4 u8'.split(): np.save(t + '.npy', a.astype(t))\n"
      "open('short.npy', 'wb').write(open('f4.npy', 'rb').read()[:-1])\n";
  REQUIRE(run_process({kPython, "-c", write}, options).status == 0);
  for (const char* type : {"f4", "f8", "f2", "i1", "u1", "b", "i2", "i4", "i8", "order", "big", "u2", "u4", "u8"}) {
    INFO(type);
    REQUIRE(convert(folder, {std::string(type) + ".npy", "T.pt"}).status == 0);
    const Tensor tensor = load_tensor(folder + "/T.pt");
    CHECK(at::equal(tensor.to(at::kInt), at::tensor({0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}).view({3, 4})));
    REQUIRE(convert(folder, {"T.pt", std::string("again_") + type + ".npy"}).status == 0);
  }
  REQUIRE(convert(folder, {"stored.npz", "S.pt"}).status == 0);
  REQUIRE(convert(folder, {"several.npz", "T.pt", "--key", "y"}).status == 0);
  CHECK(at::equal(load_tensor(folder + "/S.pt"), load_tensor(folder + "/T.pt")));
  const char* read =
      "import numpy as np\n"
      "for t in 'f4 f8 f2 i1 u1 b i2 i4 i8'.split():\n"
      "  a, b = np.load(t + '.npy'), np.load('again_' + t + '.npy')\n"
      "  assert a.dtype == b.dtype and (a == b).all() and a.shape == b.shape, t\n";
  const ProcessResult python = run_process({kPython, "-c", read}, options);
  INFO(python.err);
  CHECK(python.status == 0);
  for (const auto& [file, sentence] : std::vector<std::pair<std::string, std::string>>{
           {"object.npy", "Python objects, and nothing in a file is run here"},
           {"several.npz", "it holds x, y."},
           {"sparse.npz", "a sparse matrix of SciPy's"},
           {"line.npy", "has 1 dimensions"},
           {"short.npy", "must hold 3 x 4 numbers of 4 bytes, but holds 47 bytes."}}) {
    const ProcessResult refused = convert(folder, {file, "no.pt"});
    CHECK(refused.status == 1);
    CHECK_THAT(refused.err, contains(sentence));
  }
}

TEST_CASE("convert refuses in sentences and writes nothing then", "[convert]") {
  const std::string folder = files("convert_refused");
  const auto file = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
  };
  const std::string banner = "%%MatrixMarket matrix coordinate real general\n";
  file("complex.mtx", "%%MatrixMarket matrix array complex general\n1 1\n1 0\n");
  file("sizes.mtx", banner + "% a comment\n2 2\n");
  file("outside.mtx", banner + "2 2 1\n3 1 1\n");
  file("words.mtx", banner + "2 2 1\n1 1 one\n");
  file("short.mtx", banner + "2 2 2\n1 1 1\n");
  file("long.mtx", banner + "2 2 1\n1 1 1\n1 2 1\n");
  file("twice.mtx", banner + "2 2 2\n1 1 1\n1 1 2\n");
  file("text.npy", "no array");
  file("cut.npy", "\x93NUMPY\x01");
  REQUIRE(convert(folder, {"A.pt", "array.npy"}).status == 0);
  file("bad.csv", "row,column,value\n1,2\n");
  save_pt(folder + "/nan.pt", at::tensor({1.0, std::nan("")}).view({1, 2}));
  save_pt(folder + "/empty.pt", at::zeros({0, 3}));
  save_pt(folder + "/shapes.pt", {{"A", at::ones({2, 2})}, {"M", at::ones({2, 3})}});
  const auto before = names_in(folder);
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> failures{
      {{"A.pt"}, 2, "OUT is required"},
      {{"nan.pt", "no.csv"}, 1, "no.csv can hold finite numbers alone, but the matrix has NaN or infinity"},
      {{"nan.pt", "no.mtx"}, 1, "--missing nan leaves NaN out."},
      {{"empty.pt", "no.csv"}, 1, "empty.pt must have rows and columns, but is 0 x 3."},
      {{"shapes.pt", "no.csv"}, 1, "shapes.pt: holds 2 tensors, so a key must say which: A, M."},
      {{"A.pt", "A.txt"}, 2, "OUT must end in .pt, .npy, .mtx or .csv, but was 'A.txt'."},
      {{"bad.csv", "no.pt", "--missing", "zero"},
       1,
       "bad.csv, line 2: must have 3 fields, the row's name and a number for each of 2 columns, but has 2."},
      {{"array.npy", "no.pt", "--key", "A"}, 2, "--key is for .pt and .npz files"},
      {{"text.npy", "no.pt", "--key", "A"}, 2, "text.npy holds entries"},
      {{"A.pt", "no/A.npy"}, 1, "OUT cannot be written to no/A.npy"},
      {{"complex.mtx", "no.pt"}, 1, "complex.mtx, line 1: must be of real numbers"},
      {{"bad.csv", "no.pt", "--columns", "row"}, 2, "--columns must be row=NAME,column=NAME,value=NAME"},
      {{"array.npy", "no.pt", "--missing", "none"}, 2, "--missing must be zero, nan or a number, but was 'none'."},
      {{"array.npy", "no.pt", "--duplicates", "last"}, 2, "--columns and --duplicates are for entries"},
      {{"sizes.mtx", "no.pt"}, 1, "sizes.mtx, line 3: must be rows, columns"},
      {{"outside.mtx", "no.pt"}, 1, "line 3: the row must be from 1 to 2"},
      {{"words.mtx", "no.pt"}, 1, "line 3: must be row, column and value, but is 1 1 one."},
      {{"short.mtx", "no.pt"}, 1, "line 4: must be an entry, but the file ends."},
      {{"long.mtx", "no.pt"}, 1, "line 4: must be the end"},
      {{"twice.mtx", "no.pt"}, 1, "line 4: every entry must be given once"},
      {{"text.npy", "no.pt"}, 1, "text.npy, line 1: must be an entry, or the names row,column,value"},
      {{"cut.npy", "no.pt"}, 1, "cut.npy: must be a .npy file"},
      {{"bad.csv", "no.pt"}, 1, "bad.csv, line 2"},
      {{"none.pt", "no.npy"}, 1, "none.pt"},
  };
  for (const auto& [arguments, status, sentence] : failures) {
    const ProcessResult result = convert(folder, arguments);
    INFO(result.err);
    CHECK(result.status == status);
    CHECK(result.out == "");
    CHECK_THAT(result.err, contains(sentence));
    CHECK(names_in(folder) == before);
  }
}
