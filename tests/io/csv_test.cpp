// CSV after RFC 4180: what is read, and what is refused with its line.

#include <factorise/io.h>

#include "catch.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string refusal(const std::string& text) {
  try {
    parse_csv(text, "some.csv");
  } catch (const FileError& error) {
    return error.what_without_backtrace();
  }
  return "not refused";
}

/// A field as RFC 4180 writes any text.
std::string quoted(const std::string& text) {
  std::string field = "\"";
  for (char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + "\"";
}

}  // namespace

TEST_CASE("fields are what stands between commas", "[csv]") {
  CHECK(parse_csv("a,b\n1,2\n", "") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse_csv("a,b\n1,2", "") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse_csv("a,b\r\n1,2\r\n", "") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse_csv(",\n,", "") == Rows{{"", ""}, {"", ""}});
  CHECK(parse_csv(" a , b ", "") == Rows{{" a ", " b "}});  // spaces are part of a field
  CHECK(parse_csv("one", "") == Rows{{"one"}});
  CHECK(parse_csv("", "").empty());
}

TEST_CASE("quoted fields hold commas, quotes and line breaks", "[csv]") {
  CHECK(parse_csv("\"a,b\",c", "") == Rows{{"a,b", "c"}});
  CHECK(parse_csv("\"say \"\"hi\"\"\",\"\"\"\"", "") == Rows{{"say \"hi\"", "\""}});
  CHECK(parse_csv("\"\",\"\"\n", "") == Rows{{"", ""}});
  CHECK(parse_csv("\"a\nb\",\"c\r\nd\"\r\n1,\"\r\"", "") == Rows{{"a\nb", "c\r\nd"}, {"1", "\r"}});
}

TEST_CASE("whatever is quoted comes back", "[csv]") {
  const std::vector<std::string> pieces = {"", ",", "\"", "\n", "\r\n", "a", "é", "日本", "😀", " ", "\"\"", "\r"};
  for (const auto& first : pieces) {
    for (const auto& second : pieces) {
      const std::string field = first + second;
      CHECK(parse_csv(quoted(field) + "," + quoted(second) + "\n", "") == Rows{{field, second}});
    }
  }
}

TEST_CASE("a byte-order mark and empty lines are skipped", "[csv]") {
  CHECK(parse_csv("\xEF\xBB\xBF"
                  "a,b\n",
                  "") == Rows{{"a", "b"}});
  CHECK(parse_csv("\xEF\xBB\xBF\"a\",b\n", "") == Rows{{"a", "b"}});
  CHECK(parse_csv("\na,b\n\r\n\n1,2\n\n\r\n", "") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse_csv("a\n\"\"\n", "") == Rows{{"a"}, {""}});
}

TEST_CASE("what is wrong is named with its line", "[csv]") {
  CHECK(refusal("a,b\n1,2,3\n") == "[parse_csv] some.csv, line 2: must have 2 fields, as line 1 has, but has 3.");
  CHECK_THAT(refusal("a,b\n\n1\n"), contains("line 3: must have 2 fields, as line 1 has, but has 1."));
  CHECK_THAT(refusal("\"a\nb\",c\n1,2\n1\n"), contains("line 4: must have 2 fields"));  // lines, not rows
  CHECK_THAT(refusal("a\n\"b\nc\n"), contains("line 2: the quote opened here must be closed"));
  CHECK_THAT(refusal("\""), contains("line 1: the quote opened here must be closed"));
  CHECK_THAT(refusal("a\n\"b\"c\n"), contains("line 2: a closing quote must be followed by a comma"));
  CHECK_THAT(refusal("\"a\nb\" ,c\n"), contains("line 2: a closing quote must be followed by a comma"));
  CHECK_THAT(refusal("a\n5\" disk\n"), contains("line 2: a field with a quote in it must be quoted"));
  CHECK_THAT(refusal("a\rb\n"), contains("line 1: a carriage return must be followed by a line feed"));
  CHECK_THAT(refusal("a\r"), contains("line 1: a carriage return"));
  CHECK_THAT(refusal(std::string("a\nb\0c\n", 6)), contains("line 2: must be text, but holds a NUL byte"));
}

TEST_CASE("text must be UTF-8", "[csv]") {
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF\xFE", "Am\xE9lie"}) {
    CHECK_THAT(refusal(std::string("a\nb\n\"") + bad + "\"\n"), contains("line 3: must be UTF-8"));
  }
  for (const char* good : {"\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(parse_csv(good, "") == Rows{{good}});
  }
}

TEST_CASE("a file is read as its text is", "[csv]") {
  const Folder folder("csv");
  CHECK(load_csv(folder.write("plain.csv", "a,\"b\nc\"\r\n")) == Rows{{"a", "b\nc"}});
  CHECK(load_csv(folder.write("empty.csv", "")).empty());
  CHECK_THROWS_WITH(load_csv(folder.write("short.csv", "a,b\n1\n")), contains("short.csv, line 2: must have 2 fields"));
  CHECK_THROWS_AS(load_csv(folder.path() / "none.csv"), FileError);
  CHECK_THROWS_WITH(load_csv(folder.path() / "none.csv"), contains("none.csv: there must be such a file"));
  CHECK_THROWS_WITH(load_csv(folder.path()), contains("must be a file, but is a folder"));
}
