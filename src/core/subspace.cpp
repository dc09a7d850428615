// Principal angles and least-squares maps between factors, in float64.

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_lstsq.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_svd.h>
#include <factorise/subspace.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/checks.h"
#include "core/driver.h"

namespace factorise {
namespace {

/// X and Y in float64 on the CPU, checked.
std::pair<Tensor, Tensor> prepare(const char* function, const Tensor& X, const Tensor& Y) {
  for (const auto& [name, tensor] : {std::pair("X", X), std::pair("Y", Y)}) {
    check_matrix(function, name, tensor);
    TORCH_CHECK_VALUE(tensor.detach().isfinite().all().item<bool>(), "[", function, "] ", name,
                      " must be finite, but holds NaN or infinity.");
  }
  TORCH_CHECK_VALUE(X.size(0) == Y.size(0), "[", function, "] X and Y must have as many rows as each other, but were ",
                    shape_of(X), " and ", shape_of(Y), ".");
  const auto plain = [](const Tensor& t) { return t.detach().to(at::TensorOptions(at::kDouble).device(at::kCPU)); };
  return {plain(X), plain(Y)};
}

/// An orthonormal basis of the column space.
Tensor basis_of(const char* function, const char* name, const Tensor& matrix) {
  const Tensor values = std::get<1>(at::linalg_svd(matrix, false));
  const double largest = values.max().item<double>(), smallest = values.min().item<double>();
  const double rounding =
      static_cast<double>(std::max(matrix.size(0), matrix.size(1))) * std::numeric_limits<double>::epsilon() * largest;
  TORCH_CHECK_VALUE(matrix.size(0) >= matrix.size(1) && smallest > rounding, "[", function, "] ", name,
                    " must have full column rank, but its ", matrix.size(1), " columns span less.");
  return std::get<0>(at::linalg_qr(matrix));
}

double residual(const Tensor& X, const Tensor& map, const Tensor& Y) {
  return ((Y - X.mm(map)).norm() / Y.norm()).item<double>();
}

}  // namespace

std::vector<double> principal_angles(const Tensor& X, const Tensor& Y) {
  constexpr char function[] = "principal_angles";
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const auto [x, y] = prepare(function, X, Y);
  Tensor P = basis_of(function, "X", x), Q = basis_of(function, "Y", y);
  if (P.size(1) < Q.size(1)) std::swap(P, Q);  // the sines are those of the smaller space's vectors to the larger
  const Tensor cosines = std::get<1>(at::linalg_svd(P.t().mm(Q), false));
  const Tensor sines = std::get<1>(at::linalg_svd(Q - P.mm(P.t().mm(Q)), false)).flip(0);  // ascending, as the angles
  std::vector<double> angles;
  for (int64_t i = 0; i < cosines.size(0); ++i) {
    const double cosine = std::min(1.0, cosines[i].item<double>()), sine = std::min(1.0, sines[i].item<double>());
    angles.push_back(sine < cosine ? std::asin(sine) : std::acos(cosine));
  }
  return angles;
}

MapFit best_linear_map(const Tensor& X, const Tensor& Y) {
  constexpr char function[] = "best_linear_map";
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const auto [x, y] = prepare(function, X, Y);
  basis_of(function, "X", x);
  const Tensor map = std::get<0>(at::linalg_lstsq(x, y));
  return {map, residual(x, map, y)};
}

MapFit best_rotation(const Tensor& X, const Tensor& Y) {
  constexpr char function[] = "best_rotation";
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const auto [x, y] = prepare(function, X, Y);
  TORCH_CHECK_VALUE(x.size(1) == y.size(1), "[", function,
                    "] X and Y must have as many columns as each other, but were ", shape_of(X), " and ", shape_of(Y),
                    ".");
  basis_of(function, "X", x);
  const auto [U, S, Vh] = at::linalg_svd(x.t().mm(y), false);
  const Tensor map = U.mm(Vh) * (S.sum() / x.square().sum());
  return {map, residual(x, map, y)};
}

}  // namespace factorise
