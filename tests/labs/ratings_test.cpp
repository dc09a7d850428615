// Where ratings come from, in which order, and what is said about it. The user's own cache is never touched.

#include "labs/ratings.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <factorise/io.h>

#include <chrono>

#include "catch.h"
#include "http_server.h"

using namespace factorise;
using namespace factorise::tests;
using Catch::Matchers::StartsWith;
using namespace std::chrono_literals;

namespace {

Tensor some_ratings(at::ScalarType dtype = at::kByte) { return at::randint(0, 6, {3, 5}).to(dtype); }

constexpr char kThreeTitles[] = "movie,name\n0,\"Good, the Bad\"\n1,Fargo\n2,Heat\n";

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// An empty data folder and an empty cache, and what load_ratings says.
class Place {
 public:
  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path data() const { return path() / "data"; }
  std::filesystem::path cached() const { return path() / "cache" / "factorise" / "ratings.pt"; }
  const Folder& folder() const { return folder_; }

  RatingsOptions options(bool download = false) {
    RatingsOptions options;
    options.data_folder = data();
    options.download = download;
    options.notice = [this](const std::string& sentence) { notices.push_back(sentence); };
    return options;
  }

  std::vector<std::string> notices;

 private:
  Folder folder_{"ratings"};
  Variable cache_{"XDG_CACHE_HOME", (folder_.path() / "cache").string()};
  NoProxy no_proxy_;
};

}  // namespace

TEST_CASE("a named file is taken, with its type, and without a word", "[ratings]") {
  Place place;
  auto options = place.options(true);
  options.ratings = place.path() / "mine.pt";
  for (auto dtype : {at::kByte, at::kChar, at::kShort, at::kLong, at::kHalf, at::kFloat, at::kDouble, at::kBool}) {
    const Tensor A = some_ratings(dtype);
    save_pt(options.ratings, A);
    const Ratings ratings = load_ratings(options);
    CHECK(ratings.A.scalar_type() == dtype);
    CHECK(at::equal(ratings.A, A));
    CHECK(to_string(ratings.source) == "file");
    CHECK(ratings.origin == options.ratings.string());
    CHECK(ratings.titles.empty());
    CHECK(ratings.title(2) == "movie 2");
    CHECK_THROWS_AS(ratings.title(3), c10::IndexError);
    CHECK_THROWS_AS(ratings.title(-1), c10::IndexError);
  }
  CHECK(place.notices.empty());
}

TEST_CASE("of several tensors in a file the key names one", "[ratings]") {
  Place place;
  auto options = place.options();
  options.ratings = place.path() / "mine.pt";
  const Tensor A = some_ratings(), B = some_ratings();
  save_pt(options.ratings, {{"A", A}, {"B", B}});
  options.key = "B";
  CHECK(at::equal(load_ratings(options).A, B));
  options.key = "C";
  CHECK_THROWS_AS(load_ratings(options), FileError);
  options.key = "";
  CHECK_THROWS_AS(load_ratings(options), FileError);
}

TEST_CASE("a named file that is no ratings is refused, whatever else there is", "[ratings]") {
  Place place;
  std::filesystem::create_directories(place.data());
  save_pt(place.data() / "ratings.pt", some_ratings());
  auto options = place.options();
  options.ratings = place.path() / "mine.pt";
  CHECK_THROWS_AS(load_ratings(options), FileError);
  place.folder().write("mine.pt", "not a tensor");
  CHECK_THROWS_AS(load_ratings(options), FileError);
  const auto refusal = [&](const Tensor& A) -> std::string {
    save_pt(options.ratings, A);
    try {
      load_ratings(options);
    } catch (const c10::ValueError& error) {
      return error.what_without_backtrace();
    }
    return "not refused";
  };
  const std::string matrix = "mine.pt: ratings must be a matrix, movies x users, but are ";
  CHECK_THAT(refusal(at::zeros({2, 3, 4})), StartsWith("[load_ratings] ") && contains(matrix + "2 x 3 x 4."));
  CHECK_THAT(refusal(at::zeros({4})), contains(matrix + "4 (1-D)."));
  CHECK_THAT(refusal(at::zeros({})), contains(matrix + "a single number."));
  CHECK_THAT(refusal(at::zeros({0, 3})), contains(matrix + "0 x 3."));
}

TEST_CASE("titles are those named, and must fit", "[ratings]") {
  Place place;
  auto options = place.options();
  options.ratings = place.path() / "mine.pt";
  save_pt(options.ratings, some_ratings());
  options.titles = place.folder().write("mine.csv", kThreeTitles);
  const Ratings ratings = load_ratings(options);
  CHECK(ratings.titles == std::vector<std::string>{"Good, the Bad", "Fargo", "Heat"});
  CHECK(ratings.title(1) == "Fargo");

  place.folder().write("mine.csv", "movie,name\n0,one\n");
  CHECK_THROWS_AS(load_ratings(options), c10::ValueError);
  place.folder().write("mine.csv", "movie,name\n0,one\n0,one\n2,three\n");
  CHECK_THROWS_AS(load_ratings(options), FileError);
  std::filesystem::remove(options.titles);
  CHECK_THROWS_AS(load_ratings(options), FileError);
}

TEST_CASE("the data folder's titles are taken where they fit, and left out with a word where not", "[ratings]") {
  Place place;
  const auto options = place.options();
  std::filesystem::create_directories(place.data());
  save_pt(place.data() / "ratings.pt", some_ratings());
  place.folder().write("data/titles.csv", kThreeTitles);
  CHECK(load_ratings(options).title(2) == "Heat");
  CHECK(place.notices.empty());

  for (const char* other : {"movie,name\n0,one\n", "movie,name\n\"", "no titles"}) {
    place.notices.clear();
    place.folder().write("data/titles.csv", other);
    CHECK(load_ratings(options).titles.empty());
    REQUIRE(place.notices.size() == 1);
    CHECK_THAT(place.notices[0], StartsWith("The titles are not used: [load_titles] ") && contains("titles.csv"));
  }
}

TEST_CASE("the data folder's ratings come first, without a word; broken ones are an error", "[ratings]") {
  Place place;
  const auto options = place.options(true);
  std::filesystem::create_directories(place.data());
  const Tensor A = some_ratings();
  save_pt(place.data() / "ratings.pt", A);
  const Ratings ratings = load_ratings(options);
  CHECK(at::equal(ratings.A, A));
  CHECK(ratings.source == RatingsSource::file);
  CHECK(ratings.origin == (place.data() / "ratings.pt").string());
  CHECK_FALSE(ratings.is_course);
  CHECK(place.notices.empty());
  // The course's own file is known wherever it lies.
  const CourseFile course{"http://127.0.0.1:9/", git_blob_id(bytes_of(place.data() / "ratings.pt")), {}};
  CHECK(load_ratings(options, course).is_course);
  place.folder().write("data/ratings.pt", "not a tensor");
  CHECK_THROWS_AS(load_ratings(options), FileError);
}

TEST_CASE("without a file, a cache and the network there is the stand-in, which says so", "[ratings]") {
  Place place;
  const Ratings ratings = load_ratings(place.options());
  CHECK(to_string(ratings.source) == "stand-in");
  CHECK_THAT(ratings.origin, contains("stand-in"));
  CHECK(at::equal(ratings.A, stand_in_ratings(0)));
  REQUIRE(ratings.titles.size() == 1000);
  CHECK(ratings.titles[0] == "movie 0");
  CHECK(ratings.titles[124] == "A Beautiful Mind");
  CHECK(ratings.titles[999] == "movie 999");
  REQUIRE(place.notices.size() == 1);
  CHECK_THAT(place.notices[0], StartsWith("Using a stand-in"));
  // Without a notice function there is no notice and no error; no data folder is as one without files.
  RatingsOptions bare;
  bare.data_folder.clear();
  bare.download = false;
  CHECK(load_ratings(bare).source == RatingsSource::stand_in);
  CHECK_FALSE(load_ratings(bare).is_course);
}

TEST_CASE("the stand-in takes titles that fit its 1000 movies", "[ratings]") {
  Place place;
  std::string titles = "movie,name\n";
  for (int movie = 0; movie < 1000; ++movie) titles += std::to_string(movie) + ",title " + std::to_string(movie) + "\n";
  place.folder().write("data/titles.csv", titles);
  CHECK(load_ratings(place.options()).title(124) == "title 124");
  place.folder().write("data/titles.csv", kThreeTitles);
  CHECK(load_ratings(place.options()).title(124) == "A Beautiful Mind");
}

TEST_CASE("the course's file is downloaded once and then comes from the cache", "[ratings]") {
  Place place;
  const Tensor A = some_ratings();
  save_pt(place.path() / "served.pt", A);
  const std::string content = bytes_of(place.path() / "served.pt");
  int asked = 0;
  CourseFile course;
  course.blob_id = git_blob_id(content);
  {
    const HttpServer server([&](const std::string&) { return ++asked, http_response(content); });
    course.address = server.address("/ratings.pt");
    const Ratings ratings = load_ratings(place.options(true), course);
    if (ratings.source == RatingsSource::stand_in && place.notices[1].find("is on PATH") != std::string::npos) {
      WARN("skipped: none of curl, wget and python3 is on PATH");
      return;
    }
    CHECK(at::equal(ratings.A, A));
    CHECK(to_string(ratings.source) == "download");
    CHECK(ratings.origin == course.address);
    REQUIRE(place.notices.size() == 2);
    CHECK_THAT(place.notices[0], StartsWith("Looking for the course's ratings at http://127.0.0.1"));
    CHECK_THAT(place.notices[1], StartsWith("Downloaded the course's ratings") && contains(place.cached().string()));
  }
  CHECK(asked == 1);
  CHECK(bytes_of(place.cached()) == content);
  const std::filesystem::directory_iterator cache(place.cached().parent_path());
  CHECK(std::distance(begin(cache), end(cache)) == 1);

  // The server is gone; the network need not even be allowed.
  place.notices.clear();
  for (bool network : {true, false}) {
    const Ratings again = load_ratings(place.options(network), course);
    CHECK(at::equal(again.A, A));
    CHECK(again.source == RatingsSource::download);
    CHECK(again.is_course);
  }
  CHECK(place.notices.empty());
}

TEST_CASE("a cached or served file with another id is not used", "[ratings]") {
  Place place;
  save_pt(place.path() / "other.pt", some_ratings());
  const std::string content = bytes_of(place.path() / "other.pt");
  place.folder().write("cache/factorise/ratings.pt", content);
  const HttpServer server([&](const std::string&) { return http_response(content); });
  const std::string wanted(40, '0');
  const Ratings ratings = load_ratings(place.options(true), {server.address("/ratings.pt"), wanted, {}});
  CHECK(ratings.source == RatingsSource::stand_in);
  REQUIRE(place.notices.size() == 4);
  const std::string rest = " is not the course's ratings.pt (its git blob id is " + git_blob_id(content) +
                           ", expected " + wanted + "): not used.";
  CHECK(place.notices[0] == "The file at " + place.cached().string() + rest);
  CHECK_THAT(place.notices[1], StartsWith("Looking for"));
  if (place.notices[2].find("is on PATH") == std::string::npos) {
    CHECK(place.notices[2] == "The file at " + server.address("/ratings.pt") + rest);
  }
  CHECK_THAT(place.notices[3], StartsWith("Using a stand-in"));
}

TEST_CASE("a damaged cache is replaced", "[ratings]") {
  Place place;
  const Tensor A = some_ratings();
  save_pt(place.path() / "served.pt", A);
  const std::string content = bytes_of(place.path() / "served.pt");
  place.folder().write("cache/factorise/ratings.pt", content.substr(0, content.size() / 2));
  const HttpServer server([&](const std::string&) { return http_response(content); });
  const Ratings ratings = load_ratings(place.options(true), {server.address("/"), git_blob_id(content), {}});
  if (ratings.source == RatingsSource::stand_in) return;  // nothing to download with: said above
  CHECK(at::equal(ratings.A, A));
  CHECK(bytes_of(place.cached()) == content);
}

TEST_CASE("where no server answers the stand-in comes, with plain sentences", "[ratings]") {
  Place place;
  const HttpServer silent([](const std::string&) { return ""; }, HttpServer::Then::silence);
  const CourseFile course{silent.address("/ratings.pt"), std::string(40, '0'), {.first_byte = 200ms}};
  CHECK(load_ratings(place.options(true), course).source == RatingsSource::stand_in);
  REQUIRE(place.notices.size() == 3);
  CHECK_THAT(place.notices[1],
             StartsWith("No network, or no way to the course: " + course.address + " could not be fetched ("));
  CHECK_THAT(place.notices[2], StartsWith("Using a stand-in"));
  CHECK_FALSE(std::filesystem::exists(place.cached()));
}

TEST_CASE("a cache that cannot be written costs the download, not the run", "[ratings]") {
  Place place;
  save_pt(place.path() / "served.pt", some_ratings());
  const std::string content = bytes_of(place.path() / "served.pt");
  place.folder().write("cache", "a file where the folder should be");
  const HttpServer server([&](const std::string&) { return http_response(content); });
  const CourseFile course{server.address("/"), git_blob_id(content), {}};
  CHECK(load_ratings(place.options(true), course).source == RatingsSource::stand_in);
  REQUIRE(place.notices.size() == 3);
  if (place.notices[1].find("is on PATH") == std::string::npos) {
    CHECK_THAT(place.notices[1], StartsWith("The download could not be kept: "));
  }

  place.notices.clear();
  const Variable cache("XDG_CACHE_HOME", "relative"), home("HOME", std::nullopt);
  CHECK(load_ratings(place.options(true), course).source == RatingsSource::stand_in);
  REQUIRE(place.notices.size() == 2);
  CHECK_THAT(place.notices[0], StartsWith("Nothing is downloaded: "));
}

TEST_CASE("without XDG_CACHE_HOME the cache is in HOME", "[ratings]") {
  Place place;
  const Tensor A = some_ratings();
  std::filesystem::create_directories(place.path() / ".cache/factorise");
  save_pt(place.path() / ".cache/factorise/ratings.pt", A);
  const Variable cache("XDG_CACHE_HOME", std::nullopt), home("HOME", place.path().string());
  const CourseFile course{
      "http://127.0.0.1:9/", git_blob_id(bytes_of(place.path() / ".cache/factorise/ratings.pt")), {}};
  const Ratings ratings = load_ratings(place.options(), course);
  CHECK(at::equal(ratings.A, A));
  CHECK(ratings.source == RatingsSource::download);
}
