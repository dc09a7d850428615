// Lab 1's results beside the reports' figures, and as JSON.

#include "programs/lab1_results.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "programs/json_file.h"
#include "programs/lab1_pictures.h"
#include "programs/reported.h"
#include "programs/table.h"

namespace factorise::programs::lab1 {
namespace {

using nlohmann::ordered_json;
namespace printed = reported::lab1;

/// figure(factors, loss): the figure of a run that is compared.
template <class Figure>
Comparison over_seeds(std::string what, double reported, const std::optional<Factorised>& ours,
                      const Runs<Seeded>& runs, Figure figure) {
  Comparison row{.what = std::move(what), .reported = reported, .tolerance = 5e-5};
  row.ours = ours ? figure(ours->factors, ours->loss) : std::nan("");
  for (const Seeded& run : runs.finite) row.over_seeds.push_back(figure(run.factors, run.loss));
  row.diverged = runs.diverged;
  return row;
}

Comparison recomputed(std::string what, double reported, double ours, double tolerance) {
  return {.what = std::move(what),
          .reported = reported,
          .ours = ours,
          .judgement = JudgedBy::digits,
          .tolerance = tolerance};
}

/// The entry of a matrix that is furthest from the one reported, which has `decimals` decimals.
Comparison furthest_entry(const std::string& what, const Tensor& matrix, const Tensor& reported, int decimals,
                          double tolerance) {
  const Tensor ours = matrix.cpu().flatten(), print = reported.flatten();
  const auto worst = (ours - print).abs().argmax().item<int64_t>();
  const double unit = std::pow(10.0, -decimals);
  return recomputed(fmt::format("{}, worst ({},{})", what, worst / reported.size(1), worst % reported.size(1)),
                    std::round(print[worst].item<double>() / unit) / std::round(1 / unit), ours[worst].item<double>(),
                    tolerance);
}

/// Each figure of the report that gives its seed: ours must equal it in every digit printed.
void add_seeded(std::vector<Comparison>& rows, const std::string& exercise, const std::string& product,
                const printed::SeededRun& report, const std::optional<Factorised>& ours) {
  const std::string what = fmt::format("{}, seed {}: ", exercise, report.seed);
  const auto nothing = [](const Tensor& like) { return at::full_like(like, std::nan("")); };
  const auto add = [&](const std::string& name, const Tensor& of_ours, const Tensor& print) {
    rows.push_back(furthest_entry(what + name, of_ours, print, 3, printed::kSeededMatrixTolerance));
  };
  add("U", ours ? ours->factors.U : nothing(report.U), report.U);
  add("V", ours ? ours->factors.V : nothing(report.V), report.V);
  add(product, ours ? reconstruct(ours->factors) : nothing(report.product), report.product);
  rows.push_back(
      recomputed(what + "squared loss", report.loss, ours ? ours->loss : std::nan(""), printed::kSeededLossTolerance));
}

ordered_json exact_to_json(const Options& options, const Results& results) {
  const auto& exact = results.exact;
  const auto of_exact = [&](double Completed::*value) { return exact ? number((*exact).*value) : ordered_json(); };
  return {{"rank", options.rank},
          {"epochs", options.sgd_epochs},
          {"lr", options.sgd_lr},
          {"weight_decay", options.sgd_weight_decay},
          {"lr_decay", options.sgd_lr_decay},
          {"source", to_string(results.source)},
          {"prediction", exact && exact->prediction ? number(*exact->prediction) : ordered_json()},
          {"sse", of_exact(&Completed::sse)},
          {"sse_all", of_exact(&Completed::sse_all)},
          {"rmse", of_exact(&Completed::rmse)},
          {"hold_out", {{"share", kHoldOut}, {"rmse", results.hold_out ? number(*results.hold_out) : ordered_json()}}},
          {"seconds", of_exact(&Completed::seconds)}};
}

ordered_json answers_to_json(const std::vector<SeededAnswer>& runs) {
  ordered_json list = ordered_json::array();
  for (const SeededAnswer& run : runs) {
    list.push_back({{"seed", run.seed},
                    {"prediction", number(run.prediction)},
                    {"sse", number(run.sse)},
                    {"sse_all", number(run.sse_all)}});
  }
  return list;
}

/// The data of the pictures of ./labs report.
ordered_json pictures(const Options& options, const Ratings& ratings, const Results& results,
                      const std::vector<Comparison>& comparisons) {
  constexpr int kCurves = 20;
  using programs::to_json;
  const auto seeds = seeds_from(options.common.seed, std::min(kCurves, options.runs));
  const auto predictions = [&](const Factors& factors) { return to_json(predictions_by_rating(ratings.A, factors)); };
  return {{"A", to_json(printed::A())},
          {"observed", to_json(printed::M().to(at::kLong))},
          {"completed_reported", {to_json(printed::completed1()), to_json(printed::completed2())}},
          {"sgd_curves", to_json(loss_curves(seeds, printed::A()))},
          {"rated_share", to_json(rated_share(ratings.A))},
          {"predictions",
           {{"gd_factorise_masked", predictions(results.completed.factors)},
            {"sgd_ratings", results.exact ? predictions(results.exact->factors) : ordered_json()}}},
          {"over_seeds", seeds_to_json(comparisons)}};
}

namespace printed = reported::lab1;

const std::vector<int64_t> kCourseShape{1000, 10000};

/// A figure of 4.1: its name, its value in a run of ours, and its values in the two published runs.
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
  // A sum over another number of entries is not comparable.
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

std::vector<Comparison> compare(const Results& results) {
  const auto loss = [](const Factors&, double loss_of_run) { return loss_of_run; };
  const auto entry = [](int64_t r, int64_t c) {
    return [r, c](const Factors& factors, double) { return factors.U[r].dot(factors.V[c]).item<double>(); };
  };
  const Tensor A = printed::A();
  const auto error = [&](const Tensor& printed_matrix) {
    return (A - printed_matrix).to(at::kDouble).square().sum().item<double>();
  };
  // Factors printed to four decimals move the loss by up to about 2e-4.
  constexpr double kFactorPrint = 2e-4, kPrint = 1e-4;
  const auto& [whole, masked] = std::tie(results.whole, results.masked);
  std::vector<Comparison> rows;
  const auto of_whole = [&](double reported, size_t report) {
    rows.push_back(
        over_seeds(fmt::format("1.2 SGD, squared loss, report {}", report), reported, whole, results.whole_runs, loss));
  };
  const auto of_masked = [&](const std::string& what, double reported, size_t report, auto figure) {
    rows.push_back(
        over_seeds(fmt::format("3.1 {}, report {}", what, report), reported, masked, results.masked_runs, figure));
  };
  add_seeded(rows, "1.2 SGD", "product", printed::seeded_whole(), results.seeded_whole);
  of_whole(printed::kSgdLoss1, 1);
  of_whole(printed::kSgdLoss2, 2);
  for (size_t i = 0; i < printed::kFurtherSgdLosses.size(); ++i) of_whole(printed::kFurtherSgdLosses[i], 3 + i);
  rows.push_back(recomputed("1.2 printed factors' loss, report 1", printed::kSgdLoss1,
                            squared_error(A, {printed::U1(), printed::V1()}), kFactorPrint));
  rows.push_back(recomputed("1.2 printed factors' loss, report 2", printed::kSgdLoss2,
                            squared_error(A, {printed::U2(), printed::V2()}), kFactorPrint));
  rows.push_back(recomputed("2.1 truncated SVD, squared loss", printed::kSvdLoss, results.svd_loss, 5e-5));
  rows.push_back(
      furthest_entry("2.1 reconstruction", results.svd.reconstruction, printed::svd_reconstruction(), 4, 5.5e-5));
  add_seeded(rows, "3.1 SGD", "completed", printed::seeded_masked(), results.seeded_masked);
  const auto& further = printed::kFurtherCompletions;
  of_masked("masked SGD, squared loss", printed::kMaskedLoss1, 1, loss);
  of_masked("masked SGD, squared loss", printed::kMaskedLoss2, 2, loss);
  for (size_t i = 0; i < further.size(); ++i) {
    if (further[i].loss) of_masked("masked SGD, squared loss", *further[i].loss, 3 + i, loss);
  }
  of_masked("completed (1,0)", printed::kCompleted10_1, 1, entry(1, 0));
  of_masked("completed (1,0)", printed::kCompleted10_2, 2, entry(1, 0));
  for (size_t i = 0; i < further.size(); ++i) of_masked("completed (1,0)", further[i].entry10, 3 + i, entry(1, 0));
  of_masked("completed (2,1)", printed::kCompleted21_1, 1, entry(2, 1));
  of_masked("completed (2,1)", printed::kCompleted21_2, 2, entry(2, 1));
  for (size_t i = 0; i < further.size(); ++i) of_masked("completed (2,1)", further[i].entry21, 3 + i, entry(2, 1));
  rows.push_back(
      recomputed("3.1 printed matrix's loss, report 1", printed::kMaskedLoss1, error(printed::completed1()), kPrint));
  rows.push_back(
      recomputed("3.1 printed matrix's loss, report 2", printed::kMaskedLoss2, error(printed::completed2()), kPrint));
  for (Comparison& row : compare_with_public_answers(results)) rows.push_back(std::move(row));
  return rows;
}

ordered_json to_json(const Options& options, c10::Device device, const Ratings& ratings, const Results& results,
                     const std::vector<Comparison>& comparisons) {
  ordered_json json;
  json["seed"] = options.common.seed;
  json["runs"] = options.runs;
  json["device"] = device.str();
  const auto& [whole, masked, done] = std::tie(results.whole, results.masked, results.completed);
  using programs::to_json;
  json["sgd_factorise"] = {{"U", whole ? to_json(whole->factors.U) : ordered_json()},
                           {"V", whole ? to_json(whole->factors.V) : ordered_json()},
                           {"loss", whole ? number(whole->loss) : ordered_json()},
                           {"seconds", whole ? number(whole->seconds) : ordered_json()}};
  json["truncated_svd"] = {{"reconstruction", to_json(results.svd.reconstruction)}, {"loss", results.svd_loss}};
  json["sgd_factorise_masked"] = {{"completed", masked ? to_json(reconstruct(masked->factors)) : ordered_json()},
                                  {"loss", masked ? number(masked->loss) : ordered_json()},
                                  {"seconds", masked ? number(masked->seconds) : ordered_json()}};
  json["gd_factorise_masked"] = {{"ratings",
                                  {{"source", to_string(results.source)},
                                   {"course", results.is_course},
                                   {"shape", results.shape},
                                   {"observed", done.observed}}},
                                 {"rank", options.rank},
                                 {"epochs", options.epochs},
                                 {"lr", options.lr},
                                 {"user", options.query.user},
                                 {"movie", results.movie},
                                 {"row", done.row ? ordered_json(*done.row) : ordered_json()},
                                 {"prediction", done.prediction ? number(*done.prediction) : ordered_json()},
                                 {"sse", number(done.sse)},
                                 {"sse_all", number(done.sse_all)},
                                 {"rmse", number(done.rmse)},
                                 {"seconds", number(done.seconds)},
                                 {"over_seeds", answers_to_json(results.over_seeds)}};
  json["sgd_ratings"] = exact_to_json(options, results);
  json["comparison"] = to_json(comparisons);
  json["pictures"] = pictures(options, ratings, results, comparisons);
  return json;
}

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
