// Training SSE and hold-out RMSE after ever more epochs of exact SGD, with the seconds that they take. Looking at the
// factors is not timed: the trajectory is computed in stretches, each starting where the last one ended, which gives
// the same bits as one long run; its time is the epoch's, from whole runs of different lengths; and one whole run at
// the end shows both, its bits and its time.

#include <factorise/sgd.h>
#include <fmt/format.h>

#include <cmath>

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/scalar_loops.h"
#include "benchmarks/subjects.h"

namespace factorise::benchmarks {
namespace {

/// The epoch to look at after this one: each of the first, then ever more rarely.
int64_t next_look(int64_t epoch) {
  return std::max(epoch + 1, static_cast<int64_t>(std::llround(1.15 * static_cast<double>(epoch))));
}

class Curve {
 public:
  Curve(const Problem& train, const Problem& holdout) : train_(train), holdout_(holdout) {}

  /// False where the factors are not finite: the descent diverged.
  bool add(int64_t epoch, double seconds, const Factors& factors) {
    const double sse = squared_error(train_, factors);
    if (!std::isfinite(sse)) return false;
    const double rmse = std::sqrt(squared_error(holdout_, factors) / static_cast<double>(holdout_.observed()));
    points_.push_back({{"epoch", epoch}, {"seconds", seconds}, {"sse", sse}, {"rmse", rmse}});
    return true;
  }

  const ordered_json& points() const { return points_; }

 private:
  const Problem &train_, &holdout_;
  ordered_json points_ = ordered_json::array();
};

void run_scalar(const Problem& train, const QualitySettings& quality, Factors factors, Curve& curve) {
  const ScalarLoop loop = scalar_loops().back();
  const Cells cells{train, nullptr, nullptr};
  double lr = quality.lr, seconds = 0;
  for (int64_t epoch = 1, look = 1; epoch <= quality.epochs; ++epoch, lr *= quality.lr_decay) {
    seconds += 1e-3 * ms_of([&] { run_epoch(loop, cells, factors, SgdStep<float>(lr, quality.weight_decay)); });
    if (epoch != look && epoch != quality.epochs) continue;
    if (!curve.add(epoch, seconds, factors)) return;
    look = next_look(look);
  }
}

SgdOptions descent(const QualitySettings& quality, double lr, int64_t epochs, const Factors& initial) {
  return SgdOptions()
      .num_epochs(epochs)
      .lr(lr)
      .weight_decay(quality.weight_decay)
      .lr_decay(quality.lr_decay)
      .initial(initial);
}

/// The curve, and into `sample` how the times were found.
void run_ours(const Problem& train, const Settings& settings, const QualitySettings& quality, const Factors& initial,
              Curve& curve, ordered_json& sample) {
  const auto [A, M] = matrix_of(train, /*bytes=*/false);
  const auto run = [&, &A = A, &M = M](double lr, int64_t epochs, const Factors& from) {
    return sgd_factorise_masked(A, M, settings.rank, descent(quality, lr, epochs, from));
  };
  // A constant step too small to diverge takes as long as any other.
  const auto harmless = [&, &A = A, &M = M](int64_t epochs) {
    sgd_factorise_masked(A, M, settings.rank, descent(quality, 1e-6, epochs, initial).lr_decay(1));
  };
  try {
    const EpochTime time = epoch_time(harmless, settings.seconds);
    Factors factors = initial;
    double lr = quality.lr;
    for (int64_t epoch = 0; epoch < quality.epochs;) {
      const int64_t look = std::min(next_look(epoch), quality.epochs);
      factors = run(lr, look - epoch, factors);
      for (; epoch < look; ++epoch) lr *= quality.lr_decay;
      if (!curve.add(epoch, 1e-3 * time.ms * static_cast<double>(epoch), factors)) return;
    }
    Factors whole;
    sample["whole_run_seconds"] = 1e-3 * ms_of([&] { whole = run(quality.lr, quality.epochs, initial); });
    sample["setup_seconds"] = 1e-3 * time.setup_ms;
    sample["same_bits"] = whole.U.equal(factors.U) && whole.V.equal(factors.V);
  } catch (const DivergenceError& divergence) {
    sample["diverged"] = divergence.epoch();
  }
}

}  // namespace

void bench_quality(const Settings& settings, const QualitySettings& quality) {
  const Problem train = read_problem(quality.train, settings.rows, settings.columns);
  const Problem holdout = read_problem(quality.holdout, settings.rows, settings.columns);
  ordered_json sample{{"bench", "quality"}, {"side", quality.side},         {"rank", settings.rank},
                      {"lr", quality.lr},   {"lr_decay", quality.lr_decay}, {"weight_decay", quality.weight_decay}};
  const Factors initial = start(train, settings.rank, settings.common.seed);
  Curve curve(train, holdout);
  if (quality.side == "scalar") {
    run_scalar(train, quality, initial, curve);
  } else if (const auto reason = too_slow(train.observed(), 3 * quality.epochs)) {
    sample["skipped"] = *reason;
  } else {
    const Threads guard(std::max(1, settings.common.threads));
    sample["threads"] = at::get_num_threads();
    run_ours(train, settings, quality, initial, curve, sample);
  }
  sample["points"] = curve.points();
  print_sample(sample);
}

}  // namespace factorise::benchmarks
