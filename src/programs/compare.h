#pragma once
// `factorise compare`: how far two models are apart, of which one may be Python's.

#include <string>

#include "programs/command_line.h"
#include "programs/matrix.h"
#include "programs/model.h"

namespace factorise::programs {

struct CompareOptions {
  CommonOptions common;  ///< json and quiet alone
  std::string a, b;
  FactorNames names;     ///< in those of them that have no U and V
  MatrixOptions matrix;  ///< that both are judged by; no file: by what they say of themselves
};

void add_compare_options(CLI::App& app, CompareOptions& options);

/// Reads, compares, prints. Throws UsageError, FileError and what the library throws.
void compare(const CompareOptions& options);

}  // namespace factorise::programs
