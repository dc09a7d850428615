#pragma once
// The library's side: its options as the benchmarks set them, and when it is left out.

#include <factorise/gd.h>
#include <factorise/sgd.h>

#include <array>
#include <optional>
#include <string>

#include "benchmarks/problem.h"

namespace factorise::benchmarks {

constexpr double kLr = 0.001;

/// A and M as the library takes them. `bytes`: A is int8 and its own mask.
struct Matrix {
  Tensor A, M;
};
Matrix matrix_of(const Problem& problem, bool bytes);

/// "fused" or "reference": what a method runs when nothing is said.
template <class Options = SgdOptions>
std::string default_engine() {
  return Options().engine() == Engine::fused ? "fused" : "reference";
}

/// The ways of SGD that are timed: the automatic choice, and each forced.
struct Path {
  const char* name;
  SgdPath path;
};
inline constexpr std::array kPaths{Path{"automatic", SgdPath::automatic}, Path{"wavefront", SgdPath::wavefront},
                                   Path{"entries", SgdPath::entries}};

/// Why the library is not timed, as a sentence, or nothing: the reference engine takes microseconds an entry.
std::optional<std::string> too_slow(int64_t entries, int64_t epochs);

}  // namespace factorise::benchmarks
