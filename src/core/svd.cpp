// The truncated SVD, from LAPACK (CPU) or cuSOLVER through torch.

#include <factorise/svd.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_svd.h>

#include "core/checks.h"
#include "core/driver.h"

namespace factorise {

TruncatedSvd truncated_svd(const Tensor& A, int64_t rank) {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const Observed observed = observe("truncated_svd", A, std::nullopt, rank, RankLimit::smaller_side);
  const auto [U, S, Vh] = at::linalg_svd(observed.data().dense(), /*full_matrices=*/false);
  TruncatedSvd svd{
      U.narrow(1, 0, rank).contiguous(), S.narrow(0, 0, rank).contiguous(), Vh.narrow(0, 0, rank).t().contiguous(), {}};
  svd.reconstruction = (svd.U * svd.S).mm(svd.V.t());
  return svd;
}

}  // namespace factorise
