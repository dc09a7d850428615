#pragma once
// What a kernel of least squares is: rows one after another, on one thread.

#include <cstdint>

#include "cpu/isa.h"
#include "cpu/least_squares/least_squares.h"

namespace factorise::cpu {

template <class T>
struct RowSolver {
  /// Solves for the rows [begin, end). Returns the first that is not positive definite, or -1.
  int64_t (*solve)(const LeastSquares<T>& problem, int64_t begin, int64_t end, T* workspace);
  /// Numbers that `workspace` must have, aligned to 64 bytes.
  int64_t workspace;
};

/// The most neighbouring rows that a kernel solves side by side.
constexpr int64_t kRowsTogether = 16;

/// Entries between a request of features and their use.
constexpr int64_t kAhead = 24;

/// Whether the features of all columns are so many that they do not stay in a core's caches: then kernels request those
/// of later entries before they read them.
template <class T>
bool are_far(const LeastSquares<T>& problem) {
  return problem.lists.columns * feature_stride(problem.unknowns) * static_cast<int64_t>(sizeof(T)) > 1 << 20;
}

/// For up to kChainedUnknowns unknowns. `solve` is null where the instruction set has no vectors.
template <class T>
RowSolver<T> small_solver(Isa isa, int64_t unknowns);

/// For more.
template <class T>
RowSolver<T> large_solver(Isa isa, int64_t unknowns);

}  // namespace factorise::cpu
