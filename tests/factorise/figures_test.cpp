// The literal figures of the labs: what the sheets and the reports print, recomputed.

#include <ATen/ops/linalg_vector_norm.h>
#include <factorise/datasets.h>
#include <factorise/svd.h>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

Tensor matrix(std::initializer_list<double> values, int64_t columns) {
  return at::tensor(at::ArrayRef<double>(values), at::TensorOptions(at::kDouble)).view({-1, columns}).to(at::kFloat);
}

double squared(const Tensor& difference) { return difference.to(at::kDouble).square().sum().item<double>(); }

Tensor centred_iris(c10::ScalarType type) {
  const Tensor X = iris(type).X;
  return X - X.mean(0);
}

}  // namespace

TEST_CASE("lab 1, 1.1: the squared loss of SGD at rank 2, seed for seed", "[figures]") {
  const Tensor A = lab1_matrix();
  const std::vector<double> expected{0.12197, 0.12212, 0.12305};
  for (uint64_t seed = 0; seed < 3; ++seed) {
    CHECK(squared_error(A, sgd_factorise(A, 2, SgdOptions().seed(seed))) == Approx(expected[seed]).margin(6e-6));
  }
}

TEST_CASE("lab 1, 1.2: the factors printed in the reports have the losses reported", "[figures]") {
  const Tensor A = lab1_matrix();
  const Factors report1{matrix({-0.3615, 0.6389, 1.5642, 0.8355, 0.9161, 1.4575}, 2),
                        matrix({1.4534, 1.1703, -0.3388, 0.6228, 0.7387, 0.9807}, 2)};
  const Factors report2{matrix({-0.3409, 0.5592, 1.3151, 0.9444, 0.7344, 1.4513}, 2),
                        matrix({1.5187, 1.3255, -0.4731, 0.6499, 0.7272, 1.0813}, 2)};
  CHECK(squared_error(A, report1) == Approx(0.12194).margin(6e-6));
  CHECK(squared_error(A, report2) == Approx(0.12195).margin(6e-6));
}

TEST_CASE("lab 1, 2.1: the truncated SVD to four decimals", "[figures]") {
  const Tensor A = lab1_matrix();
  const Tensor reported = matrix({0.2245, 0.5212, 0.3592, 3.2530, -0.0090, 1.9737, 3.0378, 0.5983, 2.1023}, 3);
  const TruncatedSvd svd = truncated_svd(A, 2);
  CHECK((svd.reconstruction - reported).abs().max().item<double>() < 6e-5);
  CHECK(squared(A - svd.reconstruction) == Approx(0.12191).margin(6e-6));
}

TEST_CASE("lab 1, 3.1: the squared loss of masked SGD against the whole matrix, seed for seed", "[figures]") {
  const Tensor A = lab1_matrix(), M = lab1_mask();
  const std::vector<double> expected{1.1754, 1.2098, 1.0579, 1.0132};
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const Factors factors = sgd_factorise_masked(A, M, 2, SgdOptions().seed(seed));
    CHECK(squared_error(A, factors) == Approx(expected[seed]).margin(6e-5));
  }
}

TEST_CASE("lab 1, 3.1: the completed matrices of the reports have the losses reported", "[figures]") {
  const Tensor A = lab1_matrix();
  const Tensor report1 = matrix({0.3439, 0.5989, 0.1657, 2.2581, 0.0494, 1.8358, 2.9393, 0.7159, 2.2642}, 3);
  const Tensor report2 = matrix({0.3416, 0.5996, 0.1683, 2.2856, 0.0493, 1.8366, 2.9399, 0.6160, 2.2632}, 3);
  CHECK(squared(A - report1) == Approx(1.1962).margin(1e-4));
  CHECK(squared(A - report2) == Approx(1.1106).margin(1e-4));
}

TEST_CASE("lab 2, 1.2: iris by SVD and by autograd, seed for seed", "[figures]") {
  const Tensor exact = centred_iris(at::kDouble);
  CHECK(squared(exact - truncated_svd(exact, 2).reconstruction) == Approx(15.2288333).margin(6e-8));
  const Tensor A = centred_iris(at::kFloat);
  const std::vector<double> rank2{15.22885, 15.22960, 15.23242}, rank4{0.0017, 1.0995, 0.0046};
  for (const Engine engine : {Engine::reference, Engine::fused}) {
    for (uint64_t seed = 0; seed < 3; ++seed) {
      const auto options = AdOptions().seed(seed).engine(engine);
      CHECK(squared_error(A, gd_factorise_ad(A, 2, options)) == Approx(rank2[seed]).margin(6e-5));
      // Not converged after 1000 epochs, and at the edge of stability: rounding differs by machine and engine.
      CHECK(squared_error(A, gd_factorise_ad(A, 4, options)) == Approx(rank4[seed]).epsilon(0.05));
    }
  }
  // Rounding noise of float32, by order of magnitude.
  const double noise = squared(A - truncated_svd(A, 4).reconstruction);
  CHECK(noise > 1e-12);
  CHECK(noise < 1e-9);
}

TEST_CASE("lab 2, the norm variant: a saddle after 1000 epochs, the SVD's norm beneath it", "[figures]") {
  const Tensor A = centred_iris(at::kFloat);
  const std::vector<double> expected{7.146, 7.158, 7.162};
  for (const Engine engine : {Engine::reference, Engine::fused}) {
    for (uint64_t seed = 0; seed < 3; ++seed) {
      const Factors factors = gd_factorise_ad(A, 2, AdOptions().loss(AdLoss::norm).seed(seed).engine(engine));
      CHECK(std::sqrt(squared_error(A, factors)) == Approx(expected[seed]).margin(6e-4));
    }
  }
  CHECK(std::sqrt(squared(A - truncated_svd(A, 2).reconstruction)) == Approx(3.9024).margin(6e-5));
  CHECK(std::sqrt(squared(A - truncated_svd(A, 1).reconstruction)) == Approx(7.1640).margin(6e-5));
}
