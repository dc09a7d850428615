// git's ids of known contents, as `git hash-object` prints them.

#include <factorise/datasets.h>

#include "catch.h"

using namespace factorise;

TEST_CASE("ids are git's", "[git_blob]") {
  CHECK(git_blob_id("") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  CHECK(git_blob_id("hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST_CASE("ids are git's around SHA-1's blocks and padding", "[git_blob]") {
  // `head -c N /dev/zero | tr '\0' a | git hash-object --stdin`. The header "blob N\0" has 8 bytes: with it, 47 letters
  // are the last to share a 64-byte block with the length, and 56 fill one.
  CHECK(git_blob_id(std::string(47, 'a')) == "5e3bf7e629b4908cce461530c17a64365cb47303");
  CHECK(git_blob_id(std::string(48, 'a')) == "12d42395b020f44bb7710113b31f688d0ebeda7c");
  CHECK(git_blob_id(std::string(55, 'a')) == "d1985ddc2983785702b9a90effd5aff2f7cfdca4");
  CHECK(git_blob_id(std::string(56, 'a')) == "1f973e890f52da1f22fa7e5620a628bc4ee74cb3");
  CHECK(git_blob_id(std::string(57, 'a')) == "d28c6cde5a5ab0b138bd53a288c23e8c011c4171");
  CHECK(git_blob_id(std::string(1000, 'a')) == "a50be72b20f0e3f078d252e8e56b11b4bec67509");
}

TEST_CASE("ids of binary content of some megabytes are git's", "[git_blob]") {
  std::string bytes(40'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 1000);
  CHECK(git_blob_id(bytes) == "e2d303036ca85ba4ee3d71a7ee6947b9a936657a");
}
