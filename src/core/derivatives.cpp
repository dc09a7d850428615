// Tangents of forward mode, and the refusal of functions that have no derivative.

#include "core/derivatives.h"

namespace factorise {

at::Tensor primal_of(const at::Tensor& tensor) {
  return tangent_of(tensor).defined() ? tensor._fw_primal(/*level=*/0) : tensor;
}

void set_tangent(const at::Tensor& result, const at::Tensor& tangent) {
  result._set_fw_grad(tangent, /*level=*/0, /*is_inplace_op=*/false);
}

void refuse_transforms(const char* function, std::initializer_list<at::Tensor> tensors) {
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.defined()) continue;
    const bool followed =
        tensor.unsafeGetTensorImpl()->key_set().has(c10::DispatchKey::FuncTorchGradWrapper) && tensor.requires_grad();
    TORCH_CHECK_NOT_IMPLEMENTED(!followed && !tangent_of(tensor).defined(), "[", function,
                                "] has no derivative, but was to be differentiated by torch.func or in forward mode. "
                                "Give detached tensors; the function with derivatives is factor_loss.");
  }
}

}  // namespace factorise
