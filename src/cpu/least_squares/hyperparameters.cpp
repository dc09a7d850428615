// Plain loops: they take a small share of a sweep.

#include "cpu/least_squares/hyperparameters.h"

#include <cmath>

namespace factorise::cpu {
namespace {

/// Replaces the lower triangle of a symmetric matrix by its Cholesky factor L. False where it is not positive definite.
bool factor(int64_t n, std::vector<double>& A) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = j; i < n; ++i) {
      double x = A[i * n + j];
      for (int64_t k = 0; k < j; ++k) x -= A[i * n + k] * A[j * n + k];
      if (i == j) {
        if (!(x > 0)) return false;  // NaN too
        A[j * n + j] = std::sqrt(x);
      } else {
        A[i * n + j] = x / A[j * n + j];
      }
    }
  }
  return true;
}

}  // namespace

std::optional<NormalPrior> draw_prior(int64_t count, int64_t unknowns, const double* sums,
                                      const std::vector<double>& scatter, const DeviateSource& source) {
  const int64_t n = unknowns;
  const auto vectors = static_cast<double>(count), weight = kMeanWeight + vectors;
  Deviates deviates(source);
  // The inverse scale matrix of the posterior, with the mean x of the vectors:
  //   diag(scatter) + Σ (x_k - x)(x_k - x)ᵀ + kMeanWeight vectors / weight x xᵀ = diag(scatter) + Σ x_k x_kᵀ - s sᵀ /
  //   weight
  // with s = Σ x_k.
  std::vector<double> L(static_cast<size_t>(n * n)), s(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) s[i] = sums[i * (n + 1) + n];
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      L[i * n + j] = sums[j * (n + 1) + i] - s[i] * s[j] / weight + (i == j ? scatter[i] : 0);
    }
  }
  if (!factor(n, L)) return std::nullopt;
  // Bartlett's decomposition: precision = B Bᵀ with Lᵀ B = A, A lower triangular, its diagonal the roots of chi-squared
  // deviates with unknowns + count - i degrees of freedom, below it normal ones.
  std::vector<double> A(static_cast<size_t>(n * n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) A[i * n + j] = deviates.normal();
    A[i * n + i] = std::sqrt(2 * deviates.gamma((static_cast<double>(n - i) + vectors) / 2));
  }
  // A vector with the precision's covariance: L y, Aᵀ y = z. The mean is s / weight + L y / sqrt(weight).
  const auto deviate = [&] {
    std::vector<double> y(static_cast<size_t>(n)), x(static_cast<size_t>(n));
    for (double& z : y) z = deviates.normal();
    for (int64_t i = n - 1; i >= 0; --i) {
      for (int64_t k = i + 1; k < n; ++k) y[i] -= A[k * n + i] * y[k];
      y[i] /= A[i * n + i];
    }
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t k = 0; k <= i; ++k) x[i] += L[i * n + k] * y[k];
    }
    return x;
  };
  const double root = std::sqrt(weight);
  std::vector<double> mean = deviate();
  for (int64_t i = 0; i < n; ++i) mean[i] = s[i] / weight + mean[i] / root;
  NormalPrior prior{std::vector<double>(static_cast<size_t>(n * n)), std::vector<double>(static_cast<size_t>(n)),
                    deviate()};
  for (int64_t i = 0; i < n; ++i) prior.vector[i] += mean[i];
  // B in place of A, from the last row up.
  for (int64_t i = n - 1; i >= 0; --i) {
    for (int64_t k = i + 1; k < n; ++k) {
      const double l = L[k * n + i];
      for (int64_t j = 0; j < n; ++j) A[i * n + j] -= l * A[k * n + j];
    }
    const double l = L[i * n + i];
    for (int64_t j = 0; j < n; ++j) A[i * n + j] /= l;
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i; j < n; ++j) {
      double x = 0;
      for (int64_t k = 0; k < n; ++k) x += A[i * n + k] * A[j * n + k];
      prior.precision[i * n + j] = prior.precision[j * n + i] = x;
    }
  }
  for (int64_t i = 0; i < n; ++i) {
    double x = 0;
    for (int64_t j = 0; j < n; ++j) x += prior.precision[i * n + j] * mean[j];
    prior.shift[i] = x;
  }
  return prior;
}

double draw_noise_precision(int64_t count, double squared_error, double variance, const DeviateSource& source) {
  const double shape = (static_cast<double>(count) + 1) / 2, rate = (squared_error + variance) / 2;
  return Deviates(source).gamma(shape) / rate;
}

}  // namespace factorise::cpu
