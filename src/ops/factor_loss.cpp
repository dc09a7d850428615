// The operator factor_loss: schema, checks, shapes, and the derivative. _factor_loss computes the value together with
// the gradients that are asked for, so that a forward pass and its backward read A's tiles once.

#include "ops/factor_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "cpu/gd.h"
#include "factorise/arguments.h"
#include "factorise/cuda_plugin.h"

namespace factorise {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = std::optional<Tensor>;

// Sizes are symbolic here: the checks also run where torch.compile traces.

void check_factor(const char* name, const Tensor& factor, const Tensor& A, int side) {
  TORCH_CHECK_VALUE(factor.layout() == at::kStrided && factor.dim() == 2, "[factor_loss] ", name,
                    " must be a dense matrix, but has ", factor.dim(), " dimensions and layout ", factor.layout(), ".");
  TORCH_CHECK_VALUE(factor.scalar_type() == at::kFloat || factor.scalar_type() == at::kDouble, "[factor_loss] ", name,
                    " must be float32 or float64, but was ", factor.scalar_type(), ".");
  TORCH_CHECK_VALUE(factor.device() == A.device(), "[factor_loss] ", name, " must be on A's device ", A.device(),
                    ", but was on ", factor.device(), ".");
  TORCH_CHECK_VALUE(factor.sym_size(0) == A.sym_size(side), "[factor_loss] ", name, " must have a row for each of A's ",
                    A.sym_size(side), side == 0 ? " rows" : " columns", ", but has ", factor.sym_size(0), ".");
}

void check_given(const char* name, const Tensor& matrix) {
  TORCH_CHECK_VALUE(matrix.layout() == at::kStrided && matrix.dim() == 2, "[factor_loss] ", name,
                    " must be a dense matrix, but has ", matrix.dim(), " dimensions and layout ", matrix.layout(), ".");
  TORCH_CHECK_VALUE(!matrix.is_complex() && !matrix.is_quantized(), "[factor_loss] ", name, " must be real, but was ",
                    matrix.scalar_type(), ".");
  TORCH_CHECK_VALUE(!(at::GradMode::is_enabled() && matrix.requires_grad()), "[factor_loss] ", name,
                    " must not require grad: the loss is differentiated by U and V alone. Give its detach().");
}

void check(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M) {
  check_given("A", A);
  TORCH_CHECK_VALUE(A.sym_size(0) > 0 && A.sym_size(1) > 0, "[factor_loss] A must have rows and columns, but was ",
                    A.sym_size(0), " x ", A.sym_size(1), ".");
  check_factor("U", U, A, 0);
  check_factor("V", V, A, 1);
  TORCH_CHECK_VALUE(U.scalar_type() == V.scalar_type(), "[factor_loss] U and V must be of one type, but were ",
                    U.scalar_type(), " and ", V.scalar_type(), ".");
  TORCH_CHECK_VALUE(U.sym_size(1) == V.sym_size(1), "[factor_loss] U and V must have as many columns as each other, ",
                    "but have ", U.sym_size(1), " and ", V.sym_size(1), ".");
  TORCH_CHECK_VALUE(U.sym_size(1) >= 1 && U.sym_size(1) <= cpu::kLargestRank, "[factor_loss] the rank must be 1 to ",
                    cpu::kLargestRank, ", but was ", U.sym_size(1), ".");
  if (!M) return;
  check_given("M", *M);
  TORCH_CHECK_VALUE(M->sym_sizes() == A.sym_sizes(), "[factor_loss] M must have A's shape ", A.sym_sizes(),
                    ", but was ", M->sym_sizes(), ".");
  TORCH_CHECK_VALUE(M->device() == A.device(), "[factor_loss] M must be on A's device ", A.device(), ", but was on ",
                    M->device(), ".");
}

/// On devices without a kernel of our own: the definition, with U Vᵀ stored.
LossAndGradients factor_loss_anywhere(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M,
                                      bool norm, bool for_U, bool for_V) {
  Tensor err = A.to(U.scalar_type()) - U.mm(V.t());
  if (M) err = err.masked_fill(check_mask("factor_loss", A, *M).logical_not(), 0);
  const Tensor squared = err.square().sum(at::kDouble), value = norm ? squared.sqrt() : squared;
  const Tensor scale =
      (norm ? value.reciprocal().neg().masked_fill(value.eq(0), 0) : value.new_full({}, -2)).to(U.scalar_type());
  const auto none = [&] { return at::empty({0}, U.options()); };
  return {value.to(U.scalar_type()), for_U ? err.mm(V) * scale : none(), for_V ? err.t().mm(U) * scale : none()};
}

Tensor scaled_gradient_anywhere(const Tensor& gradient, const Tensor& above) { return gradient * above; }

/// Our kernels for CUDA register themselves once they are opened, also for a GPU that they do not run on.
bool has_no_kernels(const Tensor& U) { return U.is_cuda() && !load_cuda_kernels(U.device().index()).empty(); }

LossAndGradients compute(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M, bool norm,
                         bool for_U, bool for_V) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("factorise::_factor_loss", "")
                             .typed<LossAndGradients(const Tensor&, const Tensor&, const Tensor&, const OptionalTensor&,
                                                     bool, bool, bool)>();
  if (has_no_kernels(U)) return factor_loss_anywhere(U, V, A, M, norm, for_U, for_V);
  return op.call(U, V, A, M, norm, for_U, for_V);
}

/// The value alone, on every device.
Tensor factor_loss_value(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M, bool norm) {
  check(U, V, A, M);
  return std::get<0>(compute(U, V, A, M, norm, false, false));
}

LossAndGradients factor_loss_meta(const Tensor& U, const Tensor& V, const Tensor&, const OptionalTensor&, bool,
                                  bool for_U, bool for_V) {
  const auto gradient = [](const Tensor& factor, bool wanted) {
    return wanted ? at::empty_like(factor, at::MemoryFormat::Contiguous) : at::empty({0}, factor.options());
  };
  return {at::empty({}, U.options()), gradient(U, for_U), gradient(V, for_V)};
}

Tensor scaled_gradient(const Tensor& gradient, const Tensor& above) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("factorise::_factor_loss_scaled", "")
                             .typed<Tensor(const Tensor&, const Tensor&)>();
  if (has_no_kernels(gradient)) return scaled_gradient_anywhere(gradient, above);
  return op.call(gradient, above);
}

// ---- the derivative

/// The gradients times the number that arrives from above. It stands in the graph, where one is made of the backward
/// pass, to say that it ends there.
struct ScaledGradients : torch::autograd::Function<ScaledGradients> {
  static variable_list forward(AutogradContext*, const Tensor& above, const Tensor&, const Tensor&, const Tensor& by_U,
                               const Tensor& by_V) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return {scaled_gradient(by_U, above), scaled_gradient(by_V, above)};
  }
  static variable_list backward(AutogradContext*, const variable_list&) {
    TORCH_CHECK_NOT_IMPLEMENTED(false,
                                "[factor_loss] is differentiable once, but its gradient was differentiated again. For "
                                "second derivatives write the loss with U.mm(V.t()).");
  }
};

struct FactorLoss : torch::autograd::Function<FactorLoss> {
  static Tensor forward(AutogradContext* context, const Tensor& U, const Tensor& V, const Tensor& A,
                        const OptionalTensor& M, bool norm) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [loss, by_U, by_V] = compute(U, V, A, M, norm, U.requires_grad(), V.requires_grad());
    context->save_for_backward({U, V, by_U, by_V});
    return loss;
  }
  static variable_list backward(AutogradContext* context, const variable_list& above) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &U = saved[0], &V = saved[1];
    const variable_list scaled = ScaledGradients::apply(above[0], U, V, saved[2], saved[3]);
    return {U.requires_grad() ? scaled[0] : Tensor(), V.requires_grad() ? scaled[1] : Tensor(), {}, {}, {}};
  }
};

Tensor factor_loss_autograd(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M, bool norm) {
  check(U, V, A, M);
  if (at::GradMode::is_enabled() && (U.requires_grad() || V.requires_grad()))
    return FactorLoss::apply(U, V, A, M, norm);
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  return std::get<0>(compute(U, V, A, M, norm, false, false));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(factorise, library) {
  library.def("factor_loss(Tensor U, Tensor V, Tensor A, Tensor? M=None, bool norm=False) -> Tensor");
  library.def(
      "_factor_loss(Tensor U, Tensor V, Tensor A, Tensor? M, bool norm, bool for_U, bool for_V) -> "
      "(Tensor loss, Tensor by_U, Tensor by_V)");
  library.def("_factor_loss_scaled(Tensor gradient, Tensor above) -> Tensor");
}

TORCH_LIBRARY_IMPL(factorise, CompositeExplicitAutograd, library) {
  library.impl("factor_loss", factor_loss_value);
  library.impl("_factor_loss", factor_loss_anywhere);
  library.impl("_factor_loss_scaled", scaled_gradient_anywhere);
}

TORCH_LIBRARY_IMPL(factorise, CPU, library) {
  library.impl("_factor_loss", factor_loss_cpu);
  library.impl("_factor_loss_scaled", scaled_gradient_cpu);
}

TORCH_LIBRARY_IMPL(factorise, Meta, library) { library.impl("_factor_loss", factor_loss_meta); }

TORCH_LIBRARY_IMPL(factorise, Autograd, library) {
  library.impl("factor_loss", factor_loss_autograd);
  library.impl("_factor_loss", torch::autograd::autogradNotImplementedFallback());
  library.impl("_factor_loss_scaled", torch::autograd::autogradNotImplementedFallback());
}

}  // namespace factorise
