// What is set aside was observed, is not seen, and does not depend on anything but shape, fraction and seed.

#include <ATen/Context.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <factorise/hold_out.h>

#include <cmath>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

TEST_CASE("seen and aside make up what is observed", "[hold_out]") {
  at::manual_seed(3);
  const Tensor A = at::rand({40, 50}), M = at::rand({40, 50}).lt(0.5);
  const HoldOut out = hold_out(A, M, 0.2, 7);
  CHECK(out.seen.logical_and(M.logical_not()).any().item<bool>() == false);
  CHECK(out.seen.sum().item<int64_t>() + out.rows.numel() == M.sum().item<int64_t>());
  for (int64_t i = 0; i < out.rows.numel(); ++i) {
    const int64_t r = out.rows[i].item<int64_t>(), c = out.columns[i].item<int64_t>();
    CHECK(M[r][c].item<bool>());
    CHECK_FALSE(out.seen[r][c].item<bool>());
    CHECK(out.values[i].item<double>() == A[r][c].item<double>());
  }
  // Of about 1000 observed a fifth, by five standard deviations.
  CHECK(std::abs(static_cast<double>(out.rows.numel()) - 200) < 5 * std::sqrt(1000 * 0.2 * 0.8) + 50);
  CHECK(at::equal(hold_out(A, M, 0.2, 7).seen, out.seen));
  CHECK(at::equal(hold_out(A, std::nullopt, 0.2, 7).seen.logical_and(M), out.seen));
  CHECK_FALSE(at::equal(hold_out(A, M, 0.2, 8).seen, out.seen));
}

TEST_CASE("the error over what is set aside", "[hold_out]") {
  const Tensor A = at::full({30, 20}, 3.0);
  const HoldOut out = hold_out(A, std::nullopt, 0.1, 0);
  CHECK(rmse(out, {at::full({30, 1}, 1.0), at::full({20, 1}, 1.0)}) == 2);
  CHECK(rmse(out, {at::full({30, 1}, 1.0), at::full({20, 1}, 3.0)}) == 0);
}

TEST_CASE("a fraction that leaves nothing on one side is refused", "[hold_out]") {
  const Tensor A = at::tensor({1.0, 2.0}).view({1, 2});
  for (const double fraction : {0.0, 1.0, -0.1, std::nan("")}) {
    CHECK_THROWS_WITH(hold_out(A, std::nullopt, fraction, 0), contains("fraction must be above 0 and below 1"));
  }
  CHECK_THROWS_WITH(hold_out(A, std::nullopt, 1e-9, 0), contains("sets 0 aside"));
  CHECK_THROWS_WITH(hold_out(A, at::zeros_like(A), 0.5, 0), contains("of 0 a fraction"));
}
