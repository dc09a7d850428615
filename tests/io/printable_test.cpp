// What comes from a file is shown as it is where that is harmless, and escaped where a terminal would obey it.

#include "io/printable.h"

#include <string>

#include "catch.h"
#include "io/contents.h"
#include "io/refusal.h"
#include "io/utf8.h"

namespace factorise {
namespace {

using tests::refusal_of;

}  // namespace

TEST_CASE("text stays as it is", "[printable]") {
  for (const std::string text : {"", "naïve ≈ 日本 🎬", "a\\b 'c' \"d\"", "e\xcc\x81 \xe2\x80\x8d"}) {
    CHECK(printable(text) == text);
    CHECK(printable_lines(text + "\n" + text) == text + "\n" + text);
  }
}

TEST_CASE("what a terminal obeys is escaped", "[printable]") {
  const std::pair<std::string, std::string> cases[] = {
      {"a\x1b[2Jb\n\r\t", "a\\x1b[2Jb\\x0a\\x0d\\x09"},
      {std::string("\0\x7f", 2), "\\x00\\x7f"},
      {"\xc2\x9b"
       "31m",
       "\\u009b31m"},  // CSI in one character
      {"\x9b"
       "31m",
       "\\x9b31m"},  // and as a byte that is no UTF-8
      {"\xe2\x80\xae"
       "gpj.exe",
       "\\u202egpj.exe"},  // a right-to-left override
      {"\xe2\x81\xa6\xe2\x80\xa8\xef\xbb\xbf", "\\u2066\\u2028\\ufeff"},
      {"\xf3\xa0\x81\x81", "\\U000e0041"},                             // a tag
      {"\xc0\x80\xed\xa0\x80\xf5", "\\xc0\\x80\\xed\\xa0\\x80\\xf5"},  // overlong, a surrogate, beyond Unicode
      {"\xe2\x80", "\\xe2\\x80"},                                      // cut off
  };
  for (const auto& [text, shown] : cases) {
    CHECK(printable(text) == shown);
    CHECK(is_utf8(printable(text)));
  }
  CHECK(printable_lines("a\nb\x1b\r") == "a\nb\\x1b\\x0d");
}

TEST_CASE("a long text is cut between two characters", "[printable]") {
  CHECK(printable(std::string(1000, 'x'), 240) == std::string(240, 'x') + "… (1000 bytes)");
  CHECK(printable("ééé", 4) == "éé… (6 bytes)");
  CHECK(printable("ééé", 5) == "éé… (6 bytes)");
  CHECK(printable("ééé", 6) == "ééé");
  CHECK(printable("ab\x1b", 5) == "ab… (3 bytes)");
  CHECK(printable("abc", 0) == "… (3 bytes)");
}

TEST_CASE("JSON keeps what it says", "[printable]") {
  CHECK(printable_json("{\n\"\xc2\x9b\x7f é\xe2\x80\xae\xf3\xa0\x81\x81\": 1}") ==
        "{\n\"\\u009b\\u007f é\\u202e\\udb40\\udc41\": 1}");
}

TEST_CASE("every refusal of a file is printable, whatever it quotes", "[printable]") {
  CHECK(refusal_of([] { refuse_file("A\x1b[1m\x9b.pt: is\nno file."); }) == "A\\x1b[1m\\x9b.pt: is\nno file.");
}

}  // namespace factorise
