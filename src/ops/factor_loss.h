#pragma once
// The loss, its gradients from the same passes over A, and the product that its higher derivatives consist of: the
// operators behind factor_loss. factor_loss.cpp has schemas and checks, factor_loss_autograd.cpp the derivatives.

#include <ATen/core/Tensor.h>
#include <factorise/export.h>

#include <optional>
#include <tuple>

namespace factorise {

/// The loss, no dimensions, in U's type; its gradients by U and V, of no elements where they are not requested.
using LossAndGradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

// ---- the operators, called at the current level of dispatch

/// factorise::_factor_loss. Arguments are checked; the loss is the norm or its square.
LossAndGradients loss_and_gradients(const at::Tensor& U, const at::Tensor& V, const at::Tensor& A,
                                    const std::optional<at::Tensor>& M, bool norm, bool for_U, bool for_V);

/// factorise::_factor_loss_scaled: a gradient times the number that arrives at its backward pass.
at::Tensor scaled_gradient(const at::Tensor& gradient, const at::Tensor& above);

/// factorise::_factor_loss_error_times: E W, or Eᵀ W, where E = A - X Yᵀ where M is not zero, and 0 elsewhere; without
/// A, of zeros. X: m x rank, Y: n x rank, W: n x rank, or m x rank for Eᵀ W. It is linear in W and in X and Y apart, so
/// that its derivatives are the same product again.
FACTORISE_INTERNAL at::Tensor error_times(const at::Tensor& X, const at::Tensor& Y, const at::Tensor& W,
                                          const std::optional<at::Tensor>& A, const at::Tensor& M, bool transposed);

// ---- their kernels on the CPU

FACTORISE_INTERNAL LossAndGradients factor_loss_cpu(const at::Tensor& U, const at::Tensor& V, const at::Tensor& A,
                                                    const std::optional<at::Tensor>& M, bool norm, bool for_U,
                                                    bool for_V);
at::Tensor scaled_gradient_cpu(const at::Tensor& gradient, const at::Tensor& above);
at::Tensor error_times_cpu(const at::Tensor& X, const at::Tensor& Y, const at::Tensor& W,
                           const std::optional<at::Tensor>& A, const at::Tensor& M, bool transposed);

// ---- in ATen, for devices that have no kernel

LossAndGradients factor_loss_anywhere(const at::Tensor& U, const at::Tensor& V, const at::Tensor& A,
                                      const std::optional<at::Tensor>& M, bool norm, bool for_U, bool for_V);
at::Tensor scaled_gradient_anywhere(const at::Tensor& gradient, const at::Tensor& above);
FACTORISE_INTERNAL at::Tensor error_times_anywhere(const at::Tensor& X, const at::Tensor& Y, const at::Tensor& W,
                                                   const std::optional<at::Tensor>& A, const at::Tensor& M,
                                                   bool transposed);

/// Whether our kernels do not run on a GPU. Opens the shared object of the kernels, which registers them, also for a
/// GPU on which they do not run.
bool has_no_kernels(const at::Tensor& tensor);

}  // namespace factorise
