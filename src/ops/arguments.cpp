// Operators of the Python package: the refusal of tensors that a transform follows, and the squared error.

#include "core/checks.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/library.h>

#include <string>
#include <tuple>

#include "core/derivatives.h"
#include "core/driver.h"
#include "ops/operator.h"
#include "ops/transforms.h"

namespace factorise {
namespace {

using OptionalTensor = std::optional<Tensor>;

/// The check, as an operator, for tensors that Python detaches or reads before it calls the library.
void take_as_constant(c10::string_view, const Tensor&) {}

void refuse_to_differentiate(c10::string_view function, const Tensor& tensor) {
  static const auto op = operator_like("factorise::_check_constant", refuse_to_differentiate);
  refuse_transforms(std::string(function).c_str(), {tensor});
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  op.call(function, tensor);  // an outer transform may track the tensor as well
}

void refuse_to_map(c10::string_view function, const Tensor&) { refuse_batch_of(std::string(function)); }

double error_of(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M) {
  return squared_error(A, {U, V}, M);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(factorise, library) {
  library.def("_check_constant(str function, Tensor tensor) -> ()");
  library.def("squared_error(Tensor U, Tensor V, Tensor A, Tensor? M=None) -> float");
}

TORCH_LIBRARY_IMPL(factorise, CompositeExplicitAutograd, library) {
  library.impl("_check_constant", take_as_constant);
  library.impl("squared_error", error_of);
}

TORCH_LIBRARY_IMPL(factorise, Autograd, library) { library.impl("_check_constant", refuse_to_differentiate); }

TORCH_LIBRARY_IMPL(factorise, FuncTorchBatched, library) {
  library.impl("_check_constant", refuse_to_map);
  library.impl("squared_error", torch::CppFunction::makeFromBoxedFunction<&refuse_batch>());
}

}  // namespace factorise
