// Ratings one a line: three formats and two headers to one matrix, ids kept, bad lines named.

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <factorise/io.h>

#include "io/entries.h"
#include "io/fingerprint.h"

#include "catch.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

Entries dense_of(const std::filesystem::path& path, c10::ScalarType dtype = at::kFloat) {
  return to_dense(load_entries(path, dtype), path.string());
}

}  // namespace

TEST_CASE("every format gives the same matrix, with the ids that the file had", "[entries]") {
  const Folder folder("entries");
  // User 7 rates movies 30 and 2, user -1 rates movie 2, with 0.
  for (const char* text :
       {"7::30::4.5::978\n7::2::3::979\n-1::2::0::980\n", "7\t30\t4.5\t978\n7\t2\t3\t979\n-1\t2\t0\t1",
        "userId,movieId,rating,timestamp\r\n7,30,4.5,1\r\n7,2,3,1\r\n-1,2,0,1\r\n\r\n",
        "\xEF\xBB\xBFrow,column,value\n30,7,4.5\n2,7,3\n2,-1,0\n", "7,30,4.5\n7,2,3\n-1,2,0\n"}) {
    INFO(text);
    const Entries entries = dense_of(folder.write("ratings", text));
    CHECK(at::equal(entries.row_ids.numbers(), at::tensor({int64_t{2}, int64_t{30}})));
    CHECK(at::equal(entries.column_ids.numbers(), at::tensor({int64_t{-1}, int64_t{7}})));
    CHECK(at::equal(entries.A, at::tensor({0.0, 3.0, 0.0, 4.5}).view({2, 2}).to(at::kFloat)));
    CHECK(at::equal(entries.M, at::tensor({1, 1, 0, 1}).view({2, 2}).ne(0)));
  }
  CHECK(dense_of(folder.write("r", "1,1,0.1\n"), at::kDouble).A.item<double>() == 0.1);
}

TEST_CASE("a line that is no entry is named", "[entries]") {
  const Folder folder("entries");
  const auto refusal = [&](const std::string& text) -> std::string {
    try {
      load_entries(folder.write("ratings", text));
    } catch (const FileError& error) {
      return error.what_without_backtrace();
    }
    return "not refused";
  };
  CHECK_THAT(refusal(""), contains("line 1: must be an entry, but the file is empty."));
  CHECK_THAT(refusal("row,column,value\n"), contains("line 2: must be an entry, but the file ends."));
  CHECK_THAT(refusal("123\n"), contains("line 1: must be fields with tabs, commas, semicolons, bars, spaces or ::"));
  CHECK_THAT(refusal("a,b,c\n1,2,3\n"), contains("line 1: must be an entry, or the names row,column,value or userId"));
  CHECK_THAT(refusal("1,2,3\n1,3\n"), contains("line 2: must be user, movie, rating, but is '1,3'."));
  CHECK_THAT(refusal("1,2,3\n1.5,3,4\n"), contains("line 2: the user must be a whole number or a text, but is '1.5'."));
  CHECK_THAT(refusal("row,column,value\n1,,3\n"),
             contains("line 2: the column must be a whole number or a text, but is ''."));
  CHECK_THAT(refusal("1::2::3\n1::3::\n"), contains("line 2: the rating must be a finite number, but is ''."));
  CHECK_THAT(refusal("1::2::3:5\n"), contains("line 1: the rating must be a finite number, but is '3:5'."));
  CHECK_THAT(refusal("1\t2\tnan\n"), contains("line 1: the rating must be a finite number, but is 'nan'."));
  CHECK_THAT(refusal("1,2,3\n4,2,3\n1,2,5\n"),
             contains("line 3: every entry must be given once") && contains("line 1."));
  CHECK_THAT(refusal("1,2,3,4,5\n"), contains("line 1: must be user, movie, rating and at most a time, but has 5"));
  CHECK_THAT(refusal("1\r2\r"), contains("line 1: must end with a line feed, but ends with a carriage return alone"));
  CHECK_THAT(refusal(std::string("\xff\xfe"
                                 "1\0,\0",
                                 6)),
             contains("UTF-16"));
  CHECK_THAT(refusal("# a\n\n1,2,x\n"), contains("line 3: the rating must be a finite number, but is 'x'."));
  CHECK_THAT(refusal("\"a\",b,3\n\"open,b,3\n"), contains("line 2: the quote opened here must be closed"));
  CHECK_THAT(refusal("user,uid,item,rating\n1,2,3,4\n"), contains("user and uid may both be it. Say which is which"));
  CHECK_THAT(refusal("5:\n1,2,3,4\n"), contains("line 2: must be user,rating,date, or a movie's number and :"));
  CHECK_THAT(refusal("1,2,\x1b[31m\n"), contains("\\x1b[31m"));
  CHECK_THROWS_AS(load_entries(folder.path() / "none"), FileError);
}

TEST_CASE("a matrix larger than the memory is refused before it is made, and needed for the dense form alone",
          "[entries]") {
  const Folder folder("entries");
  std::string text;
  for (int i = 0; i < 2'000'000; ++i) text += std::to_string(i) + "," + std::to_string(i) + ",1\n";
  const auto path = folder.write("diagonal", text);
  const SparseEntries sparse = load_entries(path);
  CHECK(sparse.A._nnz() == 2'000'000);
  CHECK_THROWS_WITH(to_dense(sparse, "diagonal", "Another way does."),
                    contains("diagonal: its 2000000 rows and 2000000 columns") && contains("GB. Another way does."));
}

TEST_CASE("sparse entries are the dense matrix's, row by row", "[entries]") {
  const Folder folder("entries");
  const auto path = folder.write("ratings", "7,30,4.5\n-1,2,0\n7,2,3\n9,30,1\n");
  const SparseEntries sparse = load_entries(path, at::kDouble);
  const Entries dense = dense_of(path, at::kDouble);
  CHECK(at::equal(sparse.A._indices(), dense.M.nonzero().t()));
  CHECK(at::equal(sparse.A._values(), dense.A.masked_select(dense.M)));
  CHECK(sparse.A.is_coalesced());
  CHECK(sparse.row_ids == dense.row_ids);
  CHECK(sparse.column_ids == dense.column_ids);
}

TEST_CASE("a checkpoint's fingerprint tells values, places and shapes of entries apart", "[entries]") {
  const Folder folder("entries");
  const auto of = [&](const char* text) { return fingerprint(load_entries(folder.write("r", text)).A); };
  const std::string once = of("1,2,3\n2,1,4\n");
  CHECK(of("2,1,4\n1,2,3\n") == once);  // the order in the file is none of the data
  for (const char* other : {"1,2,3\n2,1,5\n", "1,1,3\n2,2,4\n", "1,2,3\n2,1,4\n3,1,1\n"}) CHECK(of(other) != once);
}
