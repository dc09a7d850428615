#pragma once
// The two passes of full-batch descent over all of A: threads take tiles, and their results are added in the contract's
// order (gd.h), so the bits depend neither on the number of threads nor on the cut into tasks.

#include <ATen/core/Tensor.h>

#include <vector>

#include "cpu/gd/gd.h"
#include "cpu/threads/crew.h"

namespace factorise::cpu {

/// A factor, count x rank and contiguous, in groups of `width` rows: [groups][rank][width], zero beyond the last row.
/// Plain loops, here and below: torch's operators wake OpenMP's threads from 32768 elements on (see crew.h).
template <class T>
at::Tensor to_groups(const at::Tensor& factor, int64_t width);

/// The factor of `count` rows that lies in those groups, times a number.
template <class T>
at::Tensor from_groups(const at::Tensor& groups, int64_t count, T scale = 1);

/// Passes over one A by a crew; A and the crew must outlive them. Factors are in groups. Nothing is allocated after the
/// constructor.
template <class T>
class GdPasses {
 public:
  GdPasses(Crew& crew, const GdRatings<T>& A, int64_t rank);

  /// Σ err Y_times over the columns to `direction`, as X lies; left out where it is null.
  void gather(const T* X, const T* Y, const T* Y_times, T* direction);
  /// The same with Σ err² over all of A, which it returns.
  double gather_with_error(const T* X, const T* Y, const T* Y_times, T* direction);
  /// Σ errᵀ X_times over the rows to `direction`, as Y lies.
  void scatter(const T* X, const T* X_times, const T* Y, T* direction);

  /// to = from + c * direction, for X and for Y.
  void advance_rows(T c, const T* direction, const T* from, T* to) const;
  void advance_columns(T c, const T* direction, const T* from, T* to) const;

 private:
  void gather_all(const T* X, const T* Y, const T* Y_times, T* direction, double* squares);

  Crew& crew_;
  GdRatings<T> A_;
  int64_t rank_;
  const GdKernels<T>& kernels_;
  int64_t segments_;
  at::Tensor parts_;             // [segments][blocks][rank][kBlockRows], where there are several segments
  std::vector<double> squares_;  // [segments][blocks][kBlockRows]
};

}  // namespace factorise::cpu
