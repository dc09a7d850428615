// The squared error: its definition, its order, its refusals.

#include <ATen/Parallel.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <factorise/version.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

/// The definition, in long double and in the plainest order.
double error_by_definition(const Tensor& A, const Factors& f, const Tensor& M) {
  const Tensor a = A.to(at::kDouble), u = f.U.to(at::kDouble), v = f.V.to(at::kDouble), m = M.to(at::kBool);
  const auto A_ = a.accessor<double, 2>(), U = u.accessor<double, 2>(), V = v.accessor<double, 2>();
  const auto M_ = m.accessor<bool, 2>();
  long double sum = 0;
  for (int64_t r = 0; r < A.size(0); ++r) {
    for (int64_t c = 0; c < A.size(1); ++c) {
      if (!M_[r][c]) continue;
      long double p = 0;
      for (int64_t k = 0; k < f.U.size(1); ++k) p += static_cast<long double>(U[r][k]) * V[c][k];
      sum += (A_[r][c] - p) * (A_[r][c] - p);
    }
  }
  return static_cast<double>(sum);
}

}  // namespace

TEST_CASE("the squared error equals its definition, around the tile's width", "[factors]") {
  for (const auto type : {at::kFloat, at::kDouble, at::kInt}) {
    for (const int64_t n : {1, 2, 7, 8, 9, 511, 512, 513, 1030}) {
      for (const int64_t rank : {1, 3, 8}) {
        INFO(n << " columns, rank " << rank << ", " << type);
        const auto floating = type == at::kDouble ? at::kDouble : at::kFloat;
        const Tensor A = (at::rand({5, n}) * 5).to(type);
        const Factors factors{at::rand({5, rank}, at::TensorOptions(floating)),
                              at::rand({n, rank}, at::TensorOptions(floating))};
        const Tensor M = at::rand({5, n}).lt(0.4);
        const double masked = error_by_definition(A, factors, M);
        CHECK(squared_error(A, factors, M) == Approx(masked).epsilon(1e-13).margin(1e-300));
        const double whole = error_by_definition(A, factors, at::ones({5, n}));
        CHECK(squared_error(A, factors) == Approx(whole).epsilon(1e-13));
      }
    }
  }
}

TEST_CASE("the squared error is the same for every thread count and layout", "[factors]") {
  const Tensor A = at::rand({120, 900});
  const Factors factors{at::rand({120, 5}), at::rand({900, 5})};
  const double once = squared_error(A, factors);
  const int threads = at::get_num_threads();
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    CHECK(squared_error(A, factors) == once);
  }
  at::set_num_threads(threads);
  const Factors transposed{factors.U.t().contiguous().t(), factors.V.t().contiguous().t()};
  CHECK(squared_error(A.t().contiguous().t(), transposed) == once);
}

TEST_CASE("an observed NaN makes the squared error NaN, a masked one does not", "[factors]") {
  Tensor A = lab1_matrix();
  A[1][0].fill_(std::numeric_limits<double>::quiet_NaN());
  const Factors factors{at::rand({3, 2}), at::rand({3, 2})};
  CHECK(std::isnan(squared_error(A, factors)));
  CHECK(std::isfinite(squared_error(A, factors, lab1_mask())));
}

TEST_CASE("reconstruct is U Vᵀ, and differentiable", "[factors]") {
  const Factors factors{at::rand({3, 2}).requires_grad_(), at::rand({4, 2})};
  const Tensor product = reconstruct(factors);
  CHECK(at::allclose(product, factors.U.matmul(factors.V.t())));
  CHECK(product.requires_grad());
}

TEST_CASE("observed entries are counted", "[factors]") {
  CHECK(count_observed(lab1_mask()) == 7);
  CHECK(count_observed(lab1_mask(at::kBool)) == 7);
}

TEST_CASE("what does not fit together is refused", "[factors]") {
  const Tensor A = lab1_matrix();
  const auto error = [&](const Factors& factors, const std::optional<Tensor>& M = std::nullopt) {
    return sentence_of([&] { squared_error(A, factors, M); });
  };
  CHECK(error({at::rand({3, 2}), at::rand({3, 1})}) ==
        "[squared_error] U and V must have as many columns as each other, but were 3 x 2 and 3 x 1.");
  CHECK(error({at::rand({2, 2}), at::rand({3, 2})}) ==
        "[squared_error] U must have A's 3 rows and V its 3 columns, but U was 2 x 2 and V 3 x 2.");
  CHECK(error({at::rand({3, 2}), Tensor()}) == "[squared_error] V must be a tensor, but was undefined.");
  CHECK(error({at::rand({3, 2}), at::rand({3, 2})}, at::ones({2, 3})) ==
        "[squared_error] M must have A's shape 3 x 3, but was 2 x 3.");
}

TEST_CASE("versions are named", "[factors]") {
  const std::string ours = version();
  CHECK(std::count(ours.begin(), ours.end(), '.') == 2);
  CHECK(torch_version() >= "2.");
}
