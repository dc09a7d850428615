#pragma once
// The data of the labs: iris, and the ratings (movies x users) with their titles.

#include <factorise/factors.h>

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

/// The 150 rows of data/iris.csv, which is built into the library. dtype: float32 or float64.
Iris iris(c10::ScalarType dtype = c10::ScalarType::Float);

/// Where ratings came from.
enum class RatingsSource { file, download, stand_in };

/// "file", "download" or "stand-in".
std::string to_string(RatingsSource source);

/// A ratings matrix, movies x users, 0 where a user did not rate.
struct Ratings {
  Tensor A;                         ///< movies x users
  std::vector<std::string> titles;  ///< one for each movie, or empty where none are known
  RatingsSource source;
  std::string origin;  ///< the file read, the address, or what the stand-in is, for people to read
};

/// Where to look for ratings.
struct RatingsOptions {
  std::filesystem::path ratings;                   ///< --ratings; empty: look further
  std::string key;                                 ///< which tensor of that file, where it holds several
  std::filesystem::path titles;                    ///< --titles; empty: titles.csv in data_folder, else none
  std::filesystem::path data_folder = "data";      ///< where ratings.pt and titles.csv may lie
  bool download = true;                            ///< whether the network may be asked
  std::function<void(const std::string&)> notice;  ///< told in a sentence what is looked for and what came of it
};

/// Finds the ratings: the file named, else data_folder/ratings.pt, else the user's cache or a download into it that
/// is taken only when its git blob id is the course file's, else the stand-in. Without a network this costs less than
/// 5 seconds. Throws FileError for a named file that cannot be used, c10::ValueError for ratings that are not a matrix
/// or titles that do not fit it.
Ratings load_ratings(const RatingsOptions& options = {});

/// Ratings made up to stand in for the course's: 1000 x 10000 int8, 1 to 5, about 35 % observed, long-tailed over
/// movies and users, from a noisy low-rank taste model with biases. The same on every machine for one seed.
Tensor stand_in_ratings(uint64_t seed = 0);

/// Titles from a CSV with the header movie,name: the name of movie i at index i. `movies`: how many there must be.
/// Throws FileError naming the line for a number that is missing, repeated or out of range.
std::vector<std::string> load_titles(const std::filesystem::path& path, int64_t movies);

/// The id that git gives a file's content (`git hash-object`): 40 hex digits.
std::string git_blob_id(const std::string& content);

}  // namespace factorise
