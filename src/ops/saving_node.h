#pragma once
// A node of autograd's graph for functions with derivatives of any order and in forward mode too, as torch's generated
// ones are. torch::autograd::Function supports neither tangents nor torch.func's transforms.

#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/dynamo/compiled_autograd.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace factorise {

using torch::autograd::variable_list;

/// A saved tensor by its place, in the graph again.
using SavedTensor = std::function<at::Tensor(size_t)>;

/// F has kName, and
///   static variable_list backward(const variable_list& above, const SavedTensor& saved, int64_t flags,
///                                 const std::vector<bool>& needed)
/// which gives the gradients by the differentiable inputs, undefined where they are not `needed`.
template <class F>
struct SavingNode final : torch::autograd::Node {
  std::vector<torch::autograd::SavedVariable> saved;  ///< inputs, then results; all defined
  size_t inputs = 0;                                  ///< how many of them are inputs
  int64_t flags = 0;

  /// A node with edges to `differentiable`, before the function runs.
  static std::shared_ptr<SavingNode> make(std::initializer_list<at::Tensor> differentiable,
                                          std::initializer_list<at::Tensor> inputs, int64_t flags) {
    std::shared_ptr<SavingNode> node(new SavingNode(), torch::autograd::deleteNode);
    for (const at::Tensor& tensor : differentiable) {
      node->add_next_edge(torch::autograd::impl::gradient_edge(tensor));
    }
    for (const at::Tensor& tensor : inputs) node->saved.emplace_back(tensor, false);
    node->inputs = inputs.size();
    node->flags = flags;
    return node;
  }

  std::string name() const override { return F::kName; }

  variable_list apply(variable_list&& above) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return F::backward(
        above, [this](size_t place) { return unpack(place); }, flags, needed());
  }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& variable : saved) variable.reset_data();
  }

  // ---- compiled autograd, which calls `backward` without the node

  void compiled_args(torch::dynamo::autograd::CompiledNodeArgs& args) const override {
    args.collect(flags);
    for (size_t place = 0; place < saved.size(); ++place) args.collect(saved[place], place >= inputs);
  }

  variable_list apply_with_saved(const variable_list& above,
                                 torch::dynamo::autograd::SwapSavedVariables& swap) override {
    namespace compiled = torch::dynamo::autograd;
    for (auto& variable : saved) swap.before(variable);
    variable_list tensors;
    for (size_t place = 0; place < saved.size(); ++place) tensors.push_back(unpack(place));
    compiled::PackedArgs packed;
    packed.pack(tensors);
    packed.pack(flags);
    packed.pack(needed());
    const std::vector<at::TypePtr> schema{compiled::IValuePacker<variable_list>::packed_type(),
                                          compiled::IValuePacker<int64_t>::packed_type(),
                                          compiled::IValuePacker<std::vector<bool>>::packed_type()};
    const auto metadata = compiled::IValuePacker<std::vector<std::optional<torch::autograd::InputMetadata>>>::pack(
        compiled::get_input_metadata(next_edges()));
    const auto& python = compiled::getPyCompilerInterface();
    // Not traced, as for a custom function whose Function::is_traceable is false.
    const std::string bound = python->bind_function(swap.get_py_compiler(), name(), backward_of_packed, schema,
                                                    /*is_custom_function=*/true, /*is_traceable=*/false);
    variable_list gradients =
        python->call_function(swap.get_py_compiler(), "apply_functional", bound, above, packed.vec(), metadata);
    for (auto& variable : saved) swap.after(variable);
    return gradients;
  }

 private:
  at::Tensor unpack(size_t place) { return saved[place].unpack(place < inputs ? nullptr : shared_from_this()); }

  std::vector<bool> needed() const {
    std::vector<bool> result;
    for (size_t i = 0; i < num_outputs(); ++i) result.push_back(task_should_compute_output(i));
    return result;
  }

  static variable_list backward_of_packed(const variable_list& above, const std::vector<c10::IValue>& args) {
    torch::dynamo::autograd::PackedArgs packed(args);
    const auto tensors = packed.unpack<variable_list>();
    const auto flags = packed.unpack<int64_t>();
    const auto needed = packed.unpack<std::vector<bool>>();
    return F::backward(
        above, [&](size_t place) { return tensors[place]; }, flags, needed);
  }
};

}  // namespace factorise
