// titles.csv: the numbers place the names; the course's own file where it lies beside the project.

#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>
#include <factorise/datasets.h>
#include <factorise/io.h>

#include "catch.h"
#include "io/titles.h"
#include "places.h"
#include "refusal.h"
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

TEST_CASE("MovieLens' titles are found by the movies' ids", "[titles]") {
  const Folder folder("titles_ids");
  const Ids ids(at::tensor({int64_t{2}, int64_t{7}, int64_t{300}}));
  const std::vector<std::string> titles{"Good, the Bad and the Ugly, The", "", "Léon"};
  for (const std::string text :
       {"movieId,title,genres\r\n300,Léon,Crime\r\n1,Other,\r\n2,\"Good, the Bad and the Ugly, The\",Western\r\n",
        "2::Good, the Bad and the Ugly, The::Western\n1::Other::\n300::L\xe9on::Crime\n",
        "1|Other|\n2|Good, the Bad and the Ugly, The|01-Jan-1966||\n\n300|L\xe9on"}) {
    CHECK(load_titles_of(folder.write("titles", text), ids) == titles);
  }
  const Ids isbn({"0002005018", "034545104X"});
  for (const std::string text : {"\"ISBN\";\"Book-Title\";\"Author\"\n\"034545104X\";\"Flesh \"\"Tones\"\"\";\"X\"\n",
                                 "author\tname\tisbn\nX\tFlesh \"Tones\"\t034545104X\n"}) {
    CHECK(load_titles_of(folder.write("books", text), isbn) == std::vector<std::string>{"", "Flesh \"Tones\""});
  }
  const auto refusal = [&](const std::string& text) {
    return refusal_of([&] { load_titles_of(folder.write("t", text), ids); });
  };
  CHECK_THAT(refusal(""), contains("line 1: must be the header movieId,title, or") && contains("the file is empty."));
  CHECK_THAT(refusal("movie,name\n2,a\n"), contains("line 1: must be the header movieId,title") &&
                                               contains("have ids of their own, but is movie,name."));
  CHECK_THAT(refusal("movieId,title\n2,a\n2,b\n"), contains("line 3: every movie must be named once, but movie 2"));
  CHECK_THAT(refusal("2::a\nx::b\n"), contains("line 2: movie must be a whole number, but is x."));
  CHECK_THAT(refusal("2|a\n3\n"), contains("line 2: must be a movie's number, | and its title, but is 3."));
  CHECK_THAT(refusal("1::a\n3::b\n"), contains("must name movies of the ratings by their ids, but names none"));
}

TEST_CASE("the course's titles.csv", "[titles]") {
  const auto path = std::filesystem::path(kTestsFolder) / "../../shared/data/titles.csv";
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
