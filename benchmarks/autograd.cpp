// gd_factorise_ad: an epoch on a dense matrix (loss, both gradients, step), and lab 2's 1000 epochs on iris.

#include <factorise/autograd.h>

#include <cmath>

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/subjects.h"
#include "programs/lab2_exercises.h"

namespace factorise::benchmarks {
namespace {

void time_dense(const Settings& settings) {
  constexpr double kSmallLr = 1e-6;
  constexpr int64_t kCheckedEpochs = 2;
  const Problem problem = random_problem(settings.rows, settings.columns, 1, settings.common.seed);
  const Factors initial = start(problem, settings.rank, settings.common.seed);
  const Tensor A = dense(problem, at::kFloat);
  const auto run = [&](const AdOptions& options, int64_t epochs) {
    return gd_factorise_ad(A, settings.rank, AdOptions(options).num_epochs(epochs).lr(kSmallLr).initial(initial));
  };
  const double expected = squared_error(problem, run(AdOptions().engine(Engine::reference), kCheckedEpochs));
  for (const int threads : thread_counts(settings.common.threads)) {
    const Threads guard(threads);
    const double sse = squared_error(problem, run(AdOptions(), kCheckedEpochs));
    const EpochTime time = epoch_time([&](int64_t epochs) { run(AdOptions(), epochs); }, settings.seconds);
    print_sample({{"bench", "autograd"},
                  {"side", "ours"},
                  {"engine", default_engine<AdOptions>()},
                  {"shape", {settings.rows, settings.columns}},
                  {"rank", settings.rank},
                  {"threads", threads},
                  {"ms", time.ms},
                  {"setup_ms", time.setup_ms},
                  {"sse", sse},
                  {"right", std::abs(sse - expected) <= 1e-5 * expected}});
  }
}

void time_iris(const Settings& settings) {
  const Tensor A = programs::lab2::centred(iris());
  const Threads guard(1);
  programs::lab2::Descent last;
  const double ms = median_ms([&] { last = programs::lab2::descend(settings.common.seed, A, 2); }, settings.seconds);
  print_sample({{"bench", "iris"},
                {"side", "ours"},
                {"engine", default_engine<AdOptions>()},
                {"threads", 1},
                {"ms", ms},
                {"sse", last.loss},
                {"svd", programs::lab2::svd_loss(A, 2)}});
}

}  // namespace

void bench_autograd(const Settings& settings) {
  time_dense(settings);
  time_iris(settings);
}

}  // namespace factorise::benchmarks
