#pragma once
// The data of the labs: iris, and the ratings (movies x users) with their titles.
//
//   const auto [X, y, features, species] = factorise::iris();
//   factorise::RatingsOptions options;
//   options.download = false;  // data/ratings.pt, else the copy in the user's cache, else the stand-in
//   const auto ratings = factorise::load_ratings(options);
//   std::cout << ratings.origin << ", " << ratings.A.sizes() << ", row 124: " << ratings.title(124) << '\n';

#include <factorise/export.h>
#include <factorise/factors.h>
#include <factorise/io.h>

#include <filesystem>
#include <string>
#include <vector>

namespace factorise {

/// Fisher's iris, the UCI file (R. A. Fisher, Annals of Eugenics 7, 1936; UCI Machine Learning Repository).
struct Iris {
  Tensor X;                           ///< 150 x 4: sepal length, sepal width, petal length, petal width, in cm
  Tensor y;                           ///< 150, int64: 0, 1, 2
  std::vector<std::string> features;  ///< the 4 column names
  std::vector<std::string> species;   ///< the 3 class names
};

/// The 150 rows of data/iris.csv, which is built into the library. dtype: float32 or float64, else c10::ValueError.
FACTORISE_EXPORT Iris iris(c10::ScalarType dtype = c10::ScalarType::Float);

/// Where ratings came from.
enum class RatingsSource {
  file,      ///< one that was given, or lay in the data folder
  download,  ///< the course's, from its address or from the cache
  stand_in,  ///< none: they are made up
};

/// What a source is called: "file", "download" or "stand-in".
FACTORISE_EXPORT std::string to_string(RatingsSource source);

/// A ratings matrix, movies x users, 0 where a user did not rate.
struct Ratings {
  Tensor A;                         ///< movies x users, in the file's type: real, on the CPU, not empty
  std::vector<std::string> titles;  ///< one for each movie, or empty where none are known
  RatingsSource source;             ///< where A came from
  std::string origin;               ///< the file read, the address, or what the stand-in is, for people to read
  bool is_course = false;           ///< whether they are the course's own, as the file's git blob id says

  /// The title of a row, or "movie <row>" where titles are not known.
  FACTORISE_EXPORT std::string title(int64_t movie) const;
};

/// Where to look for ratings.
struct RatingsOptions {
  std::filesystem::path ratings;  ///< --ratings; empty: look further
  std::string key;                ///< which tensor of that file, or of data_folder's, where it holds several
  std::filesystem::path titles;   ///< --titles; empty: titles.csv in data_folder, where it fits, else none
  std::filesystem::path data_folder = "data";      ///< where ratings.pt and titles.csv may lie; empty: nowhere
  bool download = true;                            ///< whether the network may be asked
  std::function<void(const std::string&)> notice;  ///< called with a sentence on what is sought, and what was found
};

/// Finds the ratings, in this order:
///   1. options.ratings;
///   2. data_folder/ratings.pt;
///   3. the course's file from the user's cache ($XDG_CACHE_HOME, else ~/.cache; factorise/ratings.pt);
///   4. the course's file from its address, which is then kept in the cache;
///   5. stand_in_ratings(), whose rows are titled "movie 0", "movie 1", ... but for row 124, "A Beautiful Mind".
///
/// 3 and 4 are taken only where their git blob id is the course file's. 4 runs curl, wget or python3 and costs less
/// than 5 seconds without a network. Nothing is said to `notice` where 1, 2 or 3 is found at once.
///
/// Throws FileError for a file of 1 or 2, or of options.titles, that cannot be used; c10::ValueError where 1 or 2 is
/// not a real matrix, or options.titles names another number of movies. A titles.csv in data_folder that does not fit
/// is left out with a notice.
FACTORISE_EXPORT Ratings load_ratings(const RatingsOptions& options = {});

/// Ratings made up to stand in for the course's: 1000 x 10000 int8, 1 to 5, 0 where not rated; about 40 % observed,
/// long-tailed over movies and users, from a noisy rank-8 taste model with biases. As in the course's file, user 4 has
/// not rated row 124, which exercise 4.1 asks for. The same bits on every machine for one seed. Takes 0.2 s.
FACTORISE_EXPORT Tensor stand_in_ratings(uint64_t seed = 0);

/// The id that git gives a file's content (`git hash-object`): 40 hex digits, SHA-1 of "blob <size>\0" and the content.
FACTORISE_EXPORT std::string git_blob_id(const std::string& content);

}  // namespace factorise
