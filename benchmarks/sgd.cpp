// An epoch of stochastic gradient descent: the scalar loops, then the library on one and several threads, on the path
// that it chooses and on each forced. The fused engine's result is compared bit by bit with the scalar loop's.

#include <factorise/sgd.h>
#include <fmt/format.h>

#include <cmath>
#include <fstream>

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/scalar_loops.h"
#include "benchmarks/subjects.h"

namespace factorise::benchmarks {
namespace {

constexpr int64_t kCheckedEpochs = 2;

ordered_json sample(const std::string& side, const Problem& problem, const Settings& settings) {
  return {{"bench", "sgd"},
          {"side", side},
          {"shape", {problem.rows, problem.columns}},
          {"observed", problem.observed()},
          {"rank", settings.rank}};
}

Factors copy(const Factors& factors) { return {factors.U.clone(), factors.V.clone()}; }

bool same_bits(const Factors& a, const Factors& b) { return a.U.equal(b.U) && a.V.equal(b.V); }

/// The fused engine has the bits of the loops with fused multiply-adds; everything else is near.
bool is_right(const Problem& problem, const Factors& checked, const Factors& referee) {
  if (default_engine() == "fused" && scalar_loops().back().fused) return same_bits(checked, referee);
  return std::abs(squared_error(problem, checked) / squared_error(problem, referee) - 1) < 1e-5;
}

/// One loop's factors after the first epochs, which are the check's; timed, unless the library alone is.
Factors time_loop(const ScalarLoop& loop, const Cells& cells, const Factors& initial, const Settings& settings) {
  Factors factors = copy(initial);
  const SgdStep<float> step(kLr, 0);
  for (int64_t epoch = 0; epoch < kCheckedEpochs; ++epoch) run_epoch(loop, cells, factors, step);
  const Factors checked = copy(factors);
  if (settings.ours) return checked;
  int64_t epochs = 0;
  const Stopwatch watch;
  do {
    run_epoch(loop, cells, factors, step);
    ++epochs;
  } while (watch.seconds() < settings.seconds);
  ordered_json result = sample(name_of(loop), cells.problem, settings);
  result["threads"] = 1;
  result["ms"] = watch.ms() / static_cast<double>(epochs);
  result["sse"] = squared_error(cells.problem, checked);
  print_sample(result);
  return checked;
}

void time_ours(const Problem& problem, const Matrix& matrix, const Factors& initial, const Factors& referee,
               const Settings& settings, const Path& path, int threads) {
  ordered_json result = sample("ours", problem, settings);
  result["engine"] = default_engine();
  result["path"] = path.name;
  result["threads"] = threads;
  if (const auto reason = too_slow(problem.observed(), 2 * kCheckedEpochs + 6)) {
    result["skipped"] = *reason;
    print_sample(result);
    return;
  }
  const Threads guard(threads);
  const auto run = [&](int64_t epochs) {
    return sgd_factorise_masked(matrix.A, matrix.M, settings.rank,
                                SgdOptions().num_epochs(epochs).lr(kLr).initial(initial).path(path.path));
  };
  const Factors checked = run(kCheckedEpochs);
  const EpochTime time = epoch_time(run, settings.seconds);
  result["ms"] = time.ms;
  result["setup_ms"] = time.setup_ms;
  result["sse"] = squared_error(problem, checked);
  result["right"] = is_right(problem, checked, referee);
  print_sample(result);
}

/// Bytes that can be had without swapping, or nothing where the system does not say.
std::optional<double> available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string key, unit; file >> key;) {
    double kilobytes = 0;
    if (key == "MemAvailable:" && file >> kilobytes) return 1024 * kilobytes;
  }
  return std::nullopt;
}

/// The shapes are the library's limit here: it takes A as a matrix, whose cells a sparse problem does not need.
std::optional<std::string> too_large(const Problem& problem, bool bytes) {
  const double cells = static_cast<double>(problem.rows) * static_cast<double>(problem.columns);
  const double needed = cells * (bytes ? 3 : 7);  // A, in float32 a mask, and the ratings packed, a byte each or less
  const auto available = available_memory();
  if (!available || needed < *available) return std::nullopt;
  return fmt::format("it may take {:.0f} GB, and {:.0f} GB are available", needed / 1e9, *available / 1e9);
}

}  // namespace

void bench_sgd(const Settings& settings) {
  const Problem problem = random_problem(settings.rows, settings.columns, settings.density, settings.common.seed);
  const Factors initial = start(problem, settings.rank, settings.common.seed);
  const auto too_much = too_large(problem, settings.bytes);
  // The dense loops read A in float32; where that is too large, so are they.
  const Matrix matrix = too_much ? Matrix() : matrix_of(problem, settings.bytes);
  const bool has_cells = !too_much && !settings.bytes;
  const Cells cells{problem, has_cells ? matrix.A.const_data_ptr<float>() : nullptr,
                    has_cells ? matrix.M.const_data_ptr<bool>() : nullptr};
  Factors referee;
  for (const ScalarLoop& loop : scalar_loops()) {
    const bool is_referee = loop.entries == scalar_loops().back().entries && loop.fused == scalar_loops().back().fused;
    if (settings.ours && !is_referee) continue;
    if (loop.entries || has_cells) referee = time_loop(loop, cells, initial, settings);
  }
  if (too_much) {
    ordered_json result = sample("ours", problem, settings);
    result["skipped"] = *too_much;
    print_sample(result);
    return;
  }
  for (const int threads : thread_counts(settings.common.threads)) {
    for (const Path& path : kPaths) {
      // Where the cells are too many for float32 there is one path to speak of, and every call reads them all.
      if ((settings.bytes || settings.ours) && path.path != SgdPath::automatic) continue;
      time_ours(problem, matrix, initial, referee, settings, path, threads);
    }
  }
}

}  // namespace factorise::benchmarks
