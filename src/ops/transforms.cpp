// Boxed kernels for the keys FuncTorchBatched, by torch's own plumbing (ATen/functorch/PlumbingHelper.h), and Autograd.

#include "ops/transforms.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/PlumbingHelper.h>
#include <ATen/ops/stack.h>

#include <string>
#include <vector>

#include "core/derivatives.h"

namespace factorise {
namespace {

using at::Tensor;
using c10::IValue;

/// "factor_loss" of factorise::_factor_loss: the name that users call.
std::string name_of(const c10::OperatorHandle& op) {
  const std::string& name = op.schema().name();
  const size_t begin = name.find_first_not_of('_', name.rfind(':') + 1);
  return name.substr(begin);
}

/// An argument: whole, or a batch along a dimension.
struct Argument {
  IValue value;
  std::optional<int64_t> batch_dim;

  Argument(IValue given, int64_t level) : value(std::move(given)) {
    if (!value.isTensor() || !value.toTensor().defined()) return;
    Tensor tensor;
    std::tie(tensor, batch_dim) = at::functorch::unwrapTensorAtLevel(value.toTensor(), level);
    value = tensor;
  }
  IValue element(int64_t index) const { return batch_dim ? IValue(value.toTensor().select(*batch_dim, index)) : value; }
  int64_t batch_size() const { return batch_dim ? value.toTensor().size(*batch_dim) : -1; }
};

void refuse_derivative(const std::string& op, const Tensor& tensor) {
  if (!tensor.defined()) return;
  TORCH_CHECK_NOT_IMPLEMENTED(!tensor.requires_grad(), "[", op,
                              "] has no derivative: give tensors that do not require grad, such as their detach().");
  TORCH_CHECK_NOT_IMPLEMENTED(!tangent_of(tensor).defined(), "[", op,
                              "] has no derivative: give tensors without a tangent of forward mode, such as their "
                              "detach().");
}

}  // namespace

void one_by_one_of_batch(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard beneath(c10::DispatchKey::FuncTorchBatched);
  const auto layer = at::functorch::maybeCurrentDynamicLayer();
  TORCH_CHECK(layer.has_value(), "[", name_of(op),
              "] must be given tensors of its own vmap, but was given one that has left its vmap.");
  const int64_t level = layer->layerId();
  std::vector<Argument> arguments;
  int64_t size = -1;
  for (IValue& value : torch::jit::pop(*stack, op.schema().arguments().size())) {
    arguments.emplace_back(std::move(value), level);
    size = std::max(size, arguments.back().batch_size());
  }
  const auto run = [&](int64_t index) {
    for (const Argument& argument : arguments) stack->push_back(argument.element(index));
    op.callBoxed(stack);
    return torch::jit::pop(*stack, op.schema().returns().size());
  };
  if (size == -1) {  // batched by another transform than this
    for (IValue& result : run(0)) stack->push_back(std::move(result));
    return;
  }
  TORCH_CHECK_VALUE(size > 0, "[", name_of(op), "] must be mapped over one element at least, but the batch was empty.");
  std::vector<std::vector<Tensor>> results(op.schema().returns().size());
  for (int64_t index = 0; index < size; ++index) {
    const auto of_element = run(index);
    for (size_t i = 0; i < results.size(); ++i) results[i].push_back(of_element[i].toTensor());
  }
  for (const auto& parts : results) stack->push_back(at::functorch::makeBatched(at::stack(parts), 0, level));
}

void refuse_batch_of(const std::string& function) {
  C10_THROW_ERROR(NotImplementedError, "[" + function +
                                           "] cannot be mapped by torch.func.vmap: it takes one matrix at a time. Call "
                                           "it in a loop; each call uses all threads.");
}

void refuse_batch(const c10::OperatorHandle& op, torch::jit::Stack*) { refuse_batch_of(name_of(op)); }

void without_derivative(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& arguments = op.schema().arguments();
  const auto given = torch::jit::last(*stack, arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (given[i].isTensorList()) {
      for (const Tensor& tensor : given[i].toTensorVector()) refuse_derivative(name_of(op), tensor);
    }
    if (!given[i].isTensor()) continue;
    const Tensor& tensor = given[i].toTensor();
    refuse_derivative(name_of(op), tensor);
    // A backward pass that saved the tensor must detect the change.
    const bool written = arguments[i].alias_info() && arguments[i].alias_info()->isWrite();
    if (written && tensor.defined() && !tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
  }
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  op.callBoxed(stack);
}

}  // namespace factorise
