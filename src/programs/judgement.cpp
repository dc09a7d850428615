// Judgements as text and JSON.

#include "programs/judgement.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "programs/json_file.h"
#include "programs/table.h"

namespace factorise::programs {

nlohmann::ordered_json json_of(const Judgement& judged) {
  return {
      {"entries", judged.entries}, {"fallbacks", judged.fallbacks},           {"rmse", number(judged.rmse)},
      {"mae", number(judged.mae)}, {"known_rmse", number(judged.known_rmse)}, {"known_mae", number(judged.known_mae)}};
}

std::string errors_text(const Judgement& judged) {
  return fmt::format("RMSE {}, MAE {}", figure(judged.rmse), figure(judged.mae));
}

std::string fallbacks_text(const Judgement& judged, double mean) {
  if (judged.fallbacks == 0) return "";
  const std::string count = grouped(judged.fallbacks);
  if (judged.fallbacks == judged.entries) {
    return fmt::format("all {} of rows or columns unseen in training, predicted as its mean, {}", count, figure(mean));
  }
  return fmt::format("RMSE {}, MAE {} without {} of rows or columns unseen in training (the mean, {})",
                     figure(judged.known_rmse), figure(judged.known_mae), count, figure(mean));
}

}  // namespace factorise::programs
