// The CPU kernels of the operator factor_loss: the passes of full-batch descent (gd.h) over A as it lies, once.

#include "ops/factor_loss.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cmath>

#include "core/checks.h"
#include "cpu/gd/gd_passes.h"

namespace factorise {
namespace {

/// The work is divided by this before threads are counted: they live for one call, and must gain more than their start
/// takes.
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
  cpu::GdRatings<T> ratings;
  ratings.rows = A.size(0);
  ratings.columns = ratings.stride = A.size(1);
  ratings.values = A.const_data_ptr<T>();
  ratings.observed = observed.defined() ? observed.const_data_ptr<bool>() : nullptr;
  const double work = static_cast<double>(A.numel()) * static_cast<double>(X.size(1));
  cpu::Crew crew(cpu::threads_for(work / kStart));
  cpu::GdPasses<T> passes(crew, ratings, X.size(1));

  const at::Tensor rows = cpu::to_groups<T>(X, cpu::kBlockRows), columns = cpu::to_groups<T>(Y, cpu::kLanes<T>);
  // Two separate empty tensors where no gradient is requested: torch's opcheck refuses results that share memory.
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

/// Zeros where observed, a byte each: A = 0 as the passes read it.
at::Tensor zeros_of(const at::Tensor& observed, int64_t lanes) {
  const int64_t rows = observed.size(0), columns = observed.size(1), stride = (columns + lanes - 1) / lanes * lanes;
  at::Tensor bytes = at::detail::empty_cpu({rows, stride}, at::kChar);
  for (int64_t row = 0; row < rows; ++row) {
    const bool* const seen = observed.const_data_ptr<bool>() + row * columns;
    int8_t* const to = bytes.mutable_data_ptr<int8_t>() + row * stride;
    for (int64_t c = 0; c < columns; ++c) to[c] = static_cast<int8_t>((seen[c] - 1) & cpu::kMissing);
    std::fill(to + columns, to + stride, cpu::kMissing);
  }
  return bytes;
}

/// err Y_times or errᵀ X_times, with A undefined for zeros. All contiguous.
template <class T>
at::Tensor product(const at::Tensor& X, const at::Tensor& Y, const at::Tensor& times, const at::Tensor& A,
                   const at::Tensor& observed, bool transposed) {
  cpu::GdRatings<T> ratings;
  ratings.rows = X.size(0);
  ratings.columns = ratings.stride = Y.size(0);
  const at::Tensor zeros = A.defined() ? at::Tensor() : zeros_of(observed, cpu::kLanes<T>);
  if (A.defined()) {
    ratings.values = A.const_data_ptr<T>();
    ratings.observed = observed.const_data_ptr<bool>();
  } else {
    ratings.bytes = zeros.const_data_ptr<int8_t>();
    ratings.stride = zeros.size(1);
  }
  const double work = static_cast<double>(observed.numel()) * static_cast<double>(X.size(1));
  cpu::Crew crew(cpu::threads_for(work / kStart));
  cpu::GdPasses<T> passes(crew, ratings, X.size(1));

  const at::Tensor rows = cpu::to_groups<T>(X, cpu::kBlockRows), columns = cpu::to_groups<T>(Y, cpu::kLanes<T>);
  const at::Tensor factor = cpu::to_groups<T>(times, transposed ? cpu::kBlockRows : cpu::kLanes<T>);
  const at::Tensor result = at::empty_like(transposed ? columns : rows);
  const T *const x = rows.const_data_ptr<T>(), *const y = columns.const_data_ptr<T>();
  if (transposed) {
    passes.scatter(x, factor.const_data_ptr<T>(), y, result.mutable_data_ptr<T>());
  } else {
    passes.gather(x, y, factor.const_data_ptr<T>(), result.mutable_data_ptr<T>());
  }
  return cpu::from_groups<T>(result, transposed ? Y.size(0) : X.size(0));
}

/// Lanes lie along A's rows; a narrow A, whose rows do not fill them, is transposed.
bool is_turned(int64_t rows, int64_t columns) { return rows > columns && columns < 64; }

}  // namespace

LossAndGradients factor_loss_cpu(const at::Tensor& U, const at::Tensor& V, const at::Tensor& A,
                                 const std::optional<at::Tensor>& M, bool norm, bool for_U, bool for_V) {
  const bool in_double = U.scalar_type() == at::kDouble;
  const bool turned = is_turned(A.size(0), A.size(1));
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

at::Tensor error_times_cpu(const at::Tensor& X, const at::Tensor& Y, const at::Tensor& W,
                           const std::optional<at::Tensor>& A, const at::Tensor& M, bool transposed) {
  const int64_t rows = X.size(0), columns = Y.size(0), rank = X.size(1);
  const auto type = X.scalar_type();
  TORCH_CHECK_VALUE(Y.size(1) == rank && W.size(1) == rank && W.size(0) == (transposed ? rows : columns) &&
                        Y.scalar_type() == type && W.scalar_type() == type &&
                        (type == at::kFloat || type == at::kDouble) && rank >= 1 && rank <= cpu::kLargestRank &&
                        M.sizes() == at::IntArrayRef({rows, columns}) && (!A || A->sizes() == M.sizes()),
                    "[factor_loss] a product with the errors must have matrices that fit, but had X ", shape_of(X),
                    ", Y ", shape_of(Y), ", W ", shape_of(W), " and M ", shape_of(M), ".");
  const bool turned = is_turned(rows, columns);
  const auto along = [&](const at::Tensor& matrix) { return (turned ? matrix.t() : matrix).contiguous(); };
  const at::Tensor values = A ? along(A->to(type)) : at::Tensor(), observed = along(check_mask("factor_loss", M, M));
  const auto run = type == at::kDouble ? product<double> : product<float>;
  const at::Tensor x = X.contiguous(), y = Y.contiguous(), w = W.contiguous();
  return turned ? run(y, x, w, values, observed, !transposed) : run(x, y, w, values, observed, transposed);
}

}  // namespace factorise
