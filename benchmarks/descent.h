#pragma once
// An epoch of full-batch descent, by either method, on one and several threads. The result is compared with the
// reference engine's, which rounds in another order.

#include <cmath>
#include <string>

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/subjects.h"

namespace factorise::benchmarks {

/// factorise(options): the method, on the problem. Prints a sample for each number of threads.
template <class Options, class Factorise>
void time_descent(const std::string& bench, const Problem& problem, const Settings& settings, Factorise factorise) {
  constexpr double kSmallLr = 1e-6;  // the sum of all ratings' gradients is descended, so 1e-5 is much for rank 64
  constexpr int64_t kCheckedEpochs = 2;
  const Factors initial = start(problem, settings.rank, settings.common.seed);
  const auto run = [&](const Options& options, int64_t epochs) {
    return factorise(Options(options).num_epochs(epochs).lr(kSmallLr).initial(initial));
  };
  const double expected = squared_error(problem, run(Options().engine(Engine::reference), kCheckedEpochs));
  for (const int threads : thread_counts(settings.common.threads)) {
    const Threads guard(threads);
    const double sse = squared_error(problem, run(Options(), kCheckedEpochs));
    const EpochTime time = epoch_time([&](int64_t epochs) { run(Options(), epochs); }, settings.seconds);
    print_sample({{"bench", bench},
                  {"side", "ours"},
                  {"engine", default_engine<Options>()},
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
