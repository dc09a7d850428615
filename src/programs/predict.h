#pragma once
// `factorise predict`: entries of U Vᵀ, one or a list of them.

#include <optional>
#include <string>

#include "programs/clip.h"
#include "programs/command_line.h"
#include "programs/matrix.h"
#include "programs/model.h"

namespace factorise::programs {

struct PredictOptions {
  CommonOptions common;  ///< json and quiet alone
  std::string model, pairs, output = "-";
  std::string row, column;  ///< ids; empty: not given
  MatrixOptions ratings;    ///< of a file of ratings: --columns and --duplicates alone
  FactorNames names;
  Clip clip;
};

void add_predict_options(CLI::App& app, PredictOptions& options);

/// Reads, predicts, prints or writes. Throws UsageError, FileError and what the library throws.
void predict(const PredictOptions& options);

}  // namespace factorise::programs
