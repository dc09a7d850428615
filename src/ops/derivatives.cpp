// Tangents of forward mode, and what is said where there is no derivative.

#include "ops/derivatives.h"

namespace factorise {

at::Tensor primal_of(const at::Tensor& tensor) {
  return tangent_of(tensor).defined() ? tensor._fw_primal(/*level=*/0) : tensor;
}

void set_tangent(const at::Tensor& result, const at::Tensor& tangent) {
  result._set_fw_grad(tangent, /*level=*/0, /*is_inplace_op=*/false);
}

void refuse_derivatives(const char* op, std::initializer_list<at::Tensor> tensors) {
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.defined()) continue;
    TORCH_CHECK_NOT_IMPLEMENTED(!tensor.requires_grad(), "[", op,
                                "] has no derivative: give tensors that do not require grad, such as their detach().");
    TORCH_CHECK_NOT_IMPLEMENTED(!tangent_of(tensor).defined(), "[", op,
                                "] has no derivative: give tensors without a tangent of forward mode, such as their "
                                "detach().");
  }
}

void refuse_transforms(const char* function, std::initializer_list<at::Tensor> tensors) {
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.defined()) continue;
    const bool followed =
        tensor.unsafeGetTensorImpl()->key_set().has(c10::DispatchKey::FuncTorchGradWrapper) && tensor.requires_grad();
    TORCH_CHECK_NOT_IMPLEMENTED(
        !followed && !tangent_of(tensor).defined(), "[", function,
        "] has no derivative, but was to be differentiated by torch.func or in forward mode. "
        "Give detached tensors, or descend on factor_loss, which has derivatives of any order.");
  }
}

}  // namespace factorise
