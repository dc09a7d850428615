#pragma once
// Matrix Market's files: the entries of a sparse matrix, one a line, counted from 1, or all of a dense one, column by
// column.
// R. Boisvert, R. Pozo, K. Remington, "The Matrix Market Exchange Formats: Initial Design", NISTIR 5935, 1996.

#include <filesystem>

#include "io/entries.h"

namespace factorise {

/// Reads a matrix: coordinate or array; real, integer or pattern (each entry is 1); general, symmetric or
/// skew-symmetric. Of a coordinate file the entries that it does not hold are not observed, and A is sparse; an array
/// is dense. Without ids. The file may be compressed by gzip. dtype: float32 or float64. Throws FileError naming the
/// line.
SparseEntries load_mtx(const std::filesystem::path& path, c10::ScalarType dtype = at::kDouble);

/// Writes the observed entries (all, where M is undefined). Whole or not at all. Throws FileError.
void save_mtx(const std::filesystem::path& path, const Entries& entries);

}  // namespace factorise
