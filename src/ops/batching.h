#pragma once
// What operators do under torch.func.vmap. Each fills all cores by itself, so that a batch is a loop over its elements.

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

namespace factorise {

/// A boxed kernel for the key FuncTorchBatched: the operator for one element of the batch after the other, its results
/// stacked. For operators of tensors to tensors that write to no argument.
void one_by_one_of_batch(const c10::OperatorHandle& op, torch::jit::Stack* stack);

/// The same for operators that cannot be batched: a refusal that names the operator.
void refuse_batch(const c10::OperatorHandle& op, torch::jit::Stack* stack);

}  // namespace factorise
