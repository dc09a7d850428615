// titles.csv: the numbers place the names; the course's own file where it lies beside the project.

#include <c10/util/Exception.h>
#include <factorise/datasets.h>
#include <factorise/io.h>

#include "catch.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

TEST_CASE("names stand where their numbers say, quotes and all", "[titles]") {
  const Folder folder("titles");
  const auto path = folder.write("titles.csv",
                                 "movie,name\r\n2,\"Good, the Bad and the Ugly, The\"\r\n0,\"The \"\"Burbs\"\r\n1,\r\n"
                                 "3,\"Airplane\nII\"\r\n");
  CHECK(load_titles(path, 4) ==
        std::vector<std::string>{"The \"Burbs", "", "Good, the Bad and the Ugly, The", "Airplane\nII"});
}

TEST_CASE("a titles file that is broken is refused with its line", "[titles]") {
  const Folder folder("titles");
  const auto refusal = [&](const std::string& text) -> std::string {
    try {
      load_titles(folder.write("titles.csv", text), 3);
    } catch (const FileError& error) {
      return error.what_without_backtrace();
    }
    return "not refused";
  };
  CHECK_THAT(refusal(""), contains("titles.csv, line 1: must be the header movie,name, but the file is empty."));
  CHECK_THAT(refusal("0,a\n1,b\n2,c\n"), contains("line 1: must be the header movie,name, but is 0,a."));
  CHECK_THAT(refusal("movie,name\n0,a\n1,b\n1,c\n"), contains("line 4: every movie must be named once, but movie 1"));
  CHECK_THAT(refusal("movie,name\n0,a\n1,b\n1,c\n"), contains("already named on line 3."));
  CHECK_THAT(refusal("movie,name\n0,\"a\na\"\n1,b\n3,c\n"),
             contains("line 5: movie must be a whole number from 0 to 2"));
  CHECK_THAT(refusal("movie,name\n0,a\n2,c\n"), contains("movie 1 is missing."));
  for (const char* number : {"-1", "1.0", "one", "", " 1", "1 ", "+1", "0x1", "99999999999999999999"}) {
    CHECK_THAT(refusal("movie,name\n0,a\n" + std::string(number) + ",b\n2,c\n"),
               contains("line 3: movie must be a whole number from 0 to 2"));
  }
  CHECK_THAT(refusal("movie,name\n0,Good, the Bad\n"), contains("[load_titles]") && contains("line 2: must have 2"));
  CHECK_THROWS_AS(load_titles(folder.path() / "none.csv", 3), FileError);
}

TEST_CASE("a sound titles file of other ratings is refused as such", "[titles]") {
  const Folder folder("titles");
  const auto path = folder.write("titles.csv", "movie,name\n0,a\n1,b\n");
  CHECK(load_titles(path, 2).size() == 2);
  for (int64_t movies : {1, 3}) {
    CHECK_THROWS_AS(load_titles(path, movies), c10::ValueError);
    CHECK_THROWS_WITH(load_titles(path, movies), contains("must name the " + std::to_string(movies) + " movies"));
  }
  CHECK_THROWS_AS(load_titles(path, 0), c10::ValueError);
}

TEST_CASE("the course's titles.csv", "[titles]") {
  const auto path = std::filesystem::path(FACTORISE_TEST_DIR) / "../../shared/data/titles.csv";
  if (!std::filesystem::exists(path)) {
    WARN("skipped: there is no " << path.lexically_normal().string());
    return;
  }
  const auto titles = load_titles(path, 1000);
  CHECK(titles.size() == 1000);
  CHECK(titles[0] == "What the #$*! Do We Know!?");
  CHECK(titles[124] == "A Beautiful Mind");
  CHECK(titles[999] == "Pale Rider");
}
