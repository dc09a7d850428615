#pragma once
// `factorise fit`: any matrix in a .pt file, factorised by one of the labs' methods.

#include <optional>
#include <string>

#include "programs/command_line.h"
#include "programs/fit_settings.h"
#include "programs/matrix.h"
#include "programs/model.h"

namespace factorise::programs {

struct FitOptions {
  CommonOptions common;
  MatrixOptions matrix;
  std::string method, dtype;
  std::string engine;    ///< "fused" or "reference"; empty: the one for the device
  FitSettings settings;  ///< the numbers and words of the run
  bool plot = false;
  std::string initial, output;     ///< files; empty: none
  FactorNames initial_names;       ///< in the first of them
  std::string test;                ///< a file of entries to judge by; empty: none
  Clip clip;                       ///< of the predictions that are judged
  std::string checkpoint, resume;  ///< files; empty: none

  /// Share of the observed entries that the run does not see.
  std::optional<double> hold_out() const { return settings.given<double>("hold_out"); }
  int64_t split_seed() const { return settings.given<int64_t>("split_seed").value_or(0); }
  std::optional<int64_t> patience() const { return settings.given<int64_t>("patience"); }
  int64_t rank() const { return *settings.given<int64_t>("rank"); }
};

void add_fit_options(CLI::App& app, FitOptions& options);

/// Refuses options that make no sense together. Throws UsageError.
void check_fit_options(const FitOptions& options);

/// Reads, runs, writes, prints. Throws UsageError, FileError, Interrupted and the library's exceptions.
void fit(FitOptions options);

}  // namespace factorise::programs
