#pragma once
// Which entries to predict: a CSV of rows and columns.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace factorise {

/// How the rows or the columns of a matrix are called: from 0 on, or by the ids that they had in a file.
struct Axis {
  int64_t size;
  at::Tensor ids = {};  ///< int64, ascending; undefined: 0 to size - 1

  std::optional<int64_t> index_of(int64_t id) const;
  int64_t id_of(int64_t index) const;
  /// What an id must be: "from 0 to 9", "one of the 10 ids that were fitted".
  std::string limits() const;
};

/// Whether these, out of a file, can be the ids of an axis of that size, at least 1. None at all, undefined, can.
bool are_ids(const at::Tensor& ids, int64_t size);

/// int64, 1-D, as many of each: indices from 0, and what they are called.
struct Pairs {
  at::Tensor rows, columns, row_ids, column_ids;
};

/// Reads a CSV with the header row,column and an entry on each line. Throws FileError naming the line.
Pairs load_pairs(const std::filesystem::path& path, const Axis& row_axis, const Axis& column_axis);

}  // namespace factorise
