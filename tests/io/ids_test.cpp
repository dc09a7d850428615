// Ids: which texts are numbers, and how both kinds are found, kept in .pt files and distinguished.

#include "io/ids.h"

#include <ATen/ops/tensor.h>

#include "catch.h"
#include "io/pairs.h"
#include "io/pt_leaves.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

Ids numbers(std::initializer_list<int64_t> values) {
  return Ids(at::tensor(at::ArrayRef<int64_t>(values.begin(), values.size()), at::TensorOptions(at::kLong)));
}

}  // namespace

TEST_CASE("an id is a number where a number is written in one way alone, or as a whole real", "[ids]") {
  const std::vector<std::pair<std::string, int64_t>> whole{
      {"0", 0}, {"7", 7}, {"-3", -3}, {"1.0", 1}, {"42.", 42}, {"-7.000", -7}, {"9223372036854775807", INT64_MAX}};
  for (const auto& [text, number] : whole) {
    INFO(text);
    CHECK(id_number(text) == number);
  }
  for (const char* text : {"", "-", ".", ".0", "007", "-0", "00", "+3", "1e3", "1.5", "1.0.0", " 1", "1 ", "0x1", "X",
                           "034545104X", "9223372036854775808", "--1", "1.0x"}) {
    INFO(text);
    CHECK(!id_number(text));
  }
}

TEST_CASE("an axis finds what is called so, by numbers, by texts, or by place", "[ids]") {
  const Axis by_number{3, numbers({-5, 7, 900})}, by_text{3, Ids({"007", "7", "X"})}, by_place{3, {}};
  CHECK(by_number.index_of("7") == 1);
  CHECK(by_number.index_of("7.0") == 1);
  CHECK(by_number.index_of("-5") == 0);
  for (const char* none : {"007", "8", "", "X"}) CHECK(!by_number.index_of(none));
  CHECK(by_text.index_of("007") == 0);
  CHECK(by_text.index_of("7") == 1);
  CHECK(!by_text.index_of("7.0"));
  CHECK(by_place.index_of("2") == 2);
  for (const char* none : {"3", "-1", "02", "X"}) CHECK(!by_place.index_of(none));
  CHECK(by_number.id_of(2) == "900");
  CHECK(by_text.id_of(0) == "007");
  CHECK(by_place.id_of(1) == "1");
  CHECK(by_number.list({"1", "2"}) == numbers({1, 2}));
  CHECK(by_number.list({"1", "x"}) == Ids({"1", "x"}));
  CHECK(by_text.list({"1", "2"}) == Ids({"1", "2"}));
  CHECK(numbers({1, 2}) != Ids({"1", "2"}));
}

TEST_CASE("ids come back from a .pt file as what they were", "[ids]") {
  const Folder folder("ids");
  const Ids whole = numbers({1, 5}), texts({"034545104X", "B00\"1", "é"});
  const auto path = folder.path() / "ids.pt";
  save_pt(path, {{"row_ids", entry_of(whole)}, {"column_ids", entry_of(texts)}});
  const std::vector<Leaf> found = leaves(load_pt(path));
  REQUIRE(found.size() == 2);
  CHECK(ids_in(found[0].value) == whole);
  CHECK(ids_in(found[1].value) == texts);
  CHECK(!ids_in(PtValue{int64_t{3}}));
  CHECK(!ids_in(PtValue{PtValue::List{{PtValue{int64_t{3}}}, false}}));
}

TEST_CASE("ids name every row once, ascending", "[ids]") {
  CHECK(are_ids(Ids(), 5));
  CHECK(are_ids(numbers({1, 5}), 2));
  CHECK(are_ids(Ids({"1", "10", "2"}), 3));
  for (const Ids& bad : {numbers({5, 1}), numbers({1, 1}), numbers({1}), Ids({"b", "a"}), Ids({"a", "a"}), Ids({"a"}),
                         Ids(at::tensor({1.0, 2.0}))}) {
    CHECK(!are_ids(bad, 2));
  }
}
