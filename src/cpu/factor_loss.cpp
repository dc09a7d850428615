// The CPU kernel of the operator factor_loss: the passes of full-batch descent (gd.h) over A as it lies, once.

#include "ops/factor_loss.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cmath>

#include "cpu/gd_passes.h"
#include "factorise/arguments.h"

namespace factorise {
namespace {

/// Threads that live for one call must earn their start.
constexpr double kStart = 16;

/// The gradient of a factor of `count` rows from its direction; empty where there is none.
template <class T>
at::Tensor gradient(const at::Tensor& direction, int64_t count, double scale) {
  return direction.numel() == 0 ? direction : cpu::from_groups<T>(direction, count, static_cast<T>(scale));
}

template <class T>
at::Tensor times(const at::Tensor& gradient, T factor) {
  at::Tensor result = at::empty_like(gradient);
  const T* from = gradient.const_data_ptr<T>();
  std::transform(from, from + gradient.numel(), result.mutable_data_ptr<T>(), [=](T value) { return factor * value; });
  return result;
}

/// A is rows x columns, X belongs to the rows, both in T and contiguous.
template <class T>
LossAndGradients compute(const at::Tensor& X, const at::Tensor& Y, const at::Tensor& A, const at::Tensor& observed,
                         bool norm, bool for_X, bool for_Y) {
  cpu::Ratings<T> ratings;
  ratings.rows = A.size(0);
  ratings.columns = ratings.stride = A.size(1);
  ratings.values = A.const_data_ptr<T>();
  ratings.observed = observed.defined() ? observed.const_data_ptr<bool>() : nullptr;
  const double work = static_cast<double>(A.numel()) * static_cast<double>(X.size(1));
  cpu::Crew crew(cpu::threads_for(work / kStart));
  cpu::GdPasses<T> passes(crew, ratings, X.size(1));

  const at::Tensor rows = cpu::to_groups<T>(X, cpu::kBlockRows), columns = cpu::to_groups<T>(Y, cpu::kLanes<T>);
  // Two of them where neither is wanted: results of an op that share their memory are refused by torch's opcheck.
  const auto direction = [](const at::Tensor& factor, bool wanted) {
    return wanted ? at::empty_like(factor) : at::empty({0}, factor.options());
  };
  const at::Tensor by_rows = direction(rows, for_X), by_columns = direction(columns, for_Y);
  const T *const x = rows.const_data_ptr<T>(), *const y = columns.const_data_ptr<T>();
  const double squared = passes.gather_with_error(x, y, y, for_X ? by_rows.mutable_data_ptr<T>() : nullptr);
  if (for_Y) passes.scatter(x, x, y, by_columns.mutable_data_ptr<T>());

  // The directions are err Y and errᵀ X with err = A - X Yᵀ.
  const double value = norm ? std::sqrt(squared) : squared;
  const double scale = !norm ? -2 : value > 0 ? -1 / value : 0;
  return {at::scalar_tensor(value, X.options()), gradient<T>(by_rows, X.size(0), scale),
          gradient<T>(by_columns, Y.size(0), scale)};
}

}  // namespace

LossAndGradients factor_loss_cpu(const at::Tensor& U, const at::Tensor& V, const at::Tensor& A,
                                 const std::optional<at::Tensor>& M, bool norm, bool for_U, bool for_V) {
  const bool in_double = U.scalar_type() == at::kDouble;
  // Lanes lie along A's rows; a narrow A, whose rows do not fill them, is turned round.
  const bool turned = A.size(0) > A.size(1) && A.size(1) < 64;
  const auto along = [&](const at::Tensor& matrix) { return (turned ? matrix.t() : matrix).contiguous(); };
  const at::Tensor values = along(A.to(U.scalar_type()));
  const at::Tensor observed = M ? along(check_mask("factor_loss", A, *M)) : at::Tensor();
  const auto run = in_double ? compute<double> : compute<float>;
  if (!turned) return run(U.contiguous(), V.contiguous(), values, observed, norm, for_U, for_V);
  const auto [loss, by_V, by_U] = run(V.contiguous(), U.contiguous(), values, observed, norm, for_V, for_U);
  return {loss, by_U, by_V};
}

at::Tensor scaled_gradient_cpu(const at::Tensor& gradient, const at::Tensor& above) {
  const at::Tensor whole = gradient.contiguous();
  return whole.scalar_type() == at::kDouble ? times(whole, above.item<double>()) : times(whole, above.item<float>());
}

}  // namespace factorise
