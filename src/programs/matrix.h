#pragma once
// The matrix of a verb, and its observed entries.

#include <factorise/factors.h>

#include <optional>
#include <string>

#include "io/ids.h"
#include "programs/command_line.h"
#include "programs/terminal.h"

namespace factorise::programs {

struct MatrixOptions {
  std::string file, key;       ///< and which of its tensors
  std::string mask, mask_key;  ///< the same for the mask; empty: none
  std::string missing;         ///< "zero", "nan", a number, or empty: all observed
  std::string entries;         ///< a file of triples in place of all of these
  std::string columns;         ///< which of its columns are read: "row=NAME,column=NAME,value=NAME"; empty: found
  std::string duplicates;      ///< "last", "first", "mean", or empty: refused
};

struct Matrix {
  Tensor A;  ///< sparse COO where it was read from --entries, or is in its file
  std::optional<Tensor> M;
  int64_t observed;
  Ids row_ids = {}, column_ids = {};  ///< of --entries or a table; else undefined
  bool had_counts = false;            ///< of a table: whether a first column of counts was left out
};

/// Adds `name` ("A.pt", "--matrix") for the file, --entries, --key, --mask, --mask-key and --missing.
void add_matrix_options(CLI::App& app, const std::string& name, const std::string& help, MatrixOptions& options,
                        bool with_entries = true);

/// Adds --columns and --duplicates, of a text file with an entry on each line.
void add_entries_options(CLI::App& app, MatrixOptions& options);

/// Refuses options that make no sense together. Throws UsageError.
void check_combinations(const MatrixOptions& options, const std::string& name);

/// Refuses --key, --mask and --missing for a file of entries. Throws UsageError.
void check_no_parts(const MatrixOptions& options);

/// The file, for people to read.
const std::string& name_of(const MatrixOptions& options);

/// Reads matrix and mask, on the CPU; the contents of a file determine its kind, not its name. `type`: of a matrix from
/// entries, which stays sparse. Throws FileError, and c10::ValueError where nothing is observed.
Matrix read_matrix(const MatrixOptions& options, c10::ScalarType type = at::kDouble);

/// Prints a notice where all of a matrix counts as observed and this may not be meant: many of its entries are 0, or
/// --missing found nothing. Also where a column of counts was left out.
void notice_zeros(const MatrixOptions& options, const Matrix& matrix, const Output& out);

/// The same, dense, with a mask, where it is sparse. Throws FileError where the memory does not suffice; `instead`: an
/// alternative that needs less, as a sentence.
Matrix to_dense(const Matrix& matrix, const MatrixOptions& options, const std::string& instead = "");

}  // namespace factorise::programs
