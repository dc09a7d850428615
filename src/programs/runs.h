#pragma once
// The labs' figures over many seeds: the library's runs, with the diverged ones counted and never dropped.

#include <factorise/runs.h>

#include <type_traits>
#include <vector>

namespace factorise::programs {

/// What came of the runs.
template <class T>
struct Runs {
  std::vector<T> finite;  ///< in the order of their seeds
  int diverged = 0;       ///< runs that left the finite numbers
};

/// `runs` seeds from `first` on.
std::vector<uint64_t> seeds_from(uint64_t first, int runs);

/// Throws Interrupted with this sentence where Ctrl-C left some out.
void check_complete(size_t finished, size_t asked_for, const char* sentence);

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

}  // namespace factorise::programs
