#pragma once
// Compares a report's figure with ours. Where a report gives its seed, ours must have the digits that it prints. Most
// give none: then a figure is compared with the distribution over seeds, by the band from the 5th to the 95th
// percentile and the figure's percentile.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "programs/terminal.h"

namespace factorise::programs {

/// How a figure is judged.
enum class JudgedBy {
  band,       ///< within the band over the seeds
  digits,     ///< the seed is known, or nothing is random: equal to the digits reported
  magnitude,  ///< rounding noise: equal to within a factor of ten
  beside,     ///< shown beside the report's without a verdict: there are too few seeds
};

/// One figure. The functions below compute all else from these members.
struct Comparison {
  std::string what;
  std::optional<double> reported;    ///< nothing where no report gives it
  double ours = 0;                   ///< at this seed; NaN where it diverged
  std::vector<double> over_seeds{};  ///< of the runs that stayed finite
  int diverged = 0;                  ///< runs that did not: they count as worse than every figure
  JudgedBy judgement = JudgedBy::band;
  double tolerance = 0;           ///< half a unit of the last digit printed: figures that differ by less are equal
  bool higher_is_better = false;  ///< an accuracy, not a loss: then diverged runs lie below every figure

  /// 5th and 95th percentile over the seeds, infinite where diverged runs reach it; nothing where there are no seeds.
  std::optional<double> low() const;
  std::optional<double> high() const;
  /// Percent of the seeds below the reported figure, those equal to it (within the tolerance) counted half.
  std::optional<double> percentile() const;
  /// Whether the reported figure agrees with ours; nothing where none is reported or there is no verdict.
  std::optional<bool> within() const;
};

/// The percentile p (0 to 100) of the values: linear between the two nearest ranks, as numpy.percentile. Infinities
/// may be among them. `values` must not be empty.
double percentile_of(std::vector<double> values, double p);

/// [{what, reported, ours, low, high, percentile, diverged, within}], null where something does not apply.
nlohmann::ordered_json to_json(const std::vector<Comparison>& comparisons);

/// [{what, values}], the figures of the finite runs in the order of their seeds, of each figure that has any.
nlohmann::ordered_json seeds_to_json(const std::vector<Comparison>& comparisons);

/// The same as to_json, as a table.
std::string comparison_table(const std::vector<Comparison>& comparisons, const Style& style);

}  // namespace factorise::programs
