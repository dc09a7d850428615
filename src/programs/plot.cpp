// One point in each column, where the line between the two nearest epochs passes it.

#include "programs/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "programs/table.h"

namespace factorise::programs {
namespace {

/// The curve's height at an epoch between its first and its last, on its axis.
double height_at(const std::vector<CurvePoint>& curve, double epoch) {
  size_t i = 1;
  while (i + 1 < curve.size() && static_cast<double>(curve[i].epoch) < epoch) ++i;
  const CurvePoint &left = curve[i - 1], &right = curve[i];
  const double width = static_cast<double>(right.epoch - left.epoch);
  const double share = width > 0 ? (epoch - static_cast<double>(left.epoch)) / width : 1;
  return left.loss + share * (right.loss - left.loss);
}

}  // namespace

std::string plot(const std::vector<CurvePoint>& all, const Style& style, int columns, int rows) {
  std::vector<CurvePoint> curve;
  for (const CurvePoint& point : all) {
    if (std::isfinite(point.loss)) curve.push_back(point);
  }
  if (curve.size() < 2) return "";
  const auto less = [](const CurvePoint& a, const CurvePoint& b) { return a.loss < b.loss; };
  const auto [lowest, highest] = std::minmax_element(curve.begin(), curve.end(), less);
  const std::string low_text = figure(lowest->loss, 4), high_text = figure(highest->loss, 4);
  const bool logarithmic = lowest->loss > 0;
  double low = lowest->loss, high = highest->loss;
  if (logarithmic) {
    low = std::log(low);
    high = std::log(high);
    for (CurvePoint& point : curve) point.loss = std::log(point.loss);
  }
  const auto first = static_cast<double>(curve.front().epoch), last = static_cast<double>(curve.back().epoch);
  std::vector<int> row_of(static_cast<size_t>(columns));
  for (int column = 0; column < columns; ++column) {
    const double height = height_at(curve, first + (last - first) * column / (columns - 1));
    const double share = high > low ? (high - height) / (high - low) : 0;
    row_of[static_cast<size_t>(column)] = std::clamp(static_cast<int>(std::lround(share * (rows - 1))), 0, rows - 1);
  }
  const size_t width = std::max(low_text.size(), high_text.size());
  std::string text;
  for (int row = 0; row < rows; ++row) {
    std::string line;
    for (const int at : row_of) line += at == row ? "•" : " ";
    const std::string label = row == 0 ? high_text : row == rows - 1 ? low_text : "";
    line.erase(line.find_last_not_of(' ') + 1);
    text += fmt::format("  {:>{}} {}{}\n", label, width, style.dim("│"), line.empty() ? "" : style.green(line));
  }
  std::string axis;
  for (int column = 0; column < columns; ++column) axis += "─";
  text += fmt::format("  {:>{}} {}\n", "", width, style.dim("└" + axis));
  const std::string from = fmt::format("{}", curve.front().epoch), to = fmt::format("{}", curve.back().epoch);
  const int room = columns - static_cast<int>(from.size() + to.size());
  std::string what = logarithmic ? "epochs, loss logarithmic" : "epochs";
  if (static_cast<int>(what.size()) + 2 > room) what = "epochs";
  text += fmt::format("  {:>{}}  {}{:^{}}{}", "", width, from, what, room, to);
  return text;
}

}  // namespace factorise::programs
