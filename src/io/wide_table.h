#pragma once
// A matrix as a table of text: a row on each line, as spreadsheets, pandas and R write it.

#include <filesystem>
#include <optional>

#include "io/entries.h"

namespace factorise {

/// A table's matrix.
struct WideTable {
  Entries entries;          ///< dense; with the ids of its header and first column, where it has such
  bool had_counts = false;  ///< whether a first column, which is left out, held how many of the row are observed
};

/// Reads numbers with tabs, semicolons, bars, commas or spaces between them, as many on each line. A first line of
/// names gives the columns their ids; a first column without a name (or with one that entries have for rows or columns,
/// as userId) gives the rows theirs. Rows and columns with ids are in the ids' order.
///
/// missing: the number that says that an entry is not observed; NaN: fields that are empty, NaN or NA say so; nothing:
/// all are observed. Where each line begins with the number of its observed entries, as Jester's do, it is left out.
/// dtype: float32 or float64.
/// Throws FileError naming the line.
WideTable load_table(const std::filesystem::path& path, std::optional<double> missing,
                     c10::ScalarType dtype = at::kDouble);

}  // namespace factorise
