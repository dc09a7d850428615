#pragma once
// Forward mode, for which torch's C++ interface has no function class: a tensor's tangent, the tensor without it, and a
// refusal where a function has no derivative and would pass for a constant.

#include <ATen/core/Tensor.h>

#include <initializer_list>

namespace factorise {

/// The tangent that a dual tensor carries; undefined where it carries none. torch.func keeps one dual level for each of
/// its transforms, so level 0 is always the current one.
inline const at::Tensor& tangent_of(const at::Tensor& tensor) { return tensor._fw_grad(/*level=*/0); }

/// The tensor without its tangent, still in the graph of reverse mode.
at::Tensor primal_of(const at::Tensor& tensor);

/// Gives a result its tangent.
void set_tangent(const at::Tensor& result, const at::Tensor& tangent);

/// Throws where forward mode or a transform of torch.func (grad, jvp, jacrev, ...) tracks a tensor: it would silently
/// take the result of `function` for a constant. A tensor that requires grad is accepted: torch itself reports, when
/// the result is differentiated, that it does not require grad. Undefined tensors are skipped.
void refuse_transforms(const char* function, std::initializer_list<at::Tensor> tensors);

}  // namespace factorise
