#pragma once
// Ratings as they are published, one a line, made into a matrix: sparse, or dense where that is wanted.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

#include "io/entries_order.h"
#include "io/ids.h"
#include "io/text_format.h"

namespace factorise {

/// A matrix with the names that its rows and columns had.
struct Entries {
  at::Tensor A;             ///< m x n, float32 or float64, 0 where not observed
  at::Tensor M;             ///< m x n, bool: which entries were in the file
  Ids row_ids, column_ids;  ///< ascending: row i is the one that the file calls row_ids[i]
};

/// The same, sparse: memory for the entries alone.
struct SparseEntries {
  at::Tensor A;             ///< m x n, sparse COO, coalesced; float32 or float64
  Ids row_ids, column_ids;  ///< as above
};

/// How a file of entries is read.
struct EntriesOptions {
  ColumnChoice columns = {};                    ///< which of its columns
  Duplicates duplicates = Duplicates::refused;  ///< what becomes of an entry that is given more than once
};

/// Reads entries, one a line: fields with ::, tabs, semicolons, bars, commas or spaces between them, in quotes or not.
/// A first line of names says what is what: row,column,value, userId,movieId,rating, or others that published files
/// have (role_of()). Without one the fields are user, movie, rating and perhaps a time. Netflix's files, "movie:" and
/// then user,rating,date, are read too. Blank lines and lines that begin with # or % are passed over. Movies are rows
/// and users columns, as in lab 1. The file may be compressed by gzip.
///
/// Ids are whole numbers of 64 bits, in any order and with gaps; those of a side of which one is no number, as
/// 034545104X or 007, are texts as they are written. Rows and columns are those that occur.
///
/// dtype: float32 or float64.
/// Throws FileError naming the line that is no entry, or that gives an entry for the second time.
SparseEntries load_entries(const std::filesystem::path& path, c10::ScalarType dtype = at::kFloat,
                           const EntriesOptions& options = {});

/// The dense form of entries from that file: m n bytes for the mask, four or eight times as many for A. Throws
/// FileError where this machine has not the memory; `instead`: what needs none, as a sentence.
Entries to_dense(const SparseEntries& entries, const std::string& path, const std::string& instead = "");

/// Writes a CSV with the header row,column,value and the observed entries, row by row: with their ids, or counted from
/// 0 where those are undefined; all entries where M is. Numbers have the digits that give them back exactly. Whole or
/// not at all. Throws FileError.
void save_entries(const std::filesystem::path& path, const Entries& entries);

/// A number with the fewest digits that give it back exactly in its type.
std::string exact_text(const at::Tensor& matrix, int64_t index);

/// Refuses a dense matrix that this machine has not the memory for. Throws FileError; `instead` ends its message.
void check_memory(const char* function, const std::string& path, int64_t m, int64_t n, double bytes_of_cell,
                  const std::string& instead = "");

}  // namespace factorise
