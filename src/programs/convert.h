#pragma once
// `factorise convert`: a matrix from one kind of file to another.

#include <string>

#include "programs/command_line.h"
#include "programs/matrix.h"

namespace factorise::programs {

struct ConvertOptions {
  CommonOptions common;  ///< json and quiet alone
  MatrixOptions matrix;
  std::string output;
};

void add_convert_options(CLI::App& app, ConvertOptions& options);

/// Reads and writes. Throws UsageError, FileError and what the library throws.
void convert(const ConvertOptions& options);

}  // namespace factorise::programs
