#pragma once
// Which entries to predict: a CSV of rows and columns.

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace factorise {

/// int64, 1-D, as many of each.
struct Pairs {
  at::Tensor rows, columns;
};

/// Reads a CSV with the header row,column and an entry of an m x n matrix on each line, counted from 0. Throws
/// FileError naming the line.
Pairs load_pairs(const std::filesystem::path& path, int64_t m, int64_t n);

}  // namespace factorise
