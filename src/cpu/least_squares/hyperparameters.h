#pragma once
// The draws of Gibbs sampling that are made once in a sweep, in float64: the normal prior of the rows from its own
// prior, a normal-Wishart distribution (Salakhutdinov and Mnih, ICML 2008, equations 14 and 15), and the noise
// precision.

#include <cstdint>
#include <optional>
#include <vector>

#include "contract/deviates.h"

namespace factorise::cpu {

/// A normal distribution of vectors.
struct NormalPrior {
  std::vector<double> precision;  ///< unknowns x unknowns, symmetric
  std::vector<double> shift;      ///< precision times mean
  std::vector<double> vector;     ///< a vector drawn from it: of a row of which nothing is observed
};

/// Draws it given vectors, of which `sums` are those of sum_products. Its prior: precision ~ Wishart with the inverse
/// scale matrix diag(scatter) and `unknowns` degrees of freedom, mean ~ normal around 0 with kMeanWeight times the
/// precision. Nothing where the inverse scale matrix given the vectors is not positive definite, by rounding or NaN.
std::optional<NormalPrior> draw_prior(int64_t count, int64_t unknowns, const double* sums,
                                      const std::vector<double>& scatter, const DeviateSource& source);

/// The weight of the prior of the mean, in vectors.
constexpr double kMeanWeight = 2;

/// Draws the noise precision given `count` errors with this sum of squares. Its prior counts as one more error, of
/// which the square is `variance`.
double draw_noise_precision(int64_t count, double squared_error, double variance, const DeviateSource& source);

}  // namespace factorise::cpu
