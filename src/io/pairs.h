#pragma once
// Which entries to predict: a CSV of rows and columns.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/ids.h"

namespace factorise {

/// How the rows or the columns of a matrix are called: from 0 on, or by the ids that they had in a file.
struct Axis {
  int64_t size;
  Ids ids = {};  ///< ascending; undefined: 0 to size - 1

  std::optional<int64_t> index_of(std::string_view id) const;
  std::string id_of(int64_t index) const;
  /// Whether another row or column could be called so: by a number where these are.
  bool could_have(std::string_view id) const;
  /// A list of ids, whether the axis has them or not: texts where its own are, or one is no number.
  Ids list(std::vector<std::string> named) const;
  /// What an id must be: "from 0 to 9", "one of the 10 ids that were fitted".
  std::string limits() const;
};

/// As many of each: indices from 0, int64, 1-D, -1 for an id that the axis does not have; and what they are called.
struct Pairs {
  at::Tensor rows, columns;
  Ids row_ids, column_ids;
};

/// What is done with an id that an axis does not have, but could.
enum class Unseen : uint8_t { refused, taken };

/// Reads a CSV with the header row,column and an entry on each line. Throws FileError naming the line.
Pairs load_pairs(const std::filesystem::path& path, const Axis& row_axis, const Axis& column_axis,
                 Unseen unseen = Unseen::refused);

}  // namespace factorise
