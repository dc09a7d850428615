#pragma once
// The library's side: its options as the benchmarks set them, and when it is left out.

#include <factorise/gd.h>
#include <factorise/sgd.h>

#include <optional>
#include <string>
#include <vector>

#include "benchmarks/problem.h"

namespace factorise::benchmarks {

constexpr double kLr = 0.001;

/// A and M as the library takes them. `bytes`: A is int8 and its own mask.
struct Matrix {
  Tensor A, M;
};
Matrix matrix_of(const Problem& problem, bool bytes);

/// "fused" or "reference": what the library runs when nothing is said.
std::string default_engine();

/// The ways of SGD that are timed: the automatic choice first, then each way forced.
const std::vector<std::string>& paths();

/// SgdOptions that force a path.
SgdOptions on_path(SgdOptions options, const std::string& path);

/// Why the library is not timed, as a sentence, or nothing: the reference engine takes microseconds an entry.
std::optional<std::string> too_slow(int64_t entries, int64_t epochs);

}  // namespace factorise::benchmarks
