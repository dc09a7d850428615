// Percentiles, verdicts, and both shapes of the comparison table.

#include "programs/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "programs/json_file.h"
#include "programs/table.h"

namespace factorise::programs {
namespace {

constexpr double kLowPercentile = 5, kHighPercentile = 95;
constexpr double kRoundingSlack = 1 + 1e-9;  // 0.1219 + 0.00005 is a little less than 0.12195 in binary

/// The figures of all seeds; a diverged run counts as infinitely bad.
std::vector<double> all_seeds(const Comparison& figure) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> values = figure.over_seeds;
  values.insert(values.end(), static_cast<size_t>(figure.diverged), figure.higher_is_better ? -infinity : infinity);
  return values;
}

std::optional<double> percentile_over_seeds(const Comparison& figure, double p) {
  std::vector<double> values = all_seeds(figure);
  if (values.empty()) return std::nullopt;
  return percentile_of(std::move(values), p);
}

nlohmann::ordered_json optional_number(const std::optional<double>& value) {
  return value ? number(*value) : nlohmann::ordered_json(nullptr);
}

std::string band_text(const Comparison& figure) {
  const auto low = figure.low(), high = figure.high();
  if (!low || !high) return "";
  const auto end = [](double value) { return std::isfinite(value) ? fmt::format("{:.5g}", value) : "diverged"; };
  return fmt::format("{} – {}", end(*low), end(*high));
}

std::string verdict_text(const Comparison& figure, const Style& style) {
  const std::optional<bool> within = figure.within();
  if (!within) return "";
  return *within ? style.green("yes") : style.yellow("no");
}

}  // namespace

double percentile_of(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const double rank = p / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const double share = rank - static_cast<double>(below);
  // Between infinities, and from minus infinity on, the line would be NaN.
  if (share == 0 || std::isinf(values[below])) return values[below];
  return values[below] + share * (values[below + 1] - values[below]);
}

std::optional<double> Comparison::low() const { return percentile_over_seeds(*this, kLowPercentile); }
std::optional<double> Comparison::high() const { return percentile_over_seeds(*this, kHighPercentile); }

std::optional<double> Comparison::percentile() const {
  const std::vector<double> values = all_seeds(*this);
  if (!reported || values.empty()) return std::nullopt;
  double rank = 0;
  for (const double value : values) {
    if (std::abs(value - *reported) <= tolerance * kRoundingSlack) {
      rank += 0.5;
    } else if (value < *reported) {
      rank += 1;
    }
  }
  return 100 * rank / static_cast<double>(values.size());
}

std::optional<bool> Comparison::within() const {
  if (!reported) return std::nullopt;
  const double slack = tolerance * kRoundingSlack;
  switch (judgement) {
    case JudgedBy::digits:
      return std::abs(ours - *reported) <= slack;
    case JudgedBy::magnitude:
      return ours > 0 && *reported > 0 && std::abs(std::log10(ours / *reported)) <= 1;
    case JudgedBy::beside:
      return std::nullopt;
    case JudgedBy::band:
      break;
  }
  const std::optional<double> bottom = low(), top = high();
  if (!bottom || !top) return std::nullopt;
  return *bottom - slack <= *reported && *reported <= *top + slack;
}

nlohmann::ordered_json to_json(const std::vector<Comparison>& comparisons) {
  auto list = nlohmann::ordered_json::array();
  for (const Comparison& figure : comparisons) {
    const auto within = figure.within();
    list.push_back({{"what", figure.what},
                    {"reported", optional_number(figure.reported)},
                    {"ours", number(figure.ours)},
                    {"low", optional_number(figure.low())},
                    {"high", optional_number(figure.high())},
                    {"percentile", optional_number(figure.percentile())},
                    {"diverged", figure.diverged},
                    {"within", within ? nlohmann::ordered_json(*within) : nlohmann::ordered_json(nullptr)}});
  }
  return list;
}

nlohmann::ordered_json seeds_to_json(const std::vector<Comparison>& comparisons) {
  auto list = nlohmann::ordered_json::array();
  for (const Comparison& figure : comparisons) {
    if (!figure.over_seeds.empty()) list.push_back({{"what", figure.what}, {"values", figure.over_seeds}});
  }
  return list;
}

std::string comparison_table(const std::vector<Comparison>& comparisons, const Style& style) {
  // Left out where no run diverged, to leave room for the names.
  const bool any_diverged =
      std::any_of(comparisons.begin(), comparisons.end(), [](const Comparison& figure) { return figure.diverged > 0; });
  std::vector<Table::Column> columns{
      {"figure", Table::Align::left}, {"reported"}, {"ours"}, {"5 % – 95 %"}, {"percentile"}};
  if (any_diverged) columns.emplace_back("diverged");
  columns.emplace_back("within", Table::Align::left);
  Table table(std::move(columns));
  for (const Comparison& figure : comparisons) {
    const auto percentile = figure.percentile();
    std::vector<std::string> cells{figure.what, figure.reported ? programs::figure(*figure.reported, 9) : "",
                                   programs::figure(figure.ours), band_text(figure),
                                   percentile ? fmt::format("{:.1f}", *percentile) : ""};
    if (any_diverged) cells.push_back(figure.diverged > 0 ? fmt::format("{}", figure.diverged) : "");
    cells.push_back(verdict_text(figure, style));
    table.add_row(std::move(cells));
  }
  return table.text(style);
}

}  // namespace factorise::programs
