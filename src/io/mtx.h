#pragma once
// Matrix Market's coordinate files: the entries of a sparse matrix, one a line, counted from 1.
// R. Boisvert, R. Pozo, K. Remington, "The Matrix Market Exchange Formats: Initial Design", NISTIR 5935, 1996.

#include <filesystem>

#include "io/entries.h"

namespace factorise {

/// Reads `matrix coordinate real|integer general`; entries that are not in the file are not observed. Dense, as
/// to_dense makes it, and without ids. Throws FileError naming the line.
Entries load_mtx(const std::filesystem::path& path);

/// Writes the observed entries (all, where M is undefined). Whole or not at all. Throws FileError.
void save_mtx(const std::filesystem::path& path, const Entries& entries);

}  // namespace factorise
