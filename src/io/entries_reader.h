#pragma once
// Entries as they stand in a text file: ids and a value, line after line.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/ids.h"
#include "io/text_format.h"

namespace factorise {

/// An entry of a file. An id is a number or, where the ids of its side are texts, a place in the list of these.
struct RawEntry {
  int64_t row, column;
  double value;
};

/// The entries of a file in its order.
struct RawEntries {
  std::vector<RawEntry> entries;
  /// The texts, in the order in which they occur, that rows and columns are called by; nothing where all are numbers.
  std::optional<std::vector<std::string>> row_texts, column_texts;
  std::vector<int64_t> lines;  ///< where each entry is, where that was asked for
};

/// Reads a text file's entries. Ids are numbers, unless one of their side is none: then all of it are texts, as they
/// are written. `with_lines`: whether the lines' numbers are returned. Throws FileError naming the line that is no
/// entry.
RawEntries read_raw_entries(const std::filesystem::path& path, const ColumnChoice& choice, bool with_lines);

}  // namespace factorise
