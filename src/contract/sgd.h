#pragma once
// The numeric contract of fused SGD, as code: what one observed entry does to u and v, every operation rounded once to
// nearest. The scalar loop calls it, and the SIMD and CUDA kernels have its bits. It must be compiled without
// contraction or reordering of floating point (-ffp-contract=off; nvcc: -fmad=false -ftz=false).

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define FACTORISE_HOST_DEVICE __host__ __device__
#else
#define FACTORISE_HOST_DEVICE
#endif

namespace factorise {

/// From this rank on the dot product runs in eight interleaved chains; below, in one.
constexpr int kChainedRank = 8;

/// An epoch's step: lr and s = 1 - lr * weight_decay, computed in double and rounded to T.
template <class T>
struct SgdStep {
  T lr;
  T s;
  bool decay;  ///< weight_decay != 0; without, s is not used

  FACTORISE_HOST_DEVICE SgdStep(double lr_, double weight_decay)
      : lr(static_cast<T>(lr_)), s(static_cast<T>(1 - lr_ * weight_decay)), decay(weight_decay != 0) {}
};

/// lr after some epochs: multiplied in double after each.
inline double sgd_lr_after(double lr, double lr_decay, int64_t epochs) {
  if (lr_decay == 1) return lr;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) lr *= lr_decay;
  return lr;
}

/// u·v in the contract's order.
template <class T>
FACTORISE_HOST_DEVICE inline T sgd_dot(const T* u, const T* v, int rank) {
  using std::fma;
  if (rank < kChainedRank) {
    T p = u[0] * v[0];
    for (int k = 1; k < rank; ++k) p = fma(u[k], v[k], p);
    return p;
  }
  T s[8];
  for (int j = 0; j < 8; ++j) s[j] = u[j] * v[j];
  for (int k = 8; k < rank; ++k) s[k % 8] = fma(u[k], v[k], s[k % 8]);
  for (int j = 0; j < 4; ++j) s[j] += s[j + 4];
  for (int j = 0; j < 2; ++j) s[j] += s[j + 2];
  return s[0] + s[1];
}

/// One observed entry of value a: u is the row's factor, v the column's.
template <class T>
FACTORISE_HOST_DEVICE inline void sgd_update(T* u, T* v, int rank, T a, const SgdStep<T>& step) {
  using std::fma;
  const T g = step.lr * (a - sgd_dot(u, v, rank));
  if (!step.decay) {
    for (int k = 0; k < rank; ++k) {
      u[k] = fma(g, v[k], u[k]);
      v[k] = fma(g, u[k], v[k]);  // the new u[k]
    }
  } else {
    for (int k = 0; k < rank; ++k) {
      u[k] = fma(g, v[k], step.s * u[k]);
      v[k] = fma(g, u[k], step.s * v[k]);
    }
  }
}

}  // namespace factorise
