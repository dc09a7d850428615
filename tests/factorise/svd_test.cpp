// The truncated SVD: its definition, and that nothing of its rank is nearer.

#include <ATen/ops/allclose.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/rand.h>
#include <factorise/svd.h>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

TEST_CASE("factors are orthonormal, values descend, and the product is the reconstruction", "[svd]") {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{5, 8}, {8, 5}, {4, 4}, {1, 6}, {6, 1}}) {
    for (int64_t rank = 1; rank <= std::min(m, n); ++rank) {
      const Tensor A = at::rand({m, n}, at::TensorOptions(at::kDouble));
      const TruncatedSvd svd = truncated_svd(A, rank);
      CHECK(at::allclose(svd.U.t().mm(svd.U), at::eye(rank, at::TensorOptions(at::kDouble)), 1e-12, 1e-12));
      CHECK(at::allclose(svd.V.t().mm(svd.V), at::eye(rank, at::TensorOptions(at::kDouble)), 1e-12, 1e-12));
      CHECK(at::allclose(svd.reconstruction, (svd.U * svd.S).mm(svd.V.t()), 1e-12, 1e-12));
      if (rank > 1) CHECK(svd.S.narrow(0, 0, rank - 1).ge(svd.S.narrow(0, 1, rank - 1)).all().item<bool>());
      // Its error is the sum of the squares of what was cut off.
      const Tensor all = std::get<1>(at::linalg_svd(A, false));
      const double cut = all.slice(0, rank).square().sum().item<double>();
      CHECK((A - svd.reconstruction).square().sum().item<double>() == Approx(cut).margin(1e-24));
    }
  }
}

TEST_CASE("no descent of the same rank ends nearer to A than the truncated SVD", "[svd]") {
  const Tensor A = lab1_matrix(at::kDouble);
  const double best = (A - truncated_svd(A, 2).reconstruction).square().sum().item<double>();
  for (uint64_t seed = 0; seed < 5; ++seed) {
    CHECK(squared_error(A, sgd_factorise(A, 2, SgdOptions().seed(seed))) >= best);
    CHECK(squared_error(A, gd_factorise_ad(A, 2, AdOptions().seed(seed))) >= best);
  }
}

TEST_CASE("integers, transposes and gradients are taken", "[svd]") {
  const Tensor A = (at::rand({4, 6}) * 5).floor();
  const TruncatedSvd plain = truncated_svd(A, 2);
  CHECK(at::equal(truncated_svd(A.to(at::kLong), 2).reconstruction, plain.reconstruction));
  CHECK(at::equal(truncated_svd(A.t().contiguous().t(), 2).reconstruction, plain.reconstruction));
  CHECK_FALSE(truncated_svd(A.clone().requires_grad_(), 2).reconstruction.requires_grad());
}
