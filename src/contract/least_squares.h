#pragma once
// The numeric contract of least squares and of Gibbs sampling, as code: the normal equations of one row, and their
// solution or a draw around it, every operation rounded once to nearest. The scalar kernels call it, and the SIMD
// kernels have its bits. It must be compiled without contraction or reordering of floating point (-ffp-contract=off).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace factorise {

/// Entries of a row are summed in segments of so many, by their position in the row; the segments' sums are then added
/// in order.
constexpr int64_t kSegmentEntries = 1024;

/// Up to so many unknowns a segment is summed in four interleaved chains of rounded products, above in one chain of
/// fused multiply-adds.
constexpr int kChainedUnknowns = 8;

/// What is added to the diagonal for a row of so many entries: computed in double, rounded to T.
template <class T>
T regularisation_of(double regularisation, bool weighted, int64_t count) {
  return static_cast<T>(weighted ? regularisation * static_cast<double>(count) : regularisation);
}

/// A pivot must be above this share of its diagonal element: below, it is only rounding error, and the system has no
/// single solution.
template <class T>
T smallest_pivot(int unknowns, T diagonal) {
  return static_cast<T>(unknowns) * std::numeric_limits<T>::epsilon() * diagonal;
}

/// The sums of one segment: entry k has the features w(k) and the target t(k). S: unknowns x unknowns, of which the
/// upper triangle is used; s: unknowns.
template <class T, class Features, class Target>
void sum_segment(int unknowns, int64_t count, Features w, Target t, T* S, T* s) {
  const int n = unknowns;
  for (int i = 0; i < n; ++i) {
    for (int j = i; j <= n; ++j) {  // j = n: the right-hand side
      T sum;
      if (n <= kChainedUnknowns) {
        T chain[4] = {0, 0, 0, 0};
        for (int64_t k = 0; k < count; ++k) {
          T& x = chain[k % 4];
          if (j < n) {
            const T product = w(k)[i] * w(k)[j];
            x += product;
          } else {
            x = std::fma(w(k)[i], t(k), x);
          }
        }
        sum = (chain[0] + chain[2]) + (chain[1] + chain[3]);
      } else {
        sum = 0;
        for (int64_t k = 0; k < count; ++k) sum = std::fma(w(k)[i], j < n ? w(k)[j] : t(k), sum);
      }
      (j < n ? S[i * n + j] : s[i]) = sum;
    }
  }
}

/// The normal equations of one row: S = Σ w wᵀ, s = Σ w t. `of_segment`: room for unknowns * (unknowns + 1) numbers.
template <class T, class Features, class Target>
void normal_equations(int unknowns, int64_t count, Features w, Target t, T* S, T* s, T* of_segment) {
  const int n = unknowns;
  sum_segment(n, std::min(count, kSegmentEntries), w, t, S, s);
  for (int64_t from = kSegmentEntries; from < count; from += kSegmentEntries) {
    T* right = of_segment + n * n;
    sum_segment(
        n, std::min(count - from, kSegmentEntries), [&](int64_t k) { return w(from + k); },
        [&](int64_t k) { return t(from + k); }, of_segment, right);
    for (int i = 0; i < n; ++i) {
      for (int j = i; j < n; ++j) S[i * n + j] += of_segment[i * n + j];
      s[i] += right[i];
    }
  }
}

/// What makes the normal equations those of a row's posterior: entries have the noise precision `alpha`, the row the
/// normal prior with this precision (unknowns x unknowns, rows `stride` apart, of which the upper triangle is read) and
/// mean, as `shift`, precision times mean.
template <class T>
struct Prior {
  T alpha = 1;
  const T* precision = nullptr;
  const T* shift = nullptr;
  int64_t stride = 0;
};

/// Multiplies the sums by the noise precision, and adds the prior's.
template <class T>
void add_prior(int unknowns, const Prior<T>& prior, T* S, T* s) {
  const int n = unknowns;
  for (int i = 0; i < n; ++i) {
    for (int j = i; j < n; ++j)
      S[i * n + j] = std::fma(prior.alpha, S[i * n + j], prior.precision[i * prior.stride + j]);
    s[i] = std::fma(prior.alpha, s[i], prior.shift[i]);
  }
}

/// Solves S x = s by S = Rᵀ R (Cholesky): S becomes R above the diagonal, s becomes x. Returns false where S is not
/// positive definite; s is then without meaning. `inverse`: room for unknowns numbers.
///
/// `deviates` (or null): standard normal z; x is then a draw, R x = y + z with Rᵀ y = s. `term` gets |z|² - |y|², from
/// which the squared error of the row follows (docs/contract.md).
template <class T>
bool solve(int unknowns, T* S, T* s, T* inverse, const T* deviates = nullptr, T* term = nullptr) {
  const int n = unknowns;
  for (int i = 0; i < n; ++i) {
    const T smallest = smallest_pivot(n, S[i * n + i]);
    for (int k = 0; k < i; ++k) {
      for (int j = i; j < n; ++j) S[i * n + j] = std::fma(-S[k * n + i], S[k * n + j], S[i * n + j]);
      s[i] = std::fma(-S[k * n + i], s[k], s[i]);
    }
    if (!(S[i * n + i] > smallest)) return false;  // NaN too
    inverse[i] = T(1) / std::sqrt(S[i * n + i]);
    for (int j = i + 1; j < n; ++j) S[i * n + j] *= inverse[i];
    s[i] *= inverse[i];
  }
  if (deviates) {
    *term = 0;
    for (int i = 0; i < n; ++i) {
      *term = std::fma(deviates[i], deviates[i], std::fma(-s[i], s[i], *term));
      s[i] += deviates[i];
    }
  }
  for (int i = n - 1; i >= 0; --i) {
    s[i] *= inverse[i];
    for (int j = 0; j < i; ++j) s[j] = std::fma(-S[j * n + i], s[i], s[j]);
  }
  return true;
}

}  // namespace factorise
