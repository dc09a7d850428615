#pragma once
// `factorise fit`: any matrix in a .pt file, factorised by one of the labs' methods.

#include <optional>
#include <string>

#include "programs/command_line.h"
#include "programs/matrix.h"
#include "programs/model.h"

namespace factorise::programs {

struct FitOptions {
  CommonOptions common;
  MatrixOptions matrix;
  std::string method, dtype, loss = "squared";
  std::string path = "automatic";
  std::string engine;  ///< "fused" or "reference"; empty: the one for the device
  std::optional<int64_t> rank;
  std::optional<int64_t> epochs;  ///< not given: the method's own, as the next three
  std::optional<double> lr, weight_decay, lr_decay;
  bool overcomplete = false, plot = false;
  std::string initial, output;     ///< files; empty: none
  FactorNames initial_names;       ///< in the first of them
  std::string test;                ///< a file of entries to judge by; empty: none
  Clip clip;                       ///< of the predictions that are judged
  std::optional<double> hold_out;  ///< share of the observed entries that the run does not see
  std::optional<int64_t> split_seed, patience, every;
  std::string checkpoint, resume;  ///< files; empty: none
};

void add_fit_options(CLI::App& app, FitOptions& options);

/// Refuses options that make no sense together. Throws UsageError.
void check_fit_options(const FitOptions& options);

/// Reads, runs, writes, prints. Throws UsageError, FileError, Interrupted and the library's exceptions.
void fit(FitOptions options);

}  // namespace factorise::programs
