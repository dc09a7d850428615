// An epoch of full-batch descent over the observed ratings, on one and several threads. The result is compared with the
// reference engine's, which rounds in another order.

#include <factorise/gd.h>

#include <cmath>

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/subjects.h"

namespace factorise::benchmarks {

void bench_gd(const Settings& settings) {
  constexpr double kSmallLr = 1e-6;  // the sum of all ratings' gradients is descended, so 1e-5 is much for rank 64
  constexpr int64_t kCheckedEpochs = 2;
  const Problem problem = random_problem(settings.rows, settings.columns, settings.density, settings.common.seed);
  const Factors initial = start(problem, settings.rank, settings.common.seed);
  const auto [A, M] = matrix_of(problem, /*bytes=*/false);
  const auto run = [&, &A = A, &M = M](const GdOptions& options, int64_t epochs) {
    return gd_factorise_masked(A, M, settings.rank,
                               GdOptions(options).num_epochs(epochs).lr(kSmallLr).initial(initial));
  };
  const double expected = squared_error(problem, run(GdOptions().engine(Engine::reference), kCheckedEpochs));
  for (const int threads : thread_counts(settings.common.threads)) {
    const Threads guard(threads);
    const double sse = squared_error(problem, run(GdOptions(), kCheckedEpochs));
    const EpochTime time = epoch_time([&](int64_t epochs) { run(GdOptions(), epochs); }, settings.seconds);
    print_sample({{"bench", "gd"},
                  {"side", "ours"},
                  {"engine", default_engine<GdOptions>()},
                  {"shape", {settings.rows, settings.columns}},
                  {"observed", problem.observed()},
                  {"rank", settings.rank},
                  {"threads", threads},
                  {"ms", time.ms},
                  {"setup_ms", time.setup_ms},
                  {"sse", sse},
                  {"right", std::abs(sse - expected) <= 1e-5 * expected}});
  }
}

}  // namespace factorise::benchmarks
