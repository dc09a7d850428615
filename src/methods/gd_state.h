#pragma once
// Full-batch descent, fused engine: the state of a run between its epochs, A packed once, the factors as the kernels
// (src/cpu/gd/gd.h) read them.

#include <factorise/autograd.h>

#include "core/observed_data.h"
#include "cpu/gd/gd_passes.h"

namespace factorise {

/// A, or Aᵀ where that is `turned`: in bytes where all its values fit them, else in the factors' type with a mask. Rows
/// may be filled up to whole cells.
struct PackedRatings {
  bool turned;
  Tensor values, observed;
};

/// T is the computing type. Autograd must be off while one is in use.
template <class T>
class GdState {
 public:
  GdState(const Observed& observed, const Factors& start);

  /// U += lr (err V);  V += lr (errᵀ U), with the new U and the old err.
  void masked_step(double lr);
  /// U -= lr ∂loss/∂U;  V -= lr ∂loss/∂V, both at the old factors.
  void gradient_step(double lr, AdLoss loss);
  /// The loss at the current factors.
  double loss(AdLoss loss);

  /// The factors in the kernels' own order of elements; finite where the factors are.
  const Factors& state() const { return state_; }
  /// The factors, copied out of the state.
  Factors factors() const;

 private:
  cpu::Crew crew_;
  PackedRatings ratings_;
  int64_t rows_, columns_;  // of A
  Factors state_;           // X and Y in groups: U and V, or V and U where A is turned
  Factors next_;            // their directions, then the new ones
  cpu::GdPasses<T> passes_;
};

}  // namespace factorise
