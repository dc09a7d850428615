// "Did you mean".

#include "programs/command_line.h"

#include "catch.h"

using namespace factorise::programs;

TEST_CASE("the distance counts slips of the fingers", "[spelling]") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("rank", "rank") == 0);
  CHECK(edit_distance("rnak", "rank") == 1);   // two letters swapped
  CHECK(edit_distance("ran", "rank") == 1);    // one forgotten
  CHECK(edit_distance("rrank", "rank") == 1);  // one too many
  CHECK(edit_distance("rand", "rank") == 1);   // another one
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("only what is near is suggested", "[spelling]") {
  const std::vector<std::string> words{"rank", "epochs", "weight-decay", "lr", "lr-decay"};
  CHECK(nearest("rnak", words) == "rank");
  CHECK(nearest("epoch", words) == "epochs");
  CHECK(nearest("weight_decay", words) == "weight-decay");
  CHECK(nearest("weight", words) == "weight-decay");  // a beginning
  CHECK(nearest("colour", words) == "");
  CHECK(nearest("x", {}) == "");
}

TEST_CASE("choices read as a sentence", "[spelling]") {
  CHECK(one_of({}) == "");
  CHECK(one_of({"fit"}) == "fit");
  CHECK(one_of({"fit", "show"}) == "fit or show");
  CHECK(one_of({"sgd", "gd", "ad"}) == "sgd, gd or ad");
}
