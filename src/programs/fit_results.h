#pragma once
// The result of a fit, and its output.

#include <factorise/hold_out.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "programs/fit.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {

struct Fitted {
  Factors factors;
  int64_t epochs, epochs_done;  ///< requested, and those that led to the factors
  int64_t epochs_run;           ///< more than epochs_done where the best factors are not the last
  double loss, seconds;
  bool stopped;
  Observations observed = {};                      ///< of the matrix that was fitted
  std::optional<Judgement> aside = {}, test = {};  ///< over the entries set aside, and over those of --test
  std::vector<CurvePoint> curve = {};              ///< for --plot
  std::optional<Draws> draws = {};                 ///< of --method gibbs: what the factors are of
};

/// Writes --output. Throws FileError.
void save(const FitOptions& options, const Matrix& matrix, const Fitted& fitted);

/// In the form of docs/json.md.
nlohmann::ordered_json json_of(const FitOptions& options, const Matrix& matrix, const Fitted& fitted);

/// For people, with the curve of --plot below.
void print_summary(const FitOptions& options, const Matrix& matrix, const Fitted& fitted, const Output& out);

}  // namespace factorise::programs
