#pragma once
// What is factorised in the benchmarks: made-up ratings of any size and density as entry lists, and the file that all
// sides read them from, so that every method works on the same numbers.

#include <factorise/factors.h>

#include <filesystem>
#include <vector>

namespace factorise::benchmarks {

/// Observed entries, row by row and left to right: row r owns [row_start[r], row_start[r + 1]).
struct Problem {
  int64_t rows, columns;
  std::vector<int64_t> row_start;
  std::vector<int32_t> column;
  std::vector<float> rating;

  int64_t observed() const { return static_cast<int64_t>(rating.size()); }
};

/// Ratings 1 to 5 of a rank-8 taste model with noise, each cell observed with probability `density`, in (0, 1].
Problem random_problem(int64_t rows, int64_t columns, double density, uint64_t seed);

/// Entries as float32 triples (row, column, rating), which NumPy and torch read without a parser; indices below 2^24.
/// Reading throws c10::ValueError where they are not in order or outside rows x columns.
void write_problem(const Problem& problem, const std::filesystem::path& path);
Problem read_problem(const std::filesystem::path& path, int64_t rows, int64_t columns);

/// The ratings as a matrix of this type, 0 where not observed.
Tensor dense(const Problem& problem, at::ScalarType type);

/// Factors uniform on [0, s), with s such that a product is 3.6, ratings' mean, on average: the same for every side.
Factors start(const Problem& problem, int64_t rank, uint64_t seed);

/// Σ (a - u·v)² over the entries, in float64.
double squared_error(const Problem& problem, const Factors& factors);

}  // namespace factorise::benchmarks
