// The operator factor_loss for CUDA tensors: the passes of full-batch descent (gd.h) over A as it lies, once. Nothing
// waits for the GPU, so that it can be captured in a graph.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <limits>

#include "cuda/gd.h"
#include "ops/factor_loss.h"
#include "plugin/launch.h"

namespace factorise::cuda {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

/// A is rows x columns, X belongs to the rows, all contiguous.
template <class T>
LossAndGradients compute(const Tensor& X, const Tensor& Y, const Tensor& A, const Tensor& observed, bool norm,
                         bool for_X, bool for_Y) {
  GdShape shape{};
  shape.rows = A.size(0);
  shape.columns = A.size(1);
  shape.rank = static_cast<int32_t>(X.size(1));
  shape.method = GdMethod::loss;
  shape.for_rows = for_X;
  shape.for_columns = for_Y;
  GdRatings<T> ratings;
  ratings.values = A.const_data_ptr<T>();
  ratings.observed = observed.defined() ? observed.const_data_ptr<bool>() : nullptr;
  const auto none = [&] { return at::empty({0}, X.options()); };
  const Tensor loss = at::empty({}, X.options());
  const Tensor by_X = for_X ? at::empty_like(X) : none(), by_Y = for_Y ? at::empty_like(Y) : none();
  const Tensor workspace = at::empty({gd_workspace_bytes<T>(shape)}, X.options().dtype(at::kByte));
  GdResults<T> results;
  results.loss = loss.mutable_data_ptr<T>();
  results.by_X = by_X.mutable_data_ptr<T>();
  results.by_Y = by_Y.mutable_data_ptr<T>();
  launch("factor_loss", X.device(), [&](cudaStream_t stream) {
    launch_gd_loss(shape, ratings, norm, X.const_data_ptr<T>(), Y.const_data_ptr<T>(), results,
                   workspace.mutable_data_ptr(), stream);
  });
  return {loss, by_X, by_Y};
}

LossAndGradients factor_loss_on_cuda(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M,
                                     bool norm, bool for_U, bool for_V) {
  // As on the CPU: a narrow A, whose rows do not fill the lanes, is turned round.
  const bool turned = A.size(0) > A.size(1) && A.size(1) < 64;
  const auto along = [&](const Tensor& matrix) { return (turned ? matrix.t() : matrix).contiguous(); };
  Tensor values = A.to(U.scalar_type());
  // A mask that does not say what is observed is refused on the CPU. Refusing it here would take a wait for the mask;
  // so the loss is NaN instead.
  if (M && M->is_floating_point()) values = values.masked_fill(M->isnan(), std::numeric_limits<double>::quiet_NaN());
  values = along(values);
  const Tensor observed = M ? along(M->to(at::kBool)) : Tensor();
  const auto run = U.scalar_type() == at::kDouble ? compute<double> : compute<float>;
  if (!turned) return run(U.contiguous(), V.contiguous(), values, observed, norm, for_U, for_V);
  const auto [loss, by_V, by_U] = run(V.contiguous(), U.contiguous(), values, observed, norm, for_V, for_U);
  return {loss, by_U, by_V};
}

template <class T>
Tensor scaled(const Tensor& gradient, const Tensor& above) {
  Tensor result = at::empty_like(gradient);
  launch("factor_loss", gradient.device(), [&](cudaStream_t stream) {
    launch_gd_scale(gradient.numel(), above.const_data_ptr<T>(), gradient.const_data_ptr<T>(),
                    result.mutable_data_ptr<T>(), stream);
  });
  return result;
}

Tensor scaled_gradient_on_cuda(const Tensor& gradient, const Tensor& above) {
  const Tensor whole = gradient.contiguous(), factor = above.to(gradient.options());
  return whole.scalar_type() == at::kDouble ? scaled<double>(whole, factor) : scaled<float>(whole, factor);
}

TORCH_LIBRARY_IMPL(factorise, CUDA, library) {
  library.impl("_factor_loss", factor_loss_on_cuda);
  library.impl("_factor_loss_scaled", scaled_gradient_on_cuda);
}

}  // namespace
}  // namespace factorise::cuda
