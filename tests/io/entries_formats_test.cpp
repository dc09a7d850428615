// Entries as published files have them: what separates, what the columns are called, ids that are texts, entries that
// are given twice, compressed files.

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <factorise/io.h>

#include "catch.h"
#include "from_hex.h"
#include "io/entries.h"
#include "refusal.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

Ids numbers(std::initializer_list<int64_t> values) {
  return Ids(at::tensor(at::ArrayRef<int64_t>(values.begin(), values.size()), at::TensorOptions(at::kLong)));
}

/// "row,column,value" of each entry.
std::string listed(const SparseEntries& entries) {
  std::string text;
  const Tensor places = entries.A._indices(), values = entries.A._values();
  for (int64_t e = 0; e < values.numel(); ++e) {
    text += c10::str(entries.row_ids.text(places[0][e].item<int64_t>()), ",",
                     entries.column_ids.text(places[1][e].item<int64_t>()), ",", values[e].item<double>(), "\n");
  }
  return text;
}

}  // namespace

TEST_CASE("entries are found whatever separates them and whatever the columns are called", "[entries_formats]") {
  const Folder folder("entries_formats");
  const std::string three = "2,1,3\n2,2,1\n3,1,4.5\n";  // of users 1 and 2, movies 2 and 3
  for (const char* text : {
           "1 2 3\n1 3 4.5\n2 2 1\n",                                          // LIBMF, FilmTrust
           "  1   2 3 \n1\t3\t4.5\n2  2\t1\n",                                 // columns that are aligned
           "1;2;3\n1;3;4.5\n2;2;1\n",                                          // ;
           "1|2|3|a\n1|3|4.5|b\n2|2|1|c\n",                                    // |, and what follows
           "1, 2, 3\n1, 3, 4.5\n2, 2, 1\n",                                    // spaces beside the separator
           "1,2,3,Action|Comedy|Drama\n1,3,4.5,A|B|C\n2,2,1,A|B|C\n",          // a separator within the last field
           "# KONECT\n% bip weighted\n\n1 2 3\n\n1 3 4.5\n% more\n2 2 1\n\n",  // comments and blank lines
           "\"User-ID\";\"ISBN\";\"Book-Rating\"\n\"1\";\"2\";\"3\"\n\"1\";\"3\";\"4.5\"\n\"2\";\"2\";\"1\"\n",
           "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t3\t9\n1\t3\t4.5\t9\n2\t2\t1\t9\n",
           ",userId,movieId,rating\n0,1,2,3\n1,1,3,4.5\n2,2,2,1\n",                         // pandas, with its index
           "\"\",\"user\",\"item\",\"rating\"\n\"1\",1,2,3\n\"2\",1,3,4.5\n\"3\",2,2,1\n",  // R's write.csv
           "user item rating\n1 1 2 3\n2 1 3 4.5\n3 2 2 1\n",                               // R's write.table
           "Id,ProductId,UserId,Profile,Score,Text\n1,2,1,\"a, b\",3,\"x\ny\"\n2,3,1,c,4.5,\n3,2,2,d,1,z\n",  // Amazon
           "rating,movie_id,user_id\n3,2,1\n4.5,3,1\n1,2,2\n",            // in another order
           "user,item,stars\n1.0,2.0,3\n1.0,3.0,4.5\n2.0,2,1\n",          // ids that pandas made reals of
           "2:\n1,3,2005-09-06\n2,1,2005-09-06\n3:\n1,4.5,2005-09-06\n",  // Netflix
           "\xEF\xBB\xBF"
           "1,2,3\r\n1,3,4.5\r\n2,2,1",  // Windows
       }) {
    INFO(text);
    const SparseEntries entries = load_entries(folder.write("r", text));
    CHECK(listed(entries) == three);
    CHECK(entries.row_ids == numbers({2, 3}));
    CHECK(entries.column_ids == numbers({1, 2}));
  }
  for (const char* user : {"user_id", "userId", "User-ID", "UserId", "uid", "user", "reviewerID"}) {
    for (const char* item : {"item_id", "movieId", "book_id", "ISBN", "ProductId", "iid", "asin"}) {
      for (const char* value : {"rating", "Book-Rating", "score", "stars", "overall"}) {
        const auto path = folder.write("r", c10::str(item, ",", value, ",x,", user, "\n7,2.5,0,9\n"));
        CHECK(listed(load_entries(path)) == "7,9,2.5\n");
      }
    }
  }
}

TEST_CASE("--columns says which are which, by name or by place", "[entries_formats]") {
  const Folder folder("entries_columns");
  const auto read = [&](const char* text, const char* columns) {
    return listed(load_entries(folder.write("r", text), at::kFloat, {parse_columns(columns).value(), {}}));
  };
  CHECK(read("Benutzer,Film,Note\n1,2,3\n", "row=Film,column=Benutzer,value=Note") == "2,1,3\n");
  CHECK(read("user,item,rating,rating2\n1,2,3,4\n", "value=rating2") == "2,1,4\n");
  CHECK(read("5 6 7 8 9\n", "row=5,column=1,value=2") == "9,5,6\n");
  CHECK(read("5,6,7\n", "row=1,column=2") == "5,6,7\n");
  CHECK(read("5,6,7,8,9\n", "row=5,column=1,value=3") == "9,5,7\n");
  CHECK(read("a,b,c\n5,6,7\n", "row=1,column=2,value=3") == "5,6,7\n");  // places count where no name is so
  for (const char* bad : {"", "row", "row=", "row=a,row=b", "line=1", "row=a,", "row=a,,value=b"}) {
    INFO(bad);
    CHECK(!parse_columns(bad));
  }
  const auto refusal = [&](const char* text, const char* columns) { return refusal_of([&] { read(text, columns); }); };
  CHECK_THAT(refusal("a,b,c\n5,6,7\n", "row=x,column=b,value=c"),
             contains("line 1: must have the row's column x, but has a, b, c."));
  CHECK_THAT(refusal("5,6,7\n", "row=4,column=1,value=2"), contains("column 4, but has 3 fields and no names."));
  CHECK_THAT(refusal("a,b,c\n5,6,7\n", "row=a,column=a,value=c"), contains("two of them are one"));
}

TEST_CASE("ids of which one is no number are texts, as they are written", "[entries_formats]") {
  const Folder folder("entries_texts");
  const auto read = [&](const std::string& text) { return load_entries(folder.write("r", text)); };
  const SparseEntries zeros = read("1,007,5\n2,7,3\n1,7,4\n");
  CHECK(zeros.row_ids == Ids({"007", "7"}));
  CHECK(zeros.column_ids == numbers({1, 2}));
  CHECK(listed(zeros) == "007,1,5\n7,1,4\n7,2,3\n");
  // Numbers that were read before the first text are texts too, as they stand there.
  const SparseEntries amazon = read("A2SUAM1J3GNN3B,1.0,5.0,1353024000\nB1,0000013714,4,0\n10,1,3,0\n");
  CHECK(amazon.row_ids == Ids({"0000013714", "1", "1.0"}));
  CHECK(amazon.column_ids == Ids({"10", "A2SUAM1J3GNN3B", "B1"}));
  CHECK(listed(amazon) == "0000013714,B1,4\n1,10,3\n1.0,A2SUAM1J3GNN3B,5\n");
  CHECK(read("99999999999999999999,2,3\n").column_ids == Ids({"99999999999999999999"}));
  CHECK(read("1;\"a \"\"b\"\" \\\"c\\\"\";3\n2;\"d;e\";4\n").row_ids == Ids({"a \"b\" \"c\"", "d;e"}));
  CHECK(read("L\xe9on,2,3\n").column_ids == Ids({"Léon"}));
  CHECK(read("1.5,2,3\nx,2,4\n").column_ids == Ids({"1.5", "x"}));
}

TEST_CASE("an entry that is given again has its last, first or mean value, where that is asked for",
          "[entries_formats]") {
  const Folder folder("entries_duplicates");
  const auto path = folder.write("r", "1,2,3\n4,2,3\n1,2,5\n9,1,1\n1,2,4\n4,2,2\n");
  const auto read = [&](Duplicates duplicates) { return listed(load_entries(path, at::kFloat, {{}, duplicates})); };
  CHECK(read(Duplicates::last) == "1,9,1\n2,1,4\n2,4,2\n");
  CHECK(read(Duplicates::first) == "1,9,1\n2,1,3\n2,4,3\n");
  CHECK(read(Duplicates::mean) == "1,9,1\n2,1,4\n2,4,2.5\n");
  const auto texts = folder.write("t", "\n1,x,3\n#\n\n1,x,5\n");
  CHECK_THAT(refusal_of([&] { load_entries(texts); }), contains("line 5: every entry must be given once") &&
                                                           contains("line 2. --duplicates last, first or mean"));
}

TEST_CASE("ids that lie far apart are ordered as those that lie close", "[entries_formats]") {
  const Folder folder("entries_wide");
  std::string text;
  for (const char* id : {"9223372036854775807", "-9223372036854775808", "0", "-1", "123456789012345678"}) {
    text += c10::str(id, ",", id, ",1\n");
  }
  const SparseEntries entries = load_entries(folder.write("r", text));
  CHECK(entries.row_ids == numbers({INT64_MIN, -1, 0, 123456789012345678, INT64_MAX}));
  CHECK(entries.column_ids == entries.row_ids);
}

TEST_CASE("a file that gzip has compressed is read, and refused where it is damaged or no text", "[entries_formats]") {
  const Folder folder("entries_gzip");
  const std::string one =
      from_hex("1f8b080000000000020333d431d231e632d131d531e30200b4c19fdb0c000000");  // 1,2,3 and 4,5,6
  const std::string two = from_hex(
      "1f8b080000000000020333d431d231e602002eb41e05060000001f8b080000000000020333d131d531e3020061e973b506000000");
  const auto path = folder.write("r.gz", one);
  if (const std::string refusal = refusal_of([&] { load_entries(path); }); holds(refusal, "no zlib")) {
    WARN("skipped: " << refusal);
    return;
  }
  CHECK(listed(load_entries(path)) == "2,1,3\n5,4,6\n");
  CHECK(listed(load_entries(folder.write("r", two))) == "2,1,3\n5,4,6\n");  // two members, and no ending
  CHECK(listed(load_entries(folder.write("r", one + std::string(100, '\0')))) == "2,1,3\n5,4,6\n");
  const auto refusal = [&](const std::string& bytes) {
    return refusal_of([&] { load_entries(folder.write("bad.gz", bytes)); });
  };
  CHECK_THAT(refusal(one.substr(0, one.size() - 9)), contains("bad.gz: must be whole") && contains("cut off"));
  std::string damaged = one;
  damaged[one.size() - 8] ^= 1;  // its checksum
  CHECK_THAT(refusal(damaged), contains("bad.gz: must be sound") && contains("damaged"));
  // A million zeros in a thousand bytes: refused by what begins it.
  const std::string zeros =
      from_hex("1f8b0800000000000203edc101010000008220ffaf6e4840010000000000000000") + std::string(1000, '\0');
  CHECK_THAT(refusal(zeros), contains("must be a text file within") && contains("begins with zeros"));
}
