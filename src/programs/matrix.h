#pragma once
// The matrix that a verb is given, and which of its entries are observed.

#include <factorise/factors.h>

#include <optional>
#include <string>

#include "programs/command_line.h"

namespace factorise::programs {

struct MatrixOptions {
  std::string file, key;       ///< and which of its tensors
  std::string mask, mask_key;  ///< the same for the mask; empty: none
  std::string missing;         ///< "zero", "nan", or empty: all observed
};

struct Matrix {
  Tensor A;
  std::optional<Tensor> M;
  int64_t observed;
};

/// Adds `name` ("A.pt", "--matrix") for the file, --key, --mask, --mask-key and --missing.
void add_matrix_options(CLI::App& app, const std::string& name, const std::string& help, MatrixOptions& options);

/// Refuses what makes no sense together. Throws UsageError.
void check_combinations(const MatrixOptions& options, const std::string& name);

/// Reads both, on the CPU. Throws FileError, and c10::ValueError where nothing is observed.
Matrix read_matrix(const MatrixOptions& options);

}  // namespace factorise::programs
