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

/// The rows of the sums of products that one call makes.
constexpr int kProductRows = 4;

/// What Gibbs sampling needs beside the solver, on one thread: draw_normals, kProductRows rows of sum_products from i
/// on, and add_predictions for the entries [begin, end).
template <class T>
struct PosteriorKernels {
  void (*normals)(const DeviateSource& source, int64_t begin, int64_t end, int64_t unknowns, T* to);
  void (*products)(const T* rows, int64_t count, int64_t unknowns, int64_t stride, int64_t i, double* sums);
  void (*predictions)(const PredictionSums<T>& sums, int64_t begin, int64_t end);
};

template <class T>
PosteriorKernels<T> posterior_kernels(Isa isa);

/// For up to kChainedUnknowns unknowns. `solve` is null where the instruction set has no vectors.
template <class T>
RowSolver<T> small_solver(Isa isa, int64_t unknowns);

/// For more.
template <class T>
RowSolver<T> large_solver(Isa isa, int64_t unknowns);

}  // namespace factorise::cpu
