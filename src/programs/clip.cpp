// Reading LOW,HIGH.

#include "programs/clip.h"

#include <fmt/format.h>

#include <cmath>

#include "io/text.h"
#include "programs/command_line.h"

namespace factorise::programs {
namespace {

/// Nothing where the text is anything but two finite numbers, the first no larger than the second.
std::optional<Range> two_numbers(std::string_view text) {
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto low = number_in<double>(text.substr(0, comma)), high = number_in<double>(text.substr(comma + 1));
  if (!low || !high || !std::isfinite(*low) || !std::isfinite(*high) || *low > *high) return std::nullopt;
  return Range{*low, *high};
}

}  // namespace

void add_clip(CLI::App& app, Clip& clip, const std::string& what) {
  add_text(
      app, "--clip", clip.text, "LOW,HIGH",
      fmt::format("Keep {} between these two, as 1,5; auto: between the lowest and highest seen in training", what));
}

void check_clip(const Clip& clip) {
  if (clip.text.empty() || clip.text == "auto" || two_numbers(clip.text)) return;
  throw UsageError(
      fmt::format("--clip must be auto or two numbers, LOW,HIGH, the first no larger, but was '{}'.", clip.text));
}

std::optional<Range> range_of(const Clip& clip, const std::optional<Observations>& observed, const std::string& file) {
  if (clip.text.empty()) return std::nullopt;
  if (clip.text != "auto") return two_numbers(clip.text);
  if (!observed) {
    refuse_value(fmt::format(
        "{} does not say between which values it was fitted: give --clip LOW,HIGH in place of auto.", file));
  }
  return observed->range;
}

}  // namespace factorise::programs
