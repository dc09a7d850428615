// Principal angles and maps between factors: planes whose angles are known, and maps that are recovered.

#include <ATen/Context.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <factorise/subspace.h>

#include <cmath>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

Tensor columns(std::initializer_list<std::initializer_list<double>> vectors) {
  std::vector<double> values;
  for (const auto& vector : vectors) values.insert(values.end(), vector);
  return at::tensor(values, at::TensorOptions(at::kDouble))
      .view({static_cast<int64_t>(vectors.size()), -1})
      .t()
      .contiguous();
}

}  // namespace

TEST_CASE("angles between planes that are known", "[subspace]") {
  for (const double angle : {0.0, 1e-9, 1e-5, 0.3, 0.8, 1.2, 1.5}) {
    const Tensor X = columns({{1, 0, 0, 0}, {0, 1, 0, 0}});
    const Tensor Y = columns({{2, 0, 0, 0}, {1, std::cos(angle), std::sin(angle), 0}});
    const auto angles = principal_angles(X, Y);
    REQUIRE(angles.size() == 2);
    CHECK(angles[0] == Approx(0).margin(1e-15));
    CHECK(angles[1] == Approx(angle).epsilon(1e-9).margin(1e-15));
  }
  const auto right = principal_angles(columns({{1, 0, 0}}), columns({{0, 1, 0}, {0, 0, 5}}));
  REQUIRE(right.size() == 1);
  CHECK(right[0] == Approx(std::acos(0.0)));
}

TEST_CASE("a change of basis changes no angle, and the linear map finds it", "[subspace]") {
  at::manual_seed(6);
  const Tensor X = at::randn({30, 3}, at::TensorOptions(at::kDouble));
  const Tensor map = at::randn({3, 3}, at::TensorOptions(at::kDouble));
  for (const double angle : principal_angles(X, X.mm(map))) CHECK(angle == Approx(0).margin(1e-13));
  const MapFit fit = best_linear_map(X, X.mm(map));
  CHECK(at::allclose(fit.map, map, 1e-10, 1e-10));
  CHECK(fit.residual < 1e-13);
  CHECK(best_rotation(X, X.mm(map)).residual > 0.05);
}

TEST_CASE("a rotation with a scale is found, and costs a linear map nothing more", "[subspace]") {
  at::manual_seed(7);
  const Tensor X = at::randn({30, 3}, at::TensorOptions(at::kDouble));
  const Tensor Q = std::get<0>(at::linalg_qr(at::randn({3, 3}, at::TensorOptions(at::kDouble)))) * 2.5;
  const MapFit fit = best_rotation(X, X.mm(Q));
  CHECK(at::allclose(fit.map, Q, 1e-10, 1e-10));
  CHECK(fit.residual < 1e-13);
  const Tensor Y = at::randn({30, 3}, at::TensorOptions(at::kDouble));
  CHECK(best_linear_map(X, Y).residual <= best_rotation(X, Y).residual);
}

TEST_CASE("what spans no space of its width is refused", "[subspace]") {
  const Tensor X = columns({{1, 2, 3}, {2, 4, 6}}), Y = columns({{1, 0, 0}, {0, 1, 0}});
  CHECK(sentence_of([&] { principal_angles(X, Y); }) ==
        "[principal_angles] X must have full column rank, but its 2 columns span less.");
  CHECK(sentence_of([&] { best_linear_map(X, Y); }) ==
        "[best_linear_map] X must have full column rank, but its 2 columns span less.");
  CHECK(sentence_of([&] {
          best_linear_map(Y, at::rand({4, 2}));
        }) == "[best_linear_map] X and Y must have as many rows as each other, but were 3 x 2 and 4 x 2.");
  CHECK(sentence_of([&] {
          best_rotation(Y, at::rand({3, 1}));
        }) == "[best_rotation] X and Y must have as many columns as each other, but were 3 x 2 and 3 x 1.");
}
