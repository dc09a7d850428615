#pragma once
// The verbs of `factorise` except fit and show: their options and their functions.

#include <string>

#include "programs/command_line.h"
#include "programs/matrix.h"
#include "programs/model.h"

namespace factorise::programs {

/// `factorise predict`: entries of U Vᵀ, one or a list of them.
struct PredictOptions {
  CommonOptions common;  ///< json and quiet alone
  std::string model, pairs, output = "-";
  std::string row, column;  ///< ids; empty: not given
  MatrixOptions ratings;    ///< of a file of ratings: --columns and --duplicates alone
  FactorNames names;
  Clip clip;
  bool deviation = false;  ///< with standard deviations
};

void add_predict_options(CLI::App& app, PredictOptions& options);

/// Reads, predicts, prints or writes. Throws UsageError, FileError and the library's exceptions.
void predict(const PredictOptions& options);

/// `factorise top`: the rows that a column would like best, of those it has not seen.
struct TopOptions {
  CommonOptions common;  ///< json and quiet alone
  std::string model, titles;
  MatrixOptions matrix;  ///< whose observed entries are those seen; no file: none
  std::string column;    ///< an id
  int64_t count = 10;
  FactorNames names;
  Clip clip;               ///< of the predictions, once they are ranked
  bool deviation = false;  ///< with standard deviations
  std::string by;          ///< "prediction" or "lower"
};

void add_top_options(CLI::App& app, TopOptions& options);

/// Reads, ranks, prints. Throws UsageError, FileError and the library's exceptions.
void top(const TopOptions& options);

/// `factorise compare`: the differences of two models, one of which may be Python's.
struct CompareOptions {
  CommonOptions common;  ///< json and quiet alone
  std::string a, b;
  FactorNames names;     ///< for files that have no U and V
  MatrixOptions matrix;  ///< by which both are judged; no file: by the losses in their files
};

void add_compare_options(CLI::App& app, CompareOptions& options);

/// Reads, compares, prints. Throws UsageError, FileError and the library's exceptions.
void compare(const CompareOptions& options);

/// `factorise convert`: a matrix from one kind of file to another.
struct ConvertOptions {
  CommonOptions common;  ///< json and quiet alone
  MatrixOptions matrix;
  std::string output;
};

void add_convert_options(CLI::App& app, ConvertOptions& options);

/// Reads and writes. Throws UsageError, FileError and the library's exceptions.
void convert(const ConvertOptions& options);

}  // namespace factorise::programs
