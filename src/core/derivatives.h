#pragma once
// Forward mode, for which torch's C++ interface has no function class: a tensor's tangent, the tensor without it, and a
// refusal where a function has no derivative and would pass for a constant.

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

/// Throws where a tensor is followed by forward mode or by a transform of torch.func (grad, jvp, jacrev, ...), which
/// would take the result of `function` for a constant, in silence. A tensor that requires grad is let through: torch
/// says that the result does not, where it is to be differentiated. Undefined tensors are passed over.
void refuse_transforms(const char* function, std::initializer_list<at::Tensor> tensors);

}  // namespace factorise
