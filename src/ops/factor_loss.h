#pragma once
// The loss and its gradients from the same passes over A: what stands behind the operator factor_loss.

#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

namespace factorise {

/// The loss, no dimensions, in U's type; its gradients by U and V, of no elements where they are not asked for.
using LossAndGradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

/// The operator's kernel on the CPU. Arguments are checked; the loss is the norm or its square.
LossAndGradients factor_loss_cpu(const at::Tensor& U, const at::Tensor& V, const at::Tensor& A,
                                 const std::optional<at::Tensor>& M, bool norm, bool for_U, bool for_V);

/// A gradient of that operator, times the number that arrives at its backward pass.
at::Tensor scaled_gradient_cpu(const at::Tensor& gradient, const at::Tensor& above);

}  // namespace factorise
