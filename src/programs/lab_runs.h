#pragma once
// The labs' figures over many seeds: the library's runs, with the diverged ones counted and never dropped. A run that
// leaves the finite numbers is a result of the lab, not a failure of the program.

#include <factorise/mlp.h>
#include <factorise/runs.h>

#include <numeric>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "programs/interrupt.h"
#include "programs/terminal.h"

namespace factorise::programs {

/// The results of the runs.
template <class T>
struct Runs {
  std::vector<T> finite;  ///< in the order of their seeds
  int diverged = 0;       ///< runs that left the finite numbers
};

/// `runs` seeds from `first` on.
inline std::vector<uint64_t> seeds_from(uint64_t first, int runs) {
  std::vector<uint64_t> seeds(static_cast<size_t>(runs));
  std::iota(seeds.begin(), seeds.end(), first);
  return seeds;
}

/// Throws Interrupted with this sentence where Ctrl-C ended the runs before the last.
inline void check_complete(size_t finished, size_t asked_for, const char* sentence) {
  if (finished < asked_for) throw Interrupted(sentence);
}

/// f of each run that stayed finite: of a Run's factors, of an MlpRun's mlp.
template <class Run, class F>
auto figures_of(const std::vector<Run>& runs, F f) {
  Runs<std::decay_t<std::invoke_result_t<F, const Run&>>> all;
  for (const Run& run : runs) {
    if (run.diverged_at > 0) {
      ++all.diverged;
    } else {
      all.finite.push_back(f(run));
    }
  }
  return all;
}

/// The result of the run; nothing where it diverges, and a line on stdout then says so.
template <class Run>
auto unless_diverged(const Output& out, Run run) -> std::optional<decltype(run())> {
  try {
    return run();
  } catch (const DivergenceError& error) {
    out.print("  Diverged: after epoch " + std::to_string(error.epoch()) + " the result is no longer finite.");
    return std::nullopt;
  }
}

}  // namespace factorise::programs
