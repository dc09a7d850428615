// NumPy's arrays in files made byte by byte: every order of bytes, the types that torch has not, archives; and what is
// refused by its name. NumPy itself writes and reads files in programs/convert_test.cpp.

#include "io/npy.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include "catch.h"
#include "from_hex.h"
#include "io/npz.h"
#include "io/zip_writer.h"
#include "refusal.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

std::string array(const std::string& descr, const std::string& hex, const std::string& shape = "(1, 2)",
                  const char* fortran = "False") {
  const std::string dict = "{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(dict.size()) + '\0' + dict + from_hex(hex);
}

}  // namespace

TEST_CASE("arrays are read in either order of bytes, and unsigned ones in a type that computes", "[npy]") {
  const auto parse = [](const std::string& bytes) { return parse_npy("t", bytes); };
  const auto is = [&](const std::string& bytes, const Tensor& expected) {
    const Tensor found = parse(bytes);
    return found.scalar_type() == expected.scalar_type() && at::equal(found, expected.view({1, 2}));
  };
  CHECK(is(array("'>i2'", "0102fffe"), at::tensor({0x102, -2}).to(at::kShort)));
  CHECK(is(array("'<i2'", "0201feff"), at::tensor({0x102, -2}).to(at::kShort)));
  CHECK(is(array("'>f8'", "3ff00000000000003ff8000000000000"), at::tensor({1.0, 1.5})));
  CHECK(is(array("'>f4'", "3f8000003fc00000"), at::tensor({1.0F, 1.5F})));
  CHECK(is(array("'>i8'", "0000000000000001ffffffffffffffff"), at::tensor({int64_t{1}, int64_t{-1}})));
  CHECK(is(array("'<u2'", "0100ffff"), at::tensor({1, 65535})));
  CHECK(is(array("'>u2'", "0001ffff"), at::tensor({1, 65535})));
  CHECK(is(array("'<u4'", "01000000ffffffff"), at::tensor({int64_t{1}, int64_t{4294967295}})));
  CHECK(is(array("'<u8'", "0100000000000000ffffffffffffff7f"), at::tensor({int64_t{1}, INT64_MAX})));
  CHECK(at::equal(parse(array("'>i2'", "000100020003000400050006", "(2, 3)", "True")),
                  at::tensor({1, 3, 5, 2, 4, 6}).view({2, 3}).to(at::kShort)));
  const auto refusal = [&](const std::string& bytes) { return refusal_of([&] { parse(bytes); }); };
  CHECK_THAT(refusal(array("'<u8'", "0100000000000000ffffffffffffffff")), contains("2^63 - 1"));
  const std::vector<std::pair<std::string, std::string>> bad{
      {"'|O'", "Python objects"},
      {"'<c16'", "complex numbers (<c16); in Python, array.real"},
      {"'<U3'", "texts"},
      {"'|S3'", "texts"},
      {"'<M8[ns]'", "times"},
      {"'<f16'", "reals of more than 64 bits"},
      {"'|V4'", "bytes without a type"},
      {"[('a', '<f4')]", "records of several fields"},
      {"'<x4'", "a type that is not known here"}};
  for (const auto& [descr, what] : bad) {
    INFO(descr);
    CHECK_THAT(refusal(array(descr, "00")), contains("must hold real numbers of 8 to 64 bits") && contains(what));
  }
}

TEST_CASE("an archive gives its only array, or the one that is named", "[npy]") {
  const Folder folder("npz");
  // numpy.savez_compressed(a=numpy.array([[1, 2, 3], [4, 5, 6]], dtype='<i4'))
  const auto deflated = folder.write(
      "c.npz",
      from_hex("504b03042d000000080000002100d34b2eaeffffffffffffffff05001400612e6e707901001000980000000000000057"
               "000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9369a2aea3a09e965f54529498179f5f94920a"
               "12774bcc294e058a17672416a402f91a463a0ac69a3a0ab50a64032e460606062620660662162066056236200600504b"
               "01022d032d000000080000002100d34b2eae5700000098000000050000000000000000000000800100000000612e6e70"
               "79504b05060000000001000100330000008e0000000000"));
  const std::string without = refusal_of([&] { load_npz(deflated); });
  if (!holds(without, "no zlib")) {
    CHECK(at::equal(load_npz(deflated), at::tensor({1, 2, 3, 4, 5, 6}).view({2, 3}).to(at::kInt)));
    CHECK(at::equal(load_npz(deflated, "a"), load_npz(deflated)));
    CHECK_THAT(refusal_of([&] { load_npz(deflated, "b"); }), contains("must hold an array called b, but holds a."));
  }
  const auto path = folder.path() / "two.npz";
  {
    AtomicFile file("test", path);
    ZipWriter zip(file);
    zip.add("x.npy", array("'>i2'", "00010002"));
    zip.add("y.npy", array("'>i2'", "00030004"));
    zip.finish();
    file.commit();
  }
  CHECK(at::equal(load_npz(path, "y"), at::tensor({3, 4}).view({1, 2}).to(at::kShort)));
  CHECK_THAT(refusal_of([&] { load_npz(path); }), contains("--key must name one of them, but it holds x, y."));
}
