#pragma once
// Comparing factors as subspaces. Two factorisations may span one space in different bases: U Vᵀ = (U X)(V X⁻ᵀ)ᵀ for
// every invertible X, so factors are compared by the space that their columns span, not entry by entry.
//
//   const auto svd = factorise::truncated_svd(A, /*rank=*/5);
//   const auto angles = factorise::principal_angles(factors.U, svd.U);  // radians, ascending
//   const auto [map, residual] = factorise::best_linear_map(factors.U, svd.U);

#include <factorise/export.h>
#include <factorise/factors.h>

#include <vector>

namespace factorise {

/// The principal angles between the column spaces of X (m x p) and Y (m x q), in radians, 0 to π/2, ascending,
/// min(p, q) of them; small ones from their sines, which keeps their digits. Computed in float64.
/// A. Björck and G. H. Golub, "Numerical methods for computing angles between linear subspaces", Mathematics of
/// Computation 27, 1973. Throws c10::ValueError for what is no matrix of full column rank, or not of the same height.
FACTORISE_EXPORT std::vector<double> principal_angles(const Tensor& X, const Tensor& Y);

/// How well one matrix maps onto another.
struct MapFit {
  Tensor map;       ///< p x q, float64: X map ≈ Y
  double residual;  ///< ‖Y - X map‖ / ‖Y‖, Frobenius norms
};

/// The linear map that takes X (m x p) nearest to Y (m x q): least squares, in float64. Throws c10::ValueError as
/// principal_angles does, for X's rank alone.
FACTORISE_EXPORT MapFit best_linear_map(const Tensor& X, const Tensor& Y);

/// The orthogonal map with one scale that takes X (m x p) nearest to Y (m x p): what a mere rotation could explain.
///
/// P. H. Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31, 1966. In float64;
/// throws as best_linear_map, and where Y has not as many columns as X.
FACTORISE_EXPORT MapFit best_rotation(const Tensor& X, const Tensor& Y);

}  // namespace factorise
