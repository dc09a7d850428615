// lab2: the second exercise sheet, factorisation by autograd and an MLP on iris, in the sheet's order, with every
// figure of the reports set beside ours.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numbers>

#include "programs/command_line.h"
#include "programs/comparison.h"
#include "programs/interrupt.h"
#include "programs/json_file.h"
#include "programs/lab2_exercises.h"
#include "programs/lab2_pictures.h"
#include "programs/lab_runs.h"
#include "programs/progress.h"
#include "programs/reported.h"
#include "programs/table.h"

#include <factorise/io.h>

namespace factorise::programs::lab2 {
namespace {

using nlohmann::ordered_json;
namespace printed = reported::lab2;

constexpr int kSaddleSeeds = 8;  // the norm variant of these runs to 10,000 epochs

struct Options {
  CommonOptions common;
  int runs = 100;
  std::string csv;
};

void describe(CLI::App& app, Options& options) {
  set_description(app,
                  "Lab 2: factorisation by autograd, and an MLP, on iris. Runs exercises 1.1 to 2.2 and compares with "
                  "the reports.");
  add_integer(app, "--runs", options.runs, {.low = 1, .high = 100000}, "Seeds for the spreads");
  add_text(app, "--csv", options.csv, "DIR",
           "Write the scatter of 1.3 and the norm variant's curve as CSV into this folder");
  add_common_options(app, options.common);
  set_examples(app,
               "  lab2\n"
               "  lab2 --runs 200 --json lab2.json\n"
               "  lab2 --csv figures");
}

/// Everything that lab 2 computes at one seed, and over the seeds.
struct Results {
  std::optional<Descent> rank2, rank4;
  double svd_rank2 = 0, svd_rank4 = 0;
  std::optional<NormDescent> norm;
  double rank1_norm = 0, svd_norm = 0;
  int saddle_seeds = 0, left_saddle = 0;
  std::optional<Projections> projections;
  Runs<double> rank2_runs, rank4_runs, norm_runs;
  struct Trained {
    MlpSetting setting;
    std::optional<Mlp> ours;
    Runs<Mlp> runs;
  };
  std::vector<Trained> mlps;
};

constexpr char kStopped[] = "Stopped among the runs. What is printed above stands; no file was written.";

double norm_of(const Tensor& A, const Run& run) { return std::sqrt(squared_error(A, run.factors)); }

void descend_and_print(const Options& options, const Output& out, const Tensor& A, const Tensor& exact,
                       Results& results) {
  out.heading("1.1, 1.2  gd_factorise_ad on centred iris, 1000 epochs, lr 0.01");
  results.rank2 = unless_diverged(out, [&] { return descend(options.common.seed, A, 2); });
  results.rank4 = unless_diverged(out, [&] { return descend(options.common.seed, A, 4); });
  results.svd_rank2 = svd_loss(exact, 2);
  results.svd_rank4 = svd_loss(A, 4);
  Table table({{"rank", Table::Align::right}, {"squared loss by autograd"}, {"truncated SVD"}});
  const auto loss = [](const std::optional<Descent>& run) { return run ? figure(run->loss, 8) : "diverged"; };
  table.add_row({"2", loss(results.rank2), figure(results.svd_rank2, 8)});
  table.add_row({"4", loss(results.rank4), figure(results.svd_rank4, 3)});
  out.print(table.text(out.style()));
  out.print(
      "  No rank-2 matrix is nearer than the truncated SVD (Eckart and Young). At rank 4 it leaves only the\n"
      "  rounding noise of float32, while descent has not converged after 1000 epochs.");
}

void norm_and_print(const Options& options, const Output& out, const Tensor& A, Results& results) {
  out.heading("1.2, variant  The norm ‖A - U Vᵀ‖ as the loss, not its square, run on to 10,000 epochs");
  results.rank1_norm = std::sqrt(svd_loss(A, 1));
  results.svd_norm = std::sqrt(svd_loss(A, 2));
  results.norm = unless_diverged(out, [&] { return descend_norm(options.common.seed, A, stop_if_interrupted); });
  if (interrupted()) throw Interrupted(kStopped);
  if (results.norm) {
    Table table({{"epoch"}, {"norm"}});
    for (const NormPoint& point : results.norm->curve) {
      if (point.epoch == 100 || point.epoch % 1000 == 0) table.add_row({grouped(point.epoch), figure(point.norm, 5)});
    }
    out.print(table.text(out.style()));
  }
  const double halfway = (results.rank1_norm + results.svd_norm) / 2;
  results.saddle_seeds = std::min(kSaddleSeeds, options.runs);
  Progress progress("saddle", results.saddle_seeds, options.common.quiet, "runs");
  const Tensor on_cpu = A.cpu();
  const auto runs = norm_runs(seeds_from(options.common.seed, results.saddle_seeds), on_cpu, 10000, stop_if_interrupted,
                              progress.on_runs());
  check_complete(runs.size(), static_cast<size_t>(results.saddle_seeds), kStopped);
  const auto finals = figures_of(runs, [&](const Run& run) { return norm_of(on_cpu, run); });
  results.left_saddle = static_cast<int>(
      std::count_if(finals.finite.begin(), finals.finite.end(), [&](double norm) { return norm < halfway; }));
  progress.clear();
  out.print(fmt::format(
      "  After 1000 epochs it stands beside {}, the norm of the best rank-1 matrix: a saddle, not a local\n"
      "  optimum. Of {} seeds run on to 10,000 epochs, {} left it toward the SVD's {}.",
      figure(results.rank1_norm, 5), results.saddle_seeds, results.left_saddle, figure(results.svd_norm, 5)));
}

void project_and_print(const Output& out, const Tensor& A, Results& results) {
  out.heading("1.3  The SVD's U beside the Û of gradient descent, rank 2");
  if (!results.rank2) {
    out.print("  Not to be had: descent diverged at this seed.");
    return;
  }
  results.projections = compare_projections(A, results.rank2->factors);
  const Projections& pair = *results.projections;
  std::string angles;
  for (const double angle : pair.angles) {
    angles += (angles.empty() ? "" : ", ") + figure(angle * 180 / std::numbers::pi, 3) + "°";
  }
  out.print(fmt::format("  principal angles between their columns' spaces: {}", angles));
  out.print(
      fmt::format("  relative residual of the best linear map from U to Û {}, of the best rotation with a scale {}",
                  figure(pair.map_residual, 2), figure(pair.rotation_residual, 2)));
  out.print("  The same subspace in another basis: the scatters differ by a general 2x2 map, not by a rotation.");
}

void train_and_print(const Options& options, const Output& out, const Iris& flowers, c10::Device device,
                     Results& results) {
  out.heading(fmt::format("2.1, 2.2  MLP relu(X W1 + b1) W2 + b2, 100 rows train, 50 validate, 100 epochs, {} seeds",
                          options.runs));
  Table table({{"biases", Table::Align::left},
               {"lr"},
               {"training median"},
               {"min to max"},
               {"validation median"},
               {"min to max"},
               {"diverged"}});
  const auto settings = mlp_settings();
  const auto seeds = seeds_from(options.common.seed, options.runs);
  Progress progress("MLP", static_cast<int64_t>(settings.size()) * options.runs, options.common.quiet, "runs");
  for (const MlpSetting& setting : settings) {
    Results::Trained trained{setting, {}, {}};
    trained.ours = unless_diverged(out, [&] { return train(options.common.seed, flowers, setting, device); });
    const auto runs = train_runs(seeds, flowers, setting, stop_if_interrupted, progress.on_runs());
    check_complete(runs.size(), seeds.size(), kStopped);
    trained.runs = figures_of(runs, [](const MlpRun& run) { return run.mlp; });
    const Spread training = spread_of(trained.runs.finite, &Mlp::train_accuracy);
    const Spread validation = spread_of(trained.runs.finite, &Mlp::validation_accuracy);
    const auto percent = [](double share) { return fmt::format("{:.1f} %", 100 * share); };
    const auto range = [](const Spread& s) { return fmt::format("{:.0f} to {:.0f} %", 100 * s.min, 100 * s.max); };
    table.add_row({setting.name, figure(setting.lr), percent(training.median), range(training),
                   percent(validation.median), range(validation), std::to_string(trained.runs.diverged)});
    results.mlps.push_back(std::move(trained));
  }
  progress.clear();
  out.print(table.text(out.style()));
}

void run_seeds(const Options& options, const Tensor& A, Results& results) {
  const auto seeds = seeds_from(options.common.seed, options.runs);
  Progress progress("seeds", 3 * options.runs, options.common.quiet, "runs");
  const auto spread = [&](const std::vector<Run>& runs, auto figure) {
    check_complete(runs.size(), seeds.size(), kStopped);
    return figures_of(runs, figure);
  };
  const auto loss = [&](const Run& run) { return squared_error(A, run.factors); };
  const auto norm = [&](const Run& run) { return norm_of(A, run); };
  results.rank2_runs = spread(descend_runs(seeds, A, 2, stop_if_interrupted, progress.on_runs()), loss);
  results.rank4_runs = spread(descend_runs(seeds, A, 4, stop_if_interrupted, progress.on_runs()), loss);
  results.norm_runs = spread(norm_runs(seeds, A, 1000, stop_if_interrupted, progress.on_runs()), norm);
}

Comparison by_svd(std::string what, double reported, double ours, JudgedBy judgement, double tolerance) {
  return {.what = std::move(what), .reported = reported, .ours = ours, .judgement = judgement, .tolerance = tolerance};
}

Comparison by_descent(std::string what, double reported, std::optional<double> ours, const Runs<double>& runs,
                      double tolerance) {
  return {.what = std::move(what),
          .reported = reported,
          .ours = ours.value_or(std::nan("")),
          .over_seeds = runs.finite,
          .diverged = runs.diverged,
          .tolerance = tolerance};
}

Comparison by_accuracy(const std::string& what, double reported, const Results::Trained& trained,
                       double Mlp::*accuracy) {
  // The reports truncate their percentages: 83.99 % is 42 flowers of 50.
  Comparison row{.what = what, .reported = reported, .tolerance = 1.5e-4, .higher_is_better = true};
  row.ours = trained.ours ? (*trained.ours).*accuracy : std::nan("");
  for (const Mlp& mlp : trained.runs.finite) row.over_seeds.push_back(mlp.*accuracy);
  row.diverged = trained.runs.diverged;
  return row;
}

std::vector<Comparison> compare(const Results& results) {
  const auto loss = [](const auto& run) { return run ? std::optional(run->loss) : std::nullopt; };
  const auto& mlps = results.mlps;
  const auto rank2 = [&](const std::string& report, double reported, double tolerance) {
    return by_descent("1.2 autograd, rank 2, squared loss, " + report, reported, loss(results.rank2),
                      results.rank2_runs, tolerance);
  };
  return {rank2("report 1", printed::kAdRank2, 5e-7),
          rank2("report 2", printed::kAdRank2Low, 5e-5),
          rank2("report 3", printed::kAdRank2High, 5e-4),
          by_svd("1.2 SVD, rank 2, squared loss", printed::kSvdRank2, results.svd_rank2, JudgedBy::digits, 5.1e-7),
          by_descent("1.2 autograd, rank 4, squared loss", printed::kAdRank4, loss(results.rank4), results.rank4_runs,
                     5e-5),
          by_svd("1.2 SVD, rank 4, rounding noise", printed::kSvdRank4, results.svd_rank4, JudgedBy::magnitude, 0),
          by_descent("1.2 norm variant, norm", printed::kNorm, loss(results.norm), results.norm_runs, 5e-5),
          by_svd("1.2 norm variant, the SVD's norm", printed::kSvdNorm, results.svd_norm, JudgedBy::digits, 5e-5),
          by_accuracy("2.2 MLP, scalar biases, lr 0.01, training", printed::kTrain001, mlps[0], &Mlp::train_accuracy),
          by_accuracy("2.2 MLP, scalar biases, lr 0.01, validation", printed::kValidation001, mlps[0],
                      &Mlp::validation_accuracy),
          by_accuracy("2.2 MLP, vector biases, lr 0.1, training", printed::kTrain01, mlps[3], &Mlp::train_accuracy),
          by_accuracy("2.2 MLP, vector biases, lr 0.1, validation", printed::kValidation01, mlps[3],
                      &Mlp::validation_accuracy),
          by_accuracy("2.2 MLP, Xavier, validation", printed::kValidationXavier, mlps[4], &Mlp::validation_accuracy)};
}

ordered_json to_json(const std::vector<NormPoint>& curve) {
  ordered_json points = ordered_json::array();
  for (const NormPoint& point : curve) points.push_back({{"epoch", point.epoch}, {"norm", number(point.norm)}});
  return points;
}

ordered_json to_json(const Results::Trained& trained) {
  const auto spread = [&](double Mlp::*accuracy) {
    const Spread s = spread_of(trained.runs.finite, accuracy);
    return ordered_json{{"min", number(s.min)}, {"median", number(s.median)}, {"max", number(s.max)}};
  };
  return {{"name", trained.setting.name},
          {"lr", trained.setting.lr},
          {"runs", static_cast<int>(trained.runs.finite.size()) + trained.runs.diverged},
          {"diverged", trained.runs.diverged},
          {"train_accuracy", spread(&Mlp::train_accuracy)},
          {"validation_accuracy", spread(&Mlp::validation_accuracy)}};
}

/// The data of the pictures of ./labs report.
ordered_json pictures(const Options& options, const Tensor& A, const Iris& flowers, const Results& results,
                      const std::vector<Comparison>& comparisons) {
  const auto curves = norm_curves(seeds_from(options.common.seed, results.saddle_seeds), A);
  ordered_json mlps = ordered_json::array();
  for (const Results::Trained& trained : results.mlps) {
    mlps.push_back(to_json(trained.setting, trained.ours, trained.runs.finite));
  }
  return {{"norm_curves", to_json(curves)},
          {"projections", results.projections ? to_json(*results.projections, flowers) : ordered_json()},
          {"mlp", mlps},
          {"over_seeds", seeds_to_json(comparisons)}};
}

ordered_json to_json(const Options& options, c10::Device device, const Tensor& A, const Iris& flowers,
                     const Results& results, const std::vector<Comparison>& comparisons) {
  ordered_json json;
  json["seed"] = options.common.seed;
  json["runs"] = options.runs;
  json["device"] = device.str();
  const auto loss = [](const auto& run) { return run ? number(run->loss) : ordered_json(); };
  json["gd_factorise_ad"] = {{"rank2", {{"loss", loss(results.rank2)}, {"svd_loss", results.svd_rank2}}},
                             {"rank4", {{"loss", loss(results.rank4)}, {"svd_loss", results.svd_rank4}}},
                             {"norm",
                              {{"loss", loss(results.norm)},
                               {"svd_norm", results.svd_norm},
                               {"rank1_norm", results.rank1_norm},
                               {"saddle_seeds", results.saddle_seeds},
                               {"left_saddle", results.left_saddle},
                               {"curve", results.norm ? to_json(results.norm->curve) : ordered_json::array()}}}};
  const auto& pair = results.projections;
  json["pca"] = {{"principal_angles", pair ? ordered_json(pair->angles) : ordered_json()},
                 {"linear_map_residual", pair ? number(pair->map_residual) : ordered_json()},
                 {"rotation_residual", pair ? number(pair->rotation_residual) : ordered_json()}};
  json["mlp"] = ordered_json::array();
  for (const Results::Trained& trained : results.mlps) json["mlp"].push_back(to_json(trained));
  json["comparison"] = programs::to_json(comparisons);
  json["pictures"] = pictures(options, A, flowers, results, comparisons);
  return json;
}

/// The scatter of 1.3: a row for each flower.
std::string scatter_csv(const Projections& pair, const Iris& flowers) {
  std::string text = "svd_1,svd_2,gd_1,gd_2,svd_mapped_1,svd_mapped_2,species\n";
  const auto svd = pair.svd_U.accessor<double, 2>(), gd = pair.gd_U.accessor<double, 2>();
  const auto mapped = pair.mapped.accessor<double, 2>();
  for (int64_t i = 0; i < svd.size(0); ++i) {
    text += fmt::format("{},{},{},{},{},{},{}\n", svd[i][0], svd[i][1], gd[i][0], gd[i][1], mapped[i][0], mapped[i][1],
                        flowers.species[static_cast<size_t>(flowers.y[i].item<int64_t>())]);
  }
  return text;
}

void write_csv(const Options& options, const Output& out, const Iris& flowers, const Results& results) {
  const std::filesystem::path folder = options.csv;
  if (results.projections) save_text(folder / "scatter.csv", scatter_csv(*results.projections, flowers));
  if (results.norm) {
    std::string text = "epoch,norm\n";
    for (const NormPoint& point : results.norm->curve) text += fmt::format("{},{}\n", point.epoch, point.norm);
    save_text(folder / "norm_curve.csv", text);
  }
  out.notice(fmt::format("Wrote scatter.csv and norm_curve.csv into {}.", options.csv));
}

void run(const Options& options) {
  const c10::Device device = prepare(options.common);
  if (!options.csv.empty()) make_folder(options.csv, "--csv");
  const Output out(options.common, /*files_to_come=*/!options.common.json.empty() || !options.csv.empty());
  out.print(fmt::format("Lab 2: autograd   (seed {}, {}, {} engine)", options.common.seed, device.str(),
                        name_of(engine_on(device))));
  const Iris flowers = iris(at::kFloat);
  const Tensor on_cpu = centred(flowers), A = on_cpu.to(device), exact = centred(iris(at::kDouble));
  Results results;
  descend_and_print(options, out, A, exact, results);
  norm_and_print(options, out, A, results);
  project_and_print(out, A, results);
  train_and_print(options, out, flowers, device, results);
  run_seeds(options, on_cpu, results);
  const std::vector<Comparison> comparisons = compare(results);
  out.heading(fmt::format("Comparison with the reports, over {} seeds from {}", options.runs, options.common.seed));
  out.print(comparison_table(comparisons, out.style()));
  if (!options.csv.empty()) write_csv(options, out, flowers, results);
  if (!options.common.json.empty()) {
    write_json(options.common.json, to_json(options, device, on_cpu, flowers, results, comparisons));
  }
}

}  // namespace
}  // namespace factorise::programs::lab2

int main(int argc, char** argv) {
  using namespace factorise::programs;
  lab2::Options options;
  return run_program(
      argc, argv, "lab2", [&](CLI::App& app) { lab2::describe(app, options); }, [&] { lab2::run(options); });
}
