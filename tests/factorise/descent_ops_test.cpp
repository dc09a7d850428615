// The ops of full-batch descent on the CPU, by which Python runs epochs in slices: the bits of the factorisers,
// whatever the slices; and what they refuse.

#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "catch.h"
#include "core/driver.h"
#include "methods.h"
#include "ops/gd.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

struct Sample {
  Tensor A, M;
  Factors start;

  Sample(int64_t m, int64_t n, int64_t rank, c10::ScalarType type, bool whole) {
    at::manual_seed(m + 1000 * n);
    A = at::randint(1, 6, {m, n}, at::TensorOptions(type)) + (whole ? 0 : 0.5);
    M = at::rand({m, n}).lt(0.5);
    M[0].fill_(true);
    A = A.masked_fill(M.logical_not(), std::numeric_limits<double>::quiet_NaN());
    start = {at::rand({m, rank}, at::TensorOptions(type)), at::rand({n, rank}, at::TensorOptions(type))};
  }
};

/// 11 epochs in slices of 1, 3 and 7.
Factors in_slices(const Sample& sample, double lr, const char* method) {
  const auto ratings = descent_ratings(sample.A, sample.M);
  const Factors factors{sample.start.U.clone(), sample.start.V.clone()};
  for (const int64_t epochs : {1, 3, 7}) {
    CHECK(descent_epochs(ratings, factors.U, factors.V, lr, method, epochs).item<int64_t>() == 0);
  }
  return factors;
}

}  // namespace

TEST_CASE("slices of epochs have the factorisers' bits", "[descent_ops]") {
  for (const auto& [m, n] : {std::pair(20, 90), std::pair(90, 20), std::pair(3, 32), std::pair(1, 1)}) {
    for (const auto type : {at::kFloat, at::kDouble}) {
      for (const bool whole : {true, false}) {
        INFO(m << " x " << n << ", " << type << (whole ? ", bytes" : ""));
        const Sample sample(m, n, 3, type, whole);
        const auto gd = GdOptions().num_epochs(11).lr(0.001).initial(sample.start);
        CHECK(same_bits(in_slices(sample, 0.001, "masked"), gd_factorise_masked(sample.A, sample.M, 3, gd)));
        for (const AdLoss loss : {AdLoss::squared, AdLoss::norm}) {
          double reported = 0;
          const auto record = [&](int64_t, double value) {
            reported = value;
            return true;
          };
          const auto ad = AdOptions().num_epochs(11).lr(0.001).initial(sample.start).loss(loss).mask(sample.M);
          const Factors factors = gd_factorise_ad(sample.A, 3, AdOptions(ad).on_epoch(record));
          const bool norm = loss == AdLoss::norm;
          CHECK(same_bits(in_slices(sample, 0.001, norm ? "norm" : "squared"), factors));
          const auto ratings = descent_ratings(sample.A, sample.M);
          CHECK(descent_loss(ratings, factors.U, factors.V, norm).item<double>() == reported);
        }
      }
    }
  }
}

TEST_CASE("a slice says at which of its epochs a factor left the finite numbers", "[descent_ops]") {
  const Sample sample(20, 90, 3, at::kFloat, true);
  int64_t epoch = 0;
  try {
    gd_factorise_masked(sample.A, sample.M, 3, GdOptions().num_epochs(100).lr(0.5).initial(sample.start));
  } catch (const DivergenceError& error) {
    epoch = error.epoch();
  }
  REQUIRE(epoch > 1);
  const auto ratings = descent_ratings(sample.A, sample.M);
  const Factors factors{sample.start.U.clone(), sample.start.V.clone()};
  CHECK(descent_epochs(ratings, factors.U, factors.V, 0.5, "masked", 1).item<int64_t>() == 0);
  CHECK(descent_epochs(ratings, factors.U, factors.V, 0.5, "masked", 99).item<int64_t>() == epoch - 1);
}

TEST_CASE("packed ratings are their own, and refused for factors that they do not suit", "[descent_ops]") {
  const Sample sample(8, 32, 3, at::kFloat, false);
  for (const Tensor& tensor : descent_ratings(sample.A, sample.M)) {
    CHECK_FALSE(tensor.is_alias_of(sample.A));
    CHECK_FALSE(tensor.is_alias_of(sample.M));
  }
  const auto ratings = descent_ratings(sample.A, sample.M);
  const auto zeros = [](int64_t rows, int64_t rank, c10::ScalarType type = at::kFloat) {
    return at::zeros({rows, rank}, at::TensorOptions(type));
  };
  const auto run = [&](const Tensor& U, const Tensor& V, const char* method = "masked") {
    descent_epochs(ratings, U, V, 0.1, method, 1);
  };
  CHECK_NOTHROW(run(zeros(8, 3), zeros(32, 3)));
  CHECK_THROWS_AS(run(zeros(7, 3), zeros(32, 3)), c10::ValueError);
  CHECK_THROWS_AS(run(zeros(8, 3), zeros(40, 3)), c10::ValueError);
  CHECK_THROWS_AS(run(zeros(8, 3), zeros(32, 2)), c10::ValueError);
  CHECK_THROWS_AS(run(zeros(8, 3, at::kDouble), zeros(32, 3, at::kDouble)), c10::ValueError);
  CHECK_THROWS_AS(run(zeros(8, 3), zeros(32, 3).t().contiguous().t()), c10::ValueError);
  CHECK_THROWS_AS(run(zeros(8, 3), zeros(32, 3), "another"), c10::ValueError);
}
