#pragma once
// What the operators' Autograd kernels need of forward mode, for which torch's C++ interface has no function class: a
// tensor's tangent, the tensor without it, and a refusal where an operator has no derivative.

#include <ATen/core/Tensor.h>

#include <initializer_list>

namespace factorise {

/// The tangent that a dual tensor carries; undefined where it carries none. torch.func keeps one dual level for each of
/// its transforms, so that level 0 is always the one at hand.
inline const at::Tensor& tangent_of(const at::Tensor& tensor) { return tensor._fw_grad(/*level=*/0); }

/// The tensor without its tangent, still in the graph of reverse mode.
at::Tensor primal_of(const at::Tensor& tensor);

/// Gives a result its tangent.
void set_tangent(const at::Tensor& result, const at::Tensor& tangent);

/// Throws where a tensor requires grad or carries a tangent: `op` has no derivative. Undefined tensors are passed over.
void refuse_derivatives(const char* op, std::initializer_list<at::Tensor> tensors);

/// Throws where a tensor is followed by forward mode or by a transform of torch.func (grad, jvp, jacrev, ...): the
/// result of `function` would be taken for a constant in silence. A tensor that requires grad is let through: that its
/// result does not, is told by torch where it is differentiated.
void refuse_transforms(const char* function, std::initializer_list<at::Tensor> tensors);

}  // namespace factorise
