#pragma once
// Boxed kernels that operators share: for torch.func.vmap, and for operators without a derivative.

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <string>

namespace factorise {

/// For the key FuncTorchBatched: the operator for one element of the batch after the other, the results stacked. Each
/// call uses all cores by itself. For operators of tensors to tensors that write to no argument.
void one_by_one_of_batch(const c10::OperatorHandle& op, torch::jit::Stack* stack);

/// For the same key, where an operator cannot be batched: a refusal that names it.
void refuse_batch(const c10::OperatorHandle& op, torch::jit::Stack* stack);

[[noreturn]] void refuse_batch_of(const std::string& function);

/// For the key Autograd, where an operator has no derivative: refuses tensors that require grad or carry a tangent of
/// forward mode, marks for autograd the arguments that are written to, and calls the operator without autograd.
void without_derivative(const c10::OperatorHandle& op, torch::jit::Stack* stack);

}  // namespace factorise
