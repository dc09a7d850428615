#pragma once
// The referee of fused SGD: the numeric contract as DESIGN has it, written out once more as the plainest loop, and
// random problems for it to judge.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <factorise/factors.h>

#include <cmath>
#include <optional>
#include <vector>

namespace factorise::tests {

struct Hyper {
  double lr = 0.01, weight_decay = 0, lr_decay = 1;
  int64_t epochs = 2;
};

template <class T>
T referee_dot(const T* u, const T* v, int64_t rank) {
  if (rank < 8) {
    T p = u[0] * v[0];
    for (int64_t k = 1; k < rank; ++k) p = std::fma(u[k], v[k], p);
    return p;
  }
  T s[8];
  for (int64_t j = 0; j < 8; ++j) {
    s[j] = u[j] * v[j];
    for (int64_t k = j + 8; k < rank; k += 8) s[j] = std::fma(u[k], v[k], s[j]);
  }
  const T a = s[0] + s[4], b = s[1] + s[5], c = s[2] + s[6], d = s[3] + s[7];
  return (a + c) + (b + d);
}

/// The factors after the epochs. M undefined: all observed.
template <class T>
Factors referee(const at::Tensor& A, const at::Tensor& M, const Factors& start, const Hyper& hyper) {
  const auto type = start.U.scalar_type();
  const at::Tensor a = A.to(type).contiguous(), mask = M.defined() ? M.ne(0).contiguous() : at::Tensor();
  const at::Tensor U = start.U.clone(at::MemoryFormat::Contiguous), V = start.V.clone(at::MemoryFormat::Contiguous);
  const int64_t m = U.size(0), n = V.size(0), rank = U.size(1);
  double lr = hyper.lr;
  for (int64_t epoch = 0; epoch < hyper.epochs; ++epoch, lr *= hyper.lr_decay) {
    const T rounded = static_cast<T>(lr), s = static_cast<T>(1 - lr * hyper.weight_decay);
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t c = 0; c < n; ++c) {
        if (mask.defined() && !mask.const_data_ptr<bool>()[r * n + c]) continue;
        T* u = U.mutable_data_ptr<T>() + r * rank;
        T* v = V.mutable_data_ptr<T>() + c * rank;
        const T g = rounded * (a.const_data_ptr<T>()[r * n + c] - referee_dot(u, v, rank));
        for (int64_t k = 0; k < rank; ++k) {
          u[k] = std::fma(g, v[k], hyper.weight_decay == 0 ? u[k] : s * u[k]);
          v[k] = std::fma(g, u[k], hyper.weight_decay == 0 ? v[k] : s * v[k]);
        }
      }
    }
  }
  return {U, V};
}

inline Factors referee(const at::Tensor& A, const at::Tensor& M, const Factors& start, const Hyper& hyper) {
  return start.U.scalar_type() == at::kDouble ? referee<double>(A, M, start, hyper)
                                              : referee<float>(A, M, start, hyper);
}

/// Which entries are observed.
enum class Density { one, few, third, all, no_mask, gaps };

constexpr Density kDensities[] = {Density::third, Density::all, Density::few,
                                  Density::gaps,  Density::one, Density::no_mask};

/// Around the ranks at which the kernels change.
constexpr int64_t kRanks[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 31, 32, 33, 64, 70, 128, 200, 256};

inline at::Tensor mask_of(Density density, int64_t m, int64_t n) {
  const at::Tensor draw = at::rand({m, n});
  at::Tensor M = at::zeros({m, n}, at::TensorOptions(at::kBool));
  switch (density) {
    case Density::one:
      break;
    case Density::few:
      M = draw.lt(0.01);
      break;
    case Density::third:
      M = draw.lt(0.35);
      break;
    case Density::all:
      return at::ones({m, n}, at::TensorOptions(at::kBool));
    case Density::no_mask:
      return {};
    case Density::gaps:  // every third row and every second column empty
      M = draw.lt(0.7);
      for (int64_t r = 0; r < m; r += 3) M.select(0, r).fill_(false);
      for (int64_t c = 1; c < n; c += 2) M.select(1, c).fill_(false);
      break;
  }
  M.select(0, m - 1).select(0, n / 2).fill_(true);  // at least one
  return M;
}

/// Small whole numbers, which are packed as bytes, or any numbers. What is not observed is NaN where A can be.
inline at::Tensor ratings_of(int64_t m, int64_t n, bool whole, c10::ScalarType type, const at::Tensor& M) {
  const at::Tensor A = (whole ? at::randint(1, 6, {m, n}, at::TensorOptions(at::kDouble))
                              : at::rand({m, n}, at::TensorOptions(at::kDouble)) * 5 - 1)
                           .to(type);
  return M.defined() ? A.masked_fill(M.logical_not(), std::nan("")) : A;
}

inline Factors factors_of(int64_t m, int64_t n, int64_t rank, c10::ScalarType type) {
  const at::TensorOptions options(type);
  return {at::rand({m, rank}, options), at::rand({n, rank}, options)};
}

/// Factors whose run does not diverge at large ranks: small where the sums are long.
inline Factors start_of(int64_t m, int64_t n, int64_t rank, c10::ScalarType type) {
  const Factors factors = factors_of(m, n, rank, type);
  return rank > 8 ? Factors{factors.U / rank, factors.V / rank} : factors;
}

inline bool same_bits(const Factors& a, const Factors& b) { return at::equal(a.U, b.U) && at::equal(a.V, b.V); }

}  // namespace factorise::tests
