#pragma once
// The same run over many seeds, side by side on the machine's cores. Results come in the order of the seeds, whichever
// finished first, so the number of threads changes nothing but the time.

#include <factorise/factors.h>

#include <optional>
#include <type_traits>
#include <vector>

#include "programs/progress.h"

namespace factorise::programs {

/// What came of the runs.
template <class T>
struct Runs {
  std::vector<T> finite;  ///< in the order of their seeds
  int diverged = 0;       ///< runs that left the finite numbers
  bool complete = true;   ///< false: Ctrl-C left some out
};

/// Calls run(i) for i in [0, runs) on `threads` threads (0: as many as there are cores) until Ctrl-C. An exception
/// stops the others and is thrown on; of several, the one of the lowest i. Returns whether all were called.
bool for_each_run(int runs, int threads, const std::function<void(int)>& run);

/// f(seed) for `runs` seeds from `first_seed` on. A DivergenceError counts as diverged, anything else is thrown on.
/// f runs on several threads at once, so it shares nothing that it writes to, and seeds its own generator.
template <class F>
auto for_seeds(uint64_t first_seed, int runs, int threads, F f, Progress* progress = nullptr) {
  using T = std::invoke_result_t<F, uint64_t>;
  std::vector<std::optional<T>> results(static_cast<size_t>(runs));
  std::vector<char> diverged(results.size(), 0);
  Runs<T> all;
  all.complete = for_each_run(runs, threads, [&](int i) {
    const auto index = static_cast<size_t>(i);
    try {
      results[index] = f(first_seed + index);
    } catch (const DivergenceError&) {
      diverged[index] = 1;
    }
    if (progress) progress->advance();
  });
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i]) all.finite.push_back(std::move(*results[i]));
    all.diverged += diverged[i];
  }
  return all;
}

}  // namespace factorise::programs
