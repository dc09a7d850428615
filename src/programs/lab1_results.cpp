// Lab 1's results beside the reports' figures, and as JSON.

#include "programs/lab1_results.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "programs/json_file.h"
#include "programs/lab1_pictures.h"
#include "programs/reported.h"

namespace factorise::programs::lab1 {
namespace {

using nlohmann::ordered_json;
namespace printed = reported::lab1;

/// figure(factors, loss): what of a run is compared.
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
          .judgement = Judgement::digits,
          .tolerance = tolerance};
}

/// The entry of the SVD's reconstruction that is furthest from the one reported.
Comparison furthest_entry(const Tensor& reconstruction) {
  const Tensor ours = reconstruction.cpu().flatten(), print = printed::svd_reconstruction().flatten();
  const auto worst = (ours - print).abs().argmax().item<int64_t>();
  return recomputed(fmt::format("2.1 reconstruction, worst entry ({},{})", worst / 3, worst % 3),
                    std::round(print[worst].item<double>() * 1e4) / 1e4, ours[worst].item<double>(), 5.5e-5);
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
          {"rmse", of_exact(&Completed::rmse)},
          {"hold_out", {{"share", kHoldOut}, {"rmse", results.hold_out ? number(*results.hold_out) : ordered_json()}}},
          {"seconds", of_exact(&Completed::seconds)}};
}

/// What ./labs report draws beside what is above.
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
  return {
      over_seeds("1.2 SGD, squared loss, report 1", printed::kSgdLoss1, whole, results.whole_runs, loss),
      over_seeds("1.2 SGD, squared loss, report 2", printed::kSgdLoss2, whole, results.whole_runs, loss),
      recomputed("1.2 printed factors' loss, report 1", printed::kSgdLoss1,
                 squared_error(A, {printed::U1(), printed::V1()}), kFactorPrint),
      recomputed("1.2 printed factors' loss, report 2", printed::kSgdLoss2,
                 squared_error(A, {printed::U2(), printed::V2()}), kFactorPrint),
      recomputed("2.1 truncated SVD, squared loss", printed::kSvdLoss, results.svd_loss, 5e-5),
      furthest_entry(results.svd.reconstruction),
      over_seeds("3.1 masked SGD, squared loss, report 1", printed::kMaskedLoss1, masked, results.masked_runs, loss),
      over_seeds("3.1 masked SGD, squared loss, report 2", printed::kMaskedLoss2, masked, results.masked_runs, loss),
      over_seeds("3.1 completed (1,0), report 1", printed::kCompleted10_1, masked, results.masked_runs, entry(1, 0)),
      over_seeds("3.1 completed (1,0), report 2", printed::kCompleted10_2, masked, results.masked_runs, entry(1, 0)),
      over_seeds("3.1 completed (2,1), report 1", printed::kCompleted21_1, masked, results.masked_runs, entry(2, 1)),
      over_seeds("3.1 completed (2,1), report 2", printed::kCompleted21_2, masked, results.masked_runs, entry(2, 1)),
      recomputed("3.1 printed matrix's loss, report 1", printed::kMaskedLoss1, error(printed::completed1()), kPrint),
      recomputed("3.1 printed matrix's loss, report 2", printed::kMaskedLoss2, error(printed::completed2()), kPrint)};
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
  json["gd_factorise_masked"] = {
      {"ratings", {{"source", to_string(results.source)}, {"shape", results.shape}, {"observed", done.observed}}},
      {"rank", options.rank},
      {"epochs", options.epochs},
      {"lr", options.lr},
      {"user", options.query.user},
      {"movie", results.movie},
      {"row", done.row ? ordered_json(*done.row) : ordered_json()},
      {"prediction", done.prediction ? number(*done.prediction) : ordered_json()},
      {"sse", number(done.sse)},
      {"rmse", number(done.rmse)},
      {"seconds", number(done.seconds)}};
  json["sgd_ratings"] = exact_to_json(options, results);
  json["comparison"] = to_json(comparisons);
  json["pictures"] = pictures(options, ratings, results, comparisons);
  return json;
}

}  // namespace factorise::programs::lab1
