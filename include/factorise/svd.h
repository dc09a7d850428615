#pragma once
// The truncated singular value decomposition: exercise 2.1 of lab 1 and 1.2 of lab 2, and the yardstick of both. No
// matrix of the same rank is nearer to A in the Frobenius norm (C. Eckart and G. Young, Psychometrika 1, 1936).
//
//   const auto svd = factorise::truncated_svd(A, /*rank=*/5);
//   const factorise::Factors factors{svd.U * svd.S, svd.V};
//   const double error = factorise::squared_error(A, factors);  // no rank-5 factors have a smaller one

#include <factorise/export.h>
#include <factorise/factors.h>

namespace factorise {

/// The leading part of A = U diag(S) Vᵀ.
struct TruncatedSvd {
  Tensor U;               ///< m x rank, orthonormal columns
  Tensor S;               ///< rank, descending
  Tensor V;               ///< n x rank, orthonormal columns
  Tensor reconstruction;  ///< m x n: U diag(S) Vᵀ, the nearest matrix of this rank
};

/// Keeps the `rank` largest singular values of A (m x n, real, finite; integers, bool and half precision compute in
/// float32); 1 <= rank <= min(m, n). Throws c10::ValueError for bad arguments.
FACTORISE_EXPORT TruncatedSvd truncated_svd(const Tensor& A, int64_t rank);

}  // namespace factorise
