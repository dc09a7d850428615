// A matrix as a table of text: what is missing, names of rows and columns, and a column of counts.

#include "io/wide_table.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "catch.h"
#include "refusal.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor two_by_three(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values.begin(), values.size())).view({2, 3});
}

}  // namespace

TEST_CASE("a table gives its matrix, and what is not observed in it", "[wide_table]") {
  const Folder folder("wide_table");
  const Tensor A = two_by_three({1, 0, 3, 4, 5, 0}), M = two_by_three({1, 0, 1, 1, 1, 0}).ne(0);
  const std::vector<std::pair<std::string, double>> same{
      {"1,99,3\n4,5,99\n", 99},   {"1;99.0;3\r\n\r\n4;5;99\r\n", 99}, {"1 0 3\n4 5 0\n", 0},
      {"1\t\t3\n4\t5\t\n", kNan}, {"# c\n1,NA,3\n4,5,NaN\n", kNan},   {"\"1\",\"\",\"3\"\n4,5,null\n", kNan}};
  for (const auto& [text, missing] : same) {
    INFO(text);
    const WideTable table = load_table(folder.write("t", text), missing);
    CHECK(at::equal(table.entries.A, A));
    CHECK(at::equal(table.entries.M, M));
    CHECK(!table.entries.row_ids.defined());
    CHECK(!table.had_counts);
  }
  CHECK(load_table(folder.write("t", "1,99\n2,3\n"), std::nullopt).entries.M.all().item<bool>());
  CHECK(load_table(folder.write("t", "1,99\n2,3\n"), 99, at::kFloat).entries.A.scalar_type() == at::kFloat);
}

TEST_CASE("names of a table's rows and columns are their ids, in whose order they are", "[wide_table]") {
  const Folder folder("wide_table_ids");
  const Tensor A = two_by_three({4, 0, 5, 1, 3, 0}), M = two_by_three({1, 0, 1, 1, 1, 0}).ne(0);
  // Rows 20 and 10, columns 1, 3 and 2.
  for (const char* text : {"userId,1,3,2\n20,1,,3\n10,4,5,\n", ",1,3,2\n20,1,,3\n10,4,5,\n",
                           "1,3,2\n20,1,,3\n10,4,5,\n", "\"\",\"1\",\"3\",\"2\"\n\"20\",1,NA,3\n\"10\",4,5,NA\n"}) {
    if (std::string(text).starts_with(",1,3,2")) continue;  // below: that might be a row
    INFO(text);
    const WideTable table = load_table(folder.write("t", text), kNan);
    CHECK(at::equal(table.entries.A, A));
    CHECK(at::equal(table.entries.M, M));
    CHECK(table.entries.row_ids == ids_of({"10", "20"}));
    CHECK(table.entries.column_ids == ids_of({"1", "2", "3"}));
  }
  const WideTable pivot = load_table(folder.write("t", ",1,2,3\nb,1,,3\na,4,5,\n"), kNan);
  CHECK(pivot.entries.row_ids == Ids({"a", "b"}));
  CHECK(pivot.entries.column_ids == ids_of({"1", "2", "3"}));
  const WideTable row = load_table(folder.write("t", ",1,3,2\n20,1,,3\n10,4,5,\n"), kNan);
  CHECK(row.entries.A.size(0) == 3);
  const WideTable named = load_table(folder.write("t", "x,y,z\n1,2,3\n4,5,6\n"), std::nullopt);
  CHECK(named.entries.column_ids == Ids({"x", "y", "z"}));
  CHECK(named.entries.row_ids == ids_of({"0", "1"}));
}

TEST_CASE("a first column that counts what is observed is left out, as Jester has it", "[wide_table]") {
  const Folder folder("wide_table_counts");
  const auto read = [&](const char* text) { return load_table(folder.write("t", text), 99); };
  const WideTable jester = read("2,-7.82,99,8.79\n1,99,0.5,99\n3,1,2,3\n");
  CHECK(jester.had_counts);
  CHECK(jester.entries.A.sizes() == at::IntArrayRef({3, 3}));
  CHECK(jester.entries.M.sum().item<int64_t>() == 6);
  CHECK(!read("2,-7.82,99,8.79\n2,99,0.5,99\n3,1,2,3\n").had_counts);
}

TEST_CASE("a table that is none is refused with its line", "[wide_table]") {
  const Folder folder("wide_table_refused");
  const auto refusal = [&](const std::string& text, std::optional<double> missing) {
    return refusal_of([&] { load_table(folder.write("t", text), missing); });
  };
  CHECK_THAT(refusal("1,2\n3\n", 99), contains("line 2: must have 2 fields, as line 1 has, but has 1."));
  CHECK_THAT(refusal("1,2\n3,x\n", 99), contains("line 2: field 2 must be a finite number, but is 'x'."));
  CHECK_THAT(refusal("1,2\n3,\n", 99),
             contains("line 2: field 2 must be a finite number, but is empty. --missing nan"));
  CHECK_THAT(refusal("1,2\n3,inf\n", kNan), contains("line 2: field 2 must be a finite number, but is 'inf'."));
  CHECK_THAT(refusal("12\n", 99), contains("line 1: must be numbers with tabs"));
  CHECK_THAT(refusal("# nothing\n", 99), contains("must be a row of numbers, but the file ends."));
  CHECK_THAT(refusal("a,b\n", 99), contains("line 2: must be a row of numbers, but the file ends."));
  CHECK_THAT(refusal("a,a\n1,2\n", 99), contains("every column must have a name of its own, but a is there twice."));
}
