// Matrix Market as its standard has it: two formats, three fields, three symmetries, and what is refused.

#include "io/mtx.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include "catch.h"
#include "from_hex.h"
#include "refusal.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

Tensor three(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values.begin(), values.size())).view({3, 3});
}

}  // namespace

TEST_CASE("every format, field and symmetry of Matrix Market is read", "[mtx]") {
  const Folder folder("mtx");
  const auto dense = [&](const std::string& text) {
    const Tensor A = load_mtx(folder.write("A.mtx", text)).A;
    return A.is_sparse() ? A.to_dense() : A;
  };
  const Tensor general = three({0, 2, 0, 0, 0, -1.5, 7, 0, 0});
  CHECK(at::equal(dense("%%MatrixMarket matrix coordinate real general\n% c\n\n3 3 3\n3 1 7\n1 2 2\n%\n2 3 -1.5e0\n"),
                  general));
  CHECK(at::equal(dense("%%matrixmarket MATRIX Coordinate REAL General\r\n3 3 3\r\n3 1 7\r\n1 2 +2\r\n2 3 -1.5\r\n"),
                  general));
  CHECK(at::equal(dense("%%MatrixMarket  matrix\tarray real general\n3 3\n0\n0\n7\n2\n0\n0\n0\n-1.5\n0\n"), general));
  CHECK(at::equal(dense("%%MatrixMarket matrix coordinate integer symmetric\n3 3 3\n1 1 4\n2 1 5\n3 2 6\n"),
                  three({4, 5, 0, 5, 0, 6, 0, 6, 0})));
  CHECK(at::equal(dense("%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 2\n2 1 5\n3 2 6\n"),
                  three({0, -5, 0, 5, 0, -6, 0, 6, 0})));
  CHECK(at::equal(dense("%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 3\n"),
                  three({0, 1, 0, 1, 0, 0, 0, 0, 1})));
  CHECK(at::equal(dense("%%MatrixMarket matrix array integer symmetric\n3 3\n1\n2\n3\n4\n5\n6\n"),
                  three({1, 2, 3, 2, 4, 5, 3, 5, 6})));
  CHECK(at::equal(dense("%%MatrixMarket matrix array real skew-symmetric\n3 3\n2\n3\n5\n"),
                  three({0, -2, -3, 2, 0, -5, 3, 5, 0})));
  // Rows and columns without an entry stay; what is not in the file is not observed.
  const Tensor sparse =
      load_mtx(folder.write("A.mtx", "%%MatrixMarket matrix coordinate real general\n4 5 1\n2 2 0\n"), at::kFloat).A;
  CHECK(sparse.sizes() == at::IntArrayRef({4, 5}));
  CHECK(sparse._nnz() == 1);
  CHECK(sparse.is_coalesced());
  CHECK(sparse.scalar_type() == at::kFloat);
}

TEST_CASE("a compressed Matrix Market file is read", "[mtx]") {
  const Folder folder("mtx_gzip");
  const auto path = folder.write(
      "A.mtx.gz", from_hex("1f8b08000000000002035355f54d2c29caacf04d2cca4e2d51c8057314128b8a122b158a52137314d253f3528b"
                           "1273b88c140cb98cb94cb8000bc4e70831000000"));
  const std::string refusal = refusal_of([&] { load_mtx(path); });
  if (holds(refusal, "no zlib")) {
    WARN("skipped: " << refusal);
    return;
  }
  CHECK(at::equal(load_mtx(path).A, at::tensor({3.0, 4.0}).view({2, 1})));
}

TEST_CASE("what is no matrix of real numbers in Matrix Market's form is refused with its line", "[mtx]") {
  const Folder folder("mtx_refused");
  const auto refusal = [&](const std::string& text) {
    return refusal_of([&] { load_mtx(folder.write("A.mtx", text)); });
  };
  const std::string banner = "%%MatrixMarket matrix ";
  const std::vector<std::pair<std::string, std::string>> bad{
      {banner + "coordinate complex general\n1 1 1\n1 1 1 0\n", "line 1: must be of real numbers, as complex ones"},
      {banner + "array complex hermitian\n1 1\n1 0\n", "line 1: must be of real numbers"},
      {"%%MatrixMarket vector coordinate real general\n1 1\n", "line 1: must be of a matrix"},
      {banner + "coordinate real\n1 1 1\n1 1 1\n", "line 1: must be %%MatrixMarket matrix coordinate real general"},
      {banner + "coordinate real upper\n1 1 1\n1 1 1\n", "must be general, symmetric or skew-symmetric"},
      {banner + "array pattern general\n1 1\n1\n", "an array has no pattern"},
      {banner + "coordinate pattern skew-symmetric\n2 2 1\n2 1\n", "a pattern has no signs"},
      {banner + "coordinate real symmetric\n2 3 1\n2 1 1\n", "line 2: a matrix that is symmetric must be square"},
      {banner + "coordinate real skew-symmetric\n2 2 1\n1 1 1\n", "line 3: a skew-symmetric matrix has zeros"},
      {banner + "coordinate real symmetric\n2 2 2\n2 1 1\n1 2 1\n",
       "line 4: every entry must be given once, its mirror image not at all, but this one is already given on line 3."},
      {banner + "coordinate real general\n2 2 2\n2 1 1\n2 1 1\n", "line 4: every entry must be given once, but"},
      {banner + "coordinate real general\n2 2 9000000000000000000\n2 1 1\n", "line 4: must be an entry, but the file"},
      {banner + "array real general\n3000 3000\n1\n", "line 2: must be followed by 3000 x 3000 numbers"},
      {banner + "array real general\n2 1\n1\nnan\n", "line 4: must be a finite number, that of row 2 and column 1"},
      {banner + "array real general\n2 1\n1\n2\n3\n", "line 5: must be the end"},
      {banner + "coordinate pattern general\n2 1 1\n1 1 1\n", "line 3: must be row and column, but is 1 1 1."}};
  for (const auto& [text, sentence] : bad) {
    INFO(text);
    CHECK_THAT(refusal(text), contains(sentence));
  }
}
