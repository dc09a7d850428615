// Where the ratings of lab 1 come from: a file, the course's own by way of the user's cache, or the stand-in.

#include "labs/ratings.h"

#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <cstdlib>
#include <optional>

#include "io/contents.h"
#include "io/printable.h"

namespace factorise {
namespace {

namespace fs = std::filesystem;

// COMP6258 (Southampton), lab 1, exercise 4.1.
constexpr char kCourseAddress[] = "http://ecs-vlc.github.io/COMP6258/labs/lab1/ratings.pt";
constexpr char kCourseBlobId[] = "5a33a0bb1969582c7ef331f11707d35d997afb8b";
constexpr int64_t kBeautifulMind = 124;  // its row in the course's titles.csv

void notify(const RatingsOptions& options, const std::string& sentence) {
  if (options.notice) options.notice(sentence);
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Tensor load_matrix(const fs::path& path, const std::string& key) {
  Tensor A = load_tensor(path, key);
  const auto type = A.scalar_type();
  const bool real = c10::isIntegralType(type, /*includeBool=*/true) || c10::isFloatingType(type);
  TORCH_CHECK_VALUE(A.layout() == at::kStrided && real, "[load_ratings] ", printable(path.string()),
                    ": ratings must be a dense tensor of real numbers, but are ", type, ", ", A.layout(), ".");
  TORCH_CHECK_VALUE(A.dim() == 2 && A.numel() > 0, "[load_ratings] ", printable(path.string()),
                    ": ratings must be a matrix, movies x users, but are ",
                    A.dim() == 0 ? "a single number" : c10::Join(" x ", A.sizes()), A.dim() == 1 ? " (1-D)." : ".");
  return A;
}

/// As the XDG Base Directory Specification has it, which ignores relative paths.
std::optional<fs::path> cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && fs::path(cache).is_absolute()) return fs::path(cache) / "factorise";
  const char* home = std::getenv("HOME");
  if (home && fs::path(home).is_absolute()) return fs::path(home) / ".cache" / "factorise";
  return std::nullopt;
}

/// Whether this content, which lies `where`, is the course's; says so where it is not.
bool is_course_file(const std::string& content, const std::string& where, const RatingsOptions& options,
                    const CourseFile& course) {
  const std::string id = git_blob_id(content);
  if (id == course.blob_id) return true;
  notify(options, c10::str("The file at ", where, " is not the course's ratings.pt (its git blob id is ", id,
                           ", expected ", course.blob_id, "): not used."));
  return false;
}

bool is_cached(const fs::path& file, const RatingsOptions& options, const CourseFile& course) {
  if (!is_there(file)) return false;
  try {
    return is_course_file(read_contents("load_ratings", file), file.string(), options, course);
  } catch (const FileError& error) {
    notify(options, c10::str("The cache is not used: ", error.what_without_backtrace()));
    return false;
  }
}

/// Puts the course's file there. The file appears whole, checked, or not at all.
bool download_to(const fs::path& file, const RatingsOptions& options, const CourseFile& course) {
  notify(options, c10::str("Looking for the course's ratings at ", course.address, "."));
  const Download found = download(course.address, course.limits);
  if (!found.complete) {
    notify(options, c10::str("No network, or no way to the course: ", course.address, " could not be fetched (",
                             found.failure, ")."));
    return false;
  }
  if (!is_course_file(found.content, course.address, options, course)) return false;
  try {
    fs::create_directories(file.parent_path());
    save_text(file, found.content);
  } catch (const FileError& error) {
    notify(options, c10::str("The download could not be kept: ", error.what_without_backtrace()));
    return false;
  } catch (const fs::filesystem_error& error) {
    notify(options, c10::str("The download could not be kept: ", error.what(), "."));
    return false;
  }
  notify(options, c10::str("Downloaded the course's ratings and kept them as ", file.string(), "."));
  return true;
}

std::optional<Ratings> course_ratings(const RatingsOptions& options, const CourseFile& course) {
  const auto folder = cache_folder();
  if (!folder) {
    if (options.download) {
      notify(options, "Nothing is downloaded: there is no folder to keep it in. Set XDG_CACHE_HOME to one.");
    }
    return std::nullopt;
  }
  const fs::path file = *folder / "ratings.pt";
  if (!is_cached(file, options, course) && !(options.download && download_to(file, options, course))) {
    return std::nullopt;
  }
  return Ratings{load_matrix(file, ""), {}, RatingsSource::download, course.address, /*is_course=*/true};
}

Ratings stand_in(const RatingsOptions& options) {
  notify(options,
         c10::str("Using a stand-in for the course's ratings, made up from seed 0.",
                  options.data_folder.empty() ? ""
                                              : c10::str(" Put ratings.pt into the folder ",
                                                         options.data_folder.string(), " to use the real ones.")));
  Ratings ratings{stand_in_ratings(0), {}, RatingsSource::stand_in, "stand-in made up from seed 0"};
  for (int64_t movie = 0; movie < ratings.A.size(0); ++movie) {
    ratings.titles.push_back(movie == kBeautifulMind ? "A Beautiful Mind" : c10::str("movie ", movie));
  }
  return ratings;
}

Ratings find_ratings(const RatingsOptions& options, const CourseFile& course) {
  const auto from_file = [&](const fs::path& path) {
    Tensor A = load_matrix(path, options.key);
    const bool is_course = git_blob_id(read_contents("load_ratings", path)) == course.blob_id;
    return Ratings{std::move(A), {}, RatingsSource::file, path.string(), is_course};
  };
  if (!options.ratings.empty()) return from_file(options.ratings);
  const fs::path usual = options.data_folder / "ratings.pt";
  if (!options.data_folder.empty() && is_there(usual)) return from_file(usual);
  if (auto found = course_ratings(options, course)) return *std::move(found);
  return stand_in(options);
}

void add_titles(Ratings& ratings, const RatingsOptions& options) {
  const int64_t movies = ratings.A.size(0);
  if (!options.titles.empty()) {
    ratings.titles = load_titles(options.titles, movies);
    return;
  }
  const fs::path usual = options.data_folder / "titles.csv";
  if (options.data_folder.empty() || !is_there(usual)) return;
  try {
    ratings.titles = load_titles(usual, movies);
  } catch (const c10::Error& error) {
    notify(options, c10::str("The titles are not used: ", error.what_without_backtrace()));
  }
}

}  // namespace

std::string to_string(RatingsSource source) {
  switch (source) {
    case RatingsSource::file:
      return "file";
    case RatingsSource::download:
      return "download";
    case RatingsSource::stand_in:
      return "stand-in";
  }
  TORCH_CHECK_VALUE(false, "[to_string] source must be a RatingsSource, but was ", static_cast<int>(source), ".");
}

std::string Ratings::title(int64_t movie) const {
  TORCH_CHECK_INDEX(movie >= 0 && movie < A.size(0), "[Ratings::title] movie must be from 0 to ", A.size(0) - 1,
                    ", but was ", movie, ".");
  return titles.empty() ? c10::str("movie ", movie) : titles[static_cast<size_t>(movie)];
}

Ratings load_ratings(const RatingsOptions& options, const CourseFile& course) {
  Ratings ratings = find_ratings(options, course);
  add_titles(ratings, options);
  return ratings;
}

Ratings load_ratings(const RatingsOptions& options) {
  return load_ratings(options, {kCourseAddress, kCourseBlobId, {}});
}

}  // namespace factorise
