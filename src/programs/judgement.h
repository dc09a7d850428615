#pragma once
// How good predictions are, for people and for JSON.

#include <factorise/hold_out.h>

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace factorise::programs {

/// {entries, fallbacks, rmse, mae, known_rmse, known_mae}; the last two null where every entry is a fallback.
nlohmann::ordered_json json_of(const Judgement& judged);

/// "RMSE 0.9477, MAE 0.7461".
std::string errors_text(const Judgement& judged);

/// "RMSE 0.9421, MAE 0.7423 without 38 that are of rows or columns without one in training: there the mean, 3.52";
/// empty where there are none.
std::string fallbacks_text(const Judgement& judged, double mean);

}  // namespace factorise::programs
