#pragma once
// Ratings as they are published, one a line, made into a matrix.

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace factorise {

/// A matrix with the names that its rows and columns had.
struct Entries {
  at::Tensor A;                    ///< m x n, float32 or float64, 0 where not observed
  at::Tensor M;                    ///< m x n, bool: which entries were in the file
  at::Tensor row_ids, column_ids;  ///< int64, ascending: row i is the one that the file calls row_ids[i]
};

/// Reads MovieLens' files, `user::movie::rating::time`, the same with tabs or commas, and CSVs. A first line of names
/// says what is what, `row,column,value` or `userId,movieId,rating`; without one the fields are user, movie, rating.
/// Movies are rows and users columns, as in lab 1. What follows the third field is not read. Ids are whole numbers of
/// 64 bits, in any order and with gaps: rows and columns are those that occur.
///
/// The matrix is dense, m n bytes for the mask and four or eight times as many for A; it is refused where this machine
/// has less memory. dtype: float32 or float64.
/// Throws FileError naming the line that is no entry, or that gives an entry for the second time.
Entries load_entries(const std::filesystem::path& path, c10::ScalarType dtype = at::kFloat);

}  // namespace factorise
