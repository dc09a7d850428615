// lab1: the first exercise sheet, matrix factorisation and completion, in the sheet's order, with every figure of the
// reports set beside ours.

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "programs/command_line.h"
#include "programs/interrupt.h"
#include "programs/json_file.h"
#include "programs/lab1_exercises.h"
#include "programs/lab1_results.h"
#include "programs/lab_runs.h"
#include "programs/progress.h"
#include "programs/reported.h"
#include "programs/table.h"

namespace factorise::programs::lab1 {
namespace {

namespace printed = reported::lab1;

void describe(CLI::App& app, Options& options) {
  set_description(
      app, "Lab 1: matrix factorisation and completion. Runs exercises 1.1 to 4.1 and compares with the reports.");
  add_integer(app, "--runs", options.runs, {.low = 1, .high = 100000}, "Seeds for the spread in the comparison table");
  add_text(app, "--ratings", options.ratings, "R.pt",
           "Ratings for 4.1, a .pt file, movies x users, 0 where not rated (default: data/ratings.pt, else a download, "
           "else a stand-in)");
  add_text(app, "--key", options.key, "NAME", "Which tensor of the ratings file, where it holds several");
  add_text(app, "--titles", options.titles, "CSV",
           "Titles as CSV with the header movie,name (default: data/titles.csv)");
  add_flag(app, "--offline", options.offline, "Do not try to download the ratings");
  add_text(app, "--movie", options.query.movie, "TITLE", "Movie whose rating 4.1 predicts");
  add_integer(app, "--user", options.query.user, {.low = 0}, "User whose rating 4.1 predicts, a column from 0");
  add_integer(app, "--rank", options.rank, {.low = 1, .high = 256}, "Rank in 4.1");
  add_integer(app, "--epochs", options.epochs, {.low = 0}, "Epochs of full-batch descent in 4.1");
  add_real(app, "--lr", options.lr, {.low = 0, .low_allowed = false}, "Its step size");
  add_integer(app, "--rating-seeds", options.rating_seeds, {.low = 1, .high = 1000},
              "Seeds of 4.1 that are set beside published answers, where the ratings are not made up");
  add_integer(app, "--sgd-epochs", options.sgd_epochs, {.low = 0}, "Epochs of the exact algorithm in 4.1");
  add_real(app, "--sgd-lr", options.sgd_lr, {.low = 0, .low_allowed = false}, "Its step size");
  add_real(app, "--sgd-weight-decay", options.sgd_weight_decay, {.low = 0}, "Its L2 shrinkage");
  add_real(app, "--sgd-lr-decay", options.sgd_lr_decay, {.low = 0, .low_allowed = false},
           "Its factor on the step size after each epoch");
  add_common_options(app, options.common);
  set_examples(app,
               "  lab1\n"
               "  lab1 --ratings ratings.pt --titles titles.csv\n"
               "  lab1 --seed 3 --runs 1000 --json lab1.json\n"
               "  lab1 --json - | jq .comparison");
}

void factorise_and_print(const Options& options, const Output& out, const Tensor& A, Results& results) {
  out.heading("1.1  sgd_factorise: A ≈ U Vᵀ, rank 2, 1000 epochs, lr 0.01");
  results.whole = unless_diverged(out, [&] { return factorise_whole(options.common.seed, A); });
  if (!results.whole) return;
  const auto& [factors, loss, seconds] = *results.whole;
  out.print("  U\n" + matrix(factors.U.cpu()));
  out.print("  V\n" + matrix(factors.V.cpu()));
  out.print("  U Vᵀ\n" + matrix(reconstruct(factors).cpu()));
  out.print("  A\n" + matrix(A.cpu()));
  out.heading("1.2  Its error");
  out.print(fmt::format("  squared loss ‖A - U Vᵀ‖² = {}   ({})", figure(loss), duration(seconds)));
}

void svd_and_print(const Output& out, const Tensor& A, Results& results) {
  out.heading("2.1  Truncated SVD: the last singular value set to zero");
  results.svd = truncated_svd(A, 2);
  results.svd_loss = (A - results.svd.reconstruction).to(at::kDouble).square().sum().item<double>();
  out.print("  reconstruction\n" + matrix(results.svd.reconstruction.cpu()));
  out.print(fmt::format("  squared loss {}", figure(results.svd_loss)));
  if (!results.whole) return;
  const double above = results.whole->loss - results.svd_loss;
  out.print(
      fmt::format("  Descent ends {} {} the SVD. No rank-2 matrix is nearer to A in the Frobenius norm (Eckart and\n"
                  "  Young), so descent can only come close, from above.",
                  figure(std::abs(above), 2), above >= 0 ? "above" : "below"));
}

/// The largest deviation from A over the entries where M is `value`.
double largest_deviation(const Tensor& A, const Tensor& completed, const Tensor& M, double value) {
  return (A - completed).abs().masked_select(M.eq(value)).max().item<double>();
}

void complete_and_print(const Options& options, const Output& out, const Tensor& A, const Tensor& M, Results& results) {
  out.heading("3.1  sgd_factorise_masked: entries (1,0) and (2,1) missing");
  results.masked = unless_diverged(out, [&] { return factorise_masked(options.common.seed, A, M); });
  if (!results.masked) return;
  const auto& [factors, loss, seconds] = *results.masked;
  const Tensor completed = reconstruct(factors);
  out.print("  completed, the missing entries in brackets\n" + matrix(completed.cpu(), 4, M.eq(0).cpu(), out.style()));
  out.print(fmt::format("  squared loss against the whole A {}   ({})", figure(loss), duration(seconds)));
  out.print(fmt::format(
      "  The valid entries are fitted to within {}, the missing ones only to {}: at rank 2 a 3x3 matrix has 8\n"
      "  degrees of freedom and 7 entries are given, so the seed decides what is missing.",
      figure(largest_deviation(A, completed, M, 1), 2), figure(largest_deviation(A, completed, M, 0), 2)));
}

/// Seconds that an epoch of 4.1 takes here, from a few of them.
double measure_epoch(const Ratings& ratings, const Options& options, c10::Device device) {
  constexpr int64_t kFew = 10;
  const auto few = GdOptions().num_epochs(kFew).lr(options.lr).seed(options.common.seed);
  return complete_ratings(ratings, options.rank, few, device, options.query).seconds / kFew;
}

Ratings find_ratings(const Options& options, const Output& out) {
  const char* folder = std::getenv("FACTORISE_DATA");
  return load_ratings({.ratings = options.ratings,
                       .key = options.key,
                       .titles = options.titles,
                       .data_folder = folder ? folder : "data",
                       .download = !options.offline,
                       .notice = [&](const std::string& sentence) { out.notice(sentence); }});
}

/// The addition to every result that came from made-up ratings.
std::string tag_of(const Ratings& ratings) {
  return ratings.source == RatingsSource::stand_in ? "   (stand-in, made-up ratings)" : "";
}

void check_finished(const Progress& progress, const std::string& what, int64_t epochs) {
  if (!progress.stopped()) return;
  throw Interrupted(
      fmt::format("Stopped in exercise 4.1, {}, after {} of {} epochs. What is printed above stands; no "
                  "file was written.",
                  what, progress.done(), epochs));
}

void print_completed(const Options& options, const Output& out, const Ratings& ratings, const Completed& completed) {
  const std::string tag = tag_of(ratings);
  out.print(fmt::format("  sum of squared errors over the valid entries {:.1f}, RMSE {:.4f}{}", completed.sse,
                        completed.rmse, tag));
  out.print(fmt::format("  sum over all entries, unrated ones taken as 0: {:.0f}{}", completed.sse_all, tag));
  if (completed.prediction) {
    out.print(ratings.source == RatingsSource::stand_in
                  ? fmt::format("  user {} and row {} of the stand-in: {:.2f} (made-up ratings: not an answer to the "
                                "exercise)",
                                options.query.user, *completed.row, *completed.prediction)
                  : fmt::format("  predicted rating of user {} (column index {}) for \"{}\" (row {}): {:.2f}",
                                options.query.user + 1, options.query.user, options.query.movie, *completed.row,
                                *completed.prediction));
  } else {
    out.print(fmt::format(
        "  no prediction: {}{}",
        completed.row ? fmt::format("there is no user {}, only 0 to {}", options.query.user, ratings.A.size(1) - 1)
                      : fmt::format("no movie is titled \"{}\"", options.query.movie),
        tag));
  }
  out.print(fmt::format("  {} for the epochs{}", duration(completed.seconds), tag));
}

GdOptions descent_options(const Options& options, uint64_t seed, Progress& progress) {
  return GdOptions()
      .num_epochs(options.epochs)
      .lr(options.lr)
      .seed(seed)
      .on_epoch(progress.on_epoch())
      .report_every(progress.report_every())
      .stop(progress.stop());
}

/// 4.1 from some more seeds, beside the published figures.
void rate_over_seeds_and_print(const Options& options, const Output& out, c10::Device device, const Ratings& ratings,
                               Results& results) {
  if (!has_public_answers(options, ratings, results.completed)) return;
  for (const uint64_t seed : seeds_from(options.common.seed, options.rating_seeds)) {
    Completed run = results.completed;
    if (seed != options.common.seed) {
      Progress progress(fmt::format("4.1 seed {}", seed), options.epochs, options.common.quiet);
      run = complete_ratings(ratings, options.rank, descent_options(options, seed, progress), device, options.query);
      progress.clear();
      check_finished(progress, fmt::format("full-batch descent from seed {}", seed), options.epochs);
    }
    results.over_seeds.push_back({seed, *run.prediction, run.sse, run.sse_all});
  }
  out.print(beside_public_answers(results, out.style()));
}

void rate_and_print(const Options& options, const Output& out, c10::Device device, const Ratings& ratings,
                    Results& results) {
  const int64_t observed = count_observed(ratings.A.gt(0));
  results.source = ratings.source;
  results.is_course = ratings.is_course;
  results.shape = ratings.A.sizes().vec();
  results.movie = options.query.movie;
  out.print(fmt::format("  ratings: {}, {} movies x {} users, {} observed ({:.1f} %)", ratings.origin,
                        grouped(ratings.A.size(0)), grouped(ratings.A.size(1)), grouped(observed),
                        100.0 * static_cast<double>(observed) / static_cast<double>(ratings.A.numel())));
  if (options.epochs > 10) {
    const double expected = measure_epoch(ratings, options, device) * static_cast<double>(options.epochs);
    out.notice(fmt::format("4.1 will take about {}{}.", duration(expected),
                           ratings.source == RatingsSource::stand_in
                               ? ""
                               : fmt::format(" for each of up to {} seeds", options.rating_seeds)));
  }
  Progress progress("4.1", options.epochs, options.common.quiet);
  const auto descent = descent_options(options, options.common.seed, progress);
  results.completed = complete_ratings(ratings, options.rank, descent, device, options.query);
  progress.clear();
  check_finished(progress, "full-batch descent", options.epochs);
  print_completed(options, out, ratings, results.completed);
  rate_over_seeds_and_print(options, out, device, ratings, results);
}

SgdOptions exact_options(const Options& options, Progress& progress) {
  return SgdOptions()
      .num_epochs(options.sgd_epochs)
      .lr(options.sgd_lr)
      .weight_decay(options.sgd_weight_decay)
      .lr_decay(options.sgd_lr_decay)
      .seed(options.common.seed)
      .on_epoch(progress.on_epoch())
      .report_every(progress.report_every())
      .stop(progress.stop());
}

void rate_exactly_and_print(const Options& options, const Output& out, c10::Device device, const Ratings& ratings,
                            Results& results) {
  out.heading(fmt::format("4.1  The same by the exact algorithm: sgd_factorise_masked, rank {}", options.rank));
  out.print(fmt::format("  {} epochs, lr {}, weight decay {}, lr decay {}", options.sgd_epochs, options.sgd_lr,
                        options.sgd_weight_decay, options.sgd_lr_decay));
  const c10::Device where = has_fused_engine(device) ? device : c10::Device(at::kCPU);
  const auto run = [&](const std::string& what, auto factorise) {
    Progress progress("4.1 " + what, options.sgd_epochs, options.common.quiet);
    auto result = unless_diverged(out, [&] { return factorise(exact_options(options, progress)); });
    progress.clear();
    check_finished(progress, what, options.sgd_epochs);
    return result;
  };
  results.exact = run("exact", [&](const SgdOptions& sgd) {
    return complete_ratings_exactly(ratings, options.rank, sgd, where, options.query);
  });
  if (!results.exact) return;
  print_completed(options, out, ratings, *results.exact);
  results.hold_out = run("hold-out", [&](const SgdOptions& sgd) {
    return hold_out_rmse(ratings, options.rank, sgd, where, options.common.seed);
  });
  if (!results.hold_out) return;
  out.print(fmt::format("  RMSE {:.4f} on {:.0f} % of the ratings, set aside by the seed in a run of its own{}",
                        *results.hold_out, 100 * kHoldOut, tag_of(ratings)));
}

void run_seeds(const Options& options, Results& results) {
  const Tensor A = printed::A(), M = printed::M();
  const auto seeds = seeds_from(options.common.seed, options.runs);
  Progress progress("seeds", 2 * options.runs, options.common.quiet, "runs");
  const auto losses = [&](const std::vector<Run>& runs) {
    check_complete(runs.size(), seeds.size(),
                   "Stopped among the seeds of the comparison. What is printed above stands; no file was written.");
    return figures_of(runs, [&](const Run& run) { return Seeded{run.factors, squared_error(A, run.factors)}; });
  };
  results.whole_runs = losses(whole_runs(seeds, A, stop_if_interrupted, progress.on_runs()));
  results.masked_runs = losses(masked_runs(seeds, A, M, stop_if_interrupted, progress.on_runs()));
}

void run(const Options& options) {
  const c10::Device device = prepare(options.common);
  const Output out(options.common, /*files_to_come=*/!options.common.json.empty());
  out.print(fmt::format("Lab 1: matrix factorisation and completion   (seed {}, {}, {} engine)", options.common.seed,
                        device.str(), name_of(engine_on(device))));
  const Tensor A = printed::A().to(device), M = printed::M().to(device);
  Results results;
  factorise_and_print(options, out, A, results);
  svd_and_print(out, A, results);
  complete_and_print(options, out, A, M, results);
  results.seeded_whole = unless_diverged(out, [&] { return factorise_whole(printed::seeded_whole().seed, A); });
  results.seeded_masked = unless_diverged(out, [&] { return factorise_masked(printed::seeded_masked().seed, A, M); });
  out.heading(fmt::format("4.1  gd_factorise_masked on ratings, rank {}, {} epochs, lr {}", options.rank,
                          options.epochs, options.lr));
  const Ratings ratings = find_ratings(options, out);
  rate_and_print(options, out, device, ratings, results);
  rate_exactly_and_print(options, out, device, ratings, results);

  run_seeds(options, results);
  const std::vector<Comparison> comparisons = compare(results);
  out.heading(fmt::format("Comparison with the reports, over {} seeds from {}", options.runs, options.common.seed));
  out.print(comparison_table(comparisons, out.style()));
  if (!options.common.json.empty()) {
    write_json(options.common.json, to_json(options, device, ratings, results, comparisons));
  }
}

}  // namespace
}  // namespace factorise::programs::lab1

int main(int argc, char** argv) {
  using namespace factorise::programs;
  lab1::Options options;
  return run_program(
      argc, argv, "lab1", [&](CLI::App& app) { lab1::describe(app, options); }, [&] { lab1::run(options); });
}
