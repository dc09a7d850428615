#pragma once
// `factorise top`: the rows that a column would like best, of those it has not seen.

#include <optional>
#include <string>

#include "programs/clip.h"
#include "programs/command_line.h"
#include "programs/matrix.h"
#include "programs/model.h"

namespace factorise::programs {

struct TopOptions {
  CommonOptions common;  ///< json and quiet alone
  std::string model, titles;
  MatrixOptions matrix;  ///< whose observed entries are what was seen; no file: nothing was
  std::string column;    ///< an id
  int64_t count = 10;
  FactorNames names;
  Clip clip;  ///< of the predictions, once they are ranked
};

void add_top_options(CLI::App& app, TopOptions& options);

/// Reads, ranks, prints. Throws UsageError, FileError and what the library throws.
void top(const TopOptions& options);

}  // namespace factorise::programs
