// Exercise 4.1's figures over a few seeds, beside the published ones.

#include "programs/lab1_public.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "programs/reported.h"
#include "programs/table.h"

namespace factorise::programs::lab1 {
namespace {

namespace printed = reported::lab1;

const std::vector<int64_t> kCourseShape{1000, 10000};

/// What is set beside: a figure of 4.1, how a run gives it, and what the two published runs print.
struct Figure {
  const char* name;
  double (*of)(const SeededAnswer&);
  std::array<std::optional<double>, 2> published;
  double tolerance;  // half a unit of the last digit printed
  int decimals;
};

std::vector<Figure> figures_of_shape(const std::vector<int64_t>& shape) {
  std::vector<Figure> figures{
      {"predicted rating",
       [](const SeededAnswer& run) { return run.prediction; },
       {printed::kPredictions[0], printed::kPredictions[1]},
       5e-8,
       7},
      {"squared errors, valid entries", [](const SeededAnswer& run) { return run.sse; }, {}, 0, 1}};
  Figure all{"squared errors, all entries", [](const SeededAnswer& run) { return run.sse_all; }, {}, 0.5, 0};
  // A sum over another number of entries is another figure.
  if (shape == kCourseShape) all.published = {printed::kSumsOverAll[0], printed::kSumsOverAll[1]};
  figures.push_back(all);
  return figures;
}

std::vector<double> finite_values(const Results& results, const Figure& figure) {
  std::vector<double> values;
  for (const SeededAnswer& run : results.over_seeds) {
    if (std::isfinite(figure.of(run))) values.push_back(figure.of(run));
  }
  return values;
}

}  // namespace

bool has_public_answers(const Options& options, const Ratings& ratings, const Completed& completed) {
  const Options sheet;
  return ratings.source != RatingsSource::stand_in && completed.prediction && options.rank == sheet.rank &&
         options.epochs == sheet.epochs && options.lr == sheet.lr && options.query.movie == sheet.query.movie &&
         options.query.user == sheet.query.user;
}

std::string beside_public_answers(const Results& results, const Style& style) {
  const auto count = results.over_seeds.size();
  const uint64_t first = results.over_seeds.front().seed;
  Table table({{"", Table::Align::left},
               {"public run 1"},
               {"public run 2"},
               {fmt::format("ours, seed {}", first)},
               {count > 1 ? fmt::format("seeds {} to {}", first, results.over_seeds.back().seed) : "that seed"}});
  for (const Figure& figure : figures_of_shape(results.shape)) {
    const auto text = [&](double value) {
      return std::isfinite(value) ? fmt::format("{:.{}f}", value, figure.decimals) : "not finite";
    };
    std::vector<std::string> cells{figure.name};
    for (const auto& value : figure.published) cells.push_back(value ? text(*value) : "–");
    cells.push_back(text(figure.of(results.over_seeds.front())));
    const std::vector<double> values = finite_values(results, figure);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    cells.push_back(values.empty() ? "diverged" : fmt::format("{} – {}", text(*low), text(*high)));
    table.add_row(std::move(cells));
  }
  const char* whose =
      results.is_course
          ? "  The ratings are the course's own, as their git blob id says; the public runs give no seed."
          : "  The public runs are of the course's ratings.pt. These ratings are of another file (its git blob id\n"
            "  is not the course's), so the figures need not agree.";
  return table.text(style) +
         "\n  The sheet asks for the sum over the valid entries; the public runs print the one over all entries,\n"
         "  those that were not rated taken as 0.\n" +
         whose;
}

std::vector<Comparison> compare_with_public_answers(const Results& results) {
  std::vector<Comparison> rows;
  if (results.over_seeds.empty()) return rows;
  for (const Figure& figure : figures_of_shape(results.shape)) {
    const std::vector<double> values = finite_values(results, figure);
    for (size_t run = 0; run < figure.published.size(); ++run) {
      if (!figure.published[run]) continue;
      rows.push_back({.what = fmt::format("4.1 {}, report {}", figure.name, run + 1),
                      .reported = figure.published[run],
                      .ours = figure.of(results.over_seeds.front()),
                      .over_seeds = values,
                      .diverged = static_cast<int>(results.over_seeds.size() - values.size()),
                      .judgement = JudgedBy::beside,
                      .tolerance = figure.tolerance});
    }
  }
  return rows;
}

}  // namespace factorise::programs::lab1
