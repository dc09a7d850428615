// The factorisers' checks and starting factors as operators, for the Python package, which drives the epochs itself,
// with the messages of the C++ functions. And the squared error that is reported.

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

void check_schedule(c10::string_view function, int64_t num_epochs, double lr, int64_t report_every, double weight_decay,
                    double lr_decay) {
  const std::string name(function);
  check_epochs(name.c_str(), num_epochs, lr, report_every);
  check_decay(name.c_str(), lr, weight_decay, lr_decay);
}

/// A and its mask in the engine's form, and the factors that the run starts from. A sparse A stays sparse, for
/// sgd_ratings: its entries are the observed ones, and every rank is allowed.
std::tuple<Tensor, OptionalTensor, Tensor, Tensor> checked_start(c10::string_view function, bool fused, const Tensor& A,
                                                                 const OptionalTensor& M, int64_t rank, bool any_rank,
                                                                 const OptionalTensor& U, const OptionalTensor& V,
                                                                 std::optional<int64_t> seed) {
  const PlainComputation plain;
  const std::string name(function);
  const bool sparse = A.defined() && A.is_sparse();
  TORCH_CHECK_VALUE(!sparse || !M, "[", name, "] M must be left out where A is sparse: its entries are observed.");
  const Observed observed =
      sparse ? observe_entries(name.c_str(), A, rank)
             : observe(name.c_str(), A, M, rank, any_rank ? RankLimit::none : RankLimit::smaller_side);
  const Observed::Data& data = observed.data();
  if (fused) check_fused_device(name.c_str(), observed.device());
  std::optional<Factors> initial;
  if (U || V) initial = Factors{U.value_or(Tensor()), V.value_or(Tensor())};
  std::optional<uint64_t> drawn_from;
  if (seed) drawn_from = static_cast<uint64_t>(*seed);
  const Factors factors = start(name.c_str(), observed, rank, initial, drawn_from);
  const bool as_given = sparse || (fused && observed.device().is_cpu());
  return {as_given ? data.A : data.dense(), as_given ? data.mask_as_given() : data.mask(), factors.U, factors.V};
}

/// The starting factors are copied and detached, so a transform would take them for constants.
std::tuple<Tensor, OptionalTensor, Tensor, Tensor> start_with_derivatives(
    c10::string_view function, bool fused, const Tensor& A, const OptionalTensor& M, int64_t rank, bool any_rank,
    const OptionalTensor& U, const OptionalTensor& V, std::optional<int64_t> seed) {
  static const auto op = operator_like("factorise::_checked_start", start_with_derivatives);
  const auto given = [](const OptionalTensor& tensor) { return tensor.value_or(Tensor()); };
  refuse_transforms(std::string(function).c_str(), {A, given(M), given(U), given(V)});
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  return op.call(function, fused, A, M, rank, any_rank, U, V, seed);
}

std::tuple<Tensor, OptionalTensor, Tensor, Tensor> start_of_batch(c10::string_view function, bool, const Tensor&,
                                                                  const OptionalTensor&, int64_t, bool,
                                                                  const OptionalTensor&, const OptionalTensor&,
                                                                  std::optional<int64_t>) {
  refuse_batch_of(std::string(function));
}

/// The check, as an operator, for tensors that Python detaches or reads before it calls _checked_start.
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
  library.def(
      "_check_schedule(str function, int num_epochs, float lr, int report_every, float weight_decay, float lr_decay) "
      "-> ()",
      check_schedule);
  // seed: the bits of a number without a sign.
  library.def(
      "_checked_start(str function, bool fused, Tensor(a) A, Tensor(b)? M, int rank, bool any_rank, Tensor? U, "
      "Tensor? V, int? seed) -> (Tensor(a) A, Tensor(b)? observed, Tensor U, Tensor V)");
  library.def("_check_constant(str function, Tensor tensor) -> ()");
  library.def("squared_error(Tensor U, Tensor V, Tensor A, Tensor? M=None) -> float");
}

TORCH_LIBRARY_IMPL(factorise, CompositeExplicitAutograd, library) {
  library.impl("_checked_start", checked_start);
  library.impl("_check_constant", take_as_constant);
  library.impl("squared_error", error_of);
}

TORCH_LIBRARY_IMPL(factorise, Autograd, library) {
  library.impl("_checked_start", start_with_derivatives);
  library.impl("_check_constant", refuse_to_differentiate);
}

TORCH_LIBRARY_IMPL(factorise, FuncTorchBatched, library) {
  library.impl("_checked_start", start_of_batch);
  library.impl("_check_constant", refuse_to_map);
  library.impl("squared_error", torch::CppFunction::makeFromBoxedFunction<&refuse_batch>());
}

}  // namespace factorise
