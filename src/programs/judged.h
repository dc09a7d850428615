#pragma once
// Test entries from a file of their own, such as MovieLens' u1.test beside u1.base; and the errors of predictions, as
// text and as JSON.

#include <ATen/core/Tensor.h>
#include <factorise/hold_out.h>

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "io/pairs.h"
#include "programs/matrix.h"

namespace factorise::programs {

/// Entries, each with the index that the training matrix has for its row and column.
struct TestSet {
  Pairs entries;      ///< row by row, in the order of their ids; -1: a row or column that the training does not have
  at::Tensor values;  ///< float64, 1-D, as many
};

/// Reads a file of ratings, or a .pt file as convert writes it; rows and columns that have ids are matched by these,
/// others by their numbers. `option`: what errors name; `how`: --columns and --duplicates, for a text file. Throws
/// FileError, and c10::ValueError for a matrix without a mask.
TestSet load_test_set(const std::string& file, const char* option, const MatrixOptions& how, const Axis& rows,
                      const Axis& columns);

/// Whether a file begins as one that load_pairs reads, with two fields: such entries have rows and columns but no
/// values.
bool are_pairs(const std::string& file);

/// {entries, fallbacks, rmse, mae, known_rmse, known_mae, within_50, within_90}; null: those of no entry, and the last
/// two without deviations.
nlohmann::ordered_json json_of(const Judgement& judged);

/// "RMSE 0.9477, MAE 0.7461".
std::string errors_text(const Judgement& judged);

/// "RMSE 0.9421, MAE 0.7423 without 38 that are of rows or columns without one in training: there the mean, 3.52";
/// empty where there are none.
std::string fallbacks_text(const Judgement& judged, double mean);

}  // namespace factorise::programs
