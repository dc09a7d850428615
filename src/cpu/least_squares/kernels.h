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

/// Kernels may solve so many neighbouring rows side by side.
constexpr int64_t kRowsTogether = 16;

/// For up to kChainedUnknowns unknowns. `solve` is null where the instruction set has no vectors.
template <class T>
RowSolver<T> small_solver(Isa isa, int64_t unknowns);

/// For more.
template <class T>
RowSolver<T> large_solver(Isa isa, int64_t unknowns);

}  // namespace factorise::cpu
