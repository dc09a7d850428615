// The operator factor_loss: schemas, checks, shapes. _factor_loss computes the value together with the gradients that
// are requested, so that a forward pass and its backward read A's tiles once; factor_loss is its first result.

#include "ops/factor_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <factorise/factor_loss.h>
#include <torch/library.h>

#include <algorithm>
#include <limits>

#include "core/checks.h"
#include "core/cuda_plugin.h"
#include "cpu/gd/gd.h"
#include "ops/operator.h"
#include "ops/transforms.h"

namespace factorise {
namespace {

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

Tensor factor_loss_value(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M, bool norm) {
  check(U, V, A, M);
  // The Autograd kernel makes the same check, but inference mode does not dispatch to it.
  if (has_no_kernels(U) && c10::impl::tls_is_dispatch_key_excluded(c10::DispatchKey::AutogradCUDA)) {
    return std::get<0>(factor_loss_anywhere(U, V, A, M, norm, false, false));
  }
  return std::get<0>(loss_and_gradients(U, V, A, M, norm, false, false));
}

LossAndGradients factor_loss_meta(const Tensor& U, const Tensor& V, const Tensor&, const OptionalTensor&, bool,
                                  bool for_U, bool for_V) {
  const auto gradient = [](const Tensor& factor, bool wanted) {
    return wanted ? at::empty_like(factor, at::MemoryFormat::Contiguous) : at::empty({0}, factor.options());
  };
  return {at::empty({}, U.options()), gradient(U, for_U), gradient(V, for_V)};
}

Tensor error_times_meta(const Tensor& X, const Tensor& Y, const Tensor& W, const OptionalTensor&, const Tensor&,
                        bool transposed) {
  return at::empty_symint({(transposed ? Y : X).sym_size(0), W.sym_size(1)}, X.options());
}

}  // namespace

LossAndGradients factor_loss_anywhere(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M,
                                      bool norm, bool for_U, bool for_V) {
  // The definition, with U Vᵀ stored.
  Tensor err = A.to(U.scalar_type()) - U.mm(V.t());
  if (M) err = err.masked_fill(check_mask("factor_loss", A, *M).logical_not(), 0);
  const Tensor squared = err.square().sum(at::kDouble), value = norm ? squared.sqrt() : squared;
  const Tensor scale =
      (norm ? value.reciprocal().neg().masked_fill(value.eq(0), 0) : value.new_full({}, -2)).to(U.scalar_type());
  const auto none = [&] { return at::empty({0}, U.options()); };
  return {value.to(U.scalar_type()), for_U ? err.mm(V) * scale : none(), for_V ? err.t().mm(U) * scale : none()};
}

Tensor scaled_gradient_anywhere(const Tensor& gradient, const Tensor& above) { return gradient * above; }

Tensor error_times_anywhere(const Tensor& X, const Tensor& Y, const Tensor& W, const OptionalTensor& A, const Tensor& M,
                            bool transposed) {
  // In strips of rows, so that no second matrix of A's size is needed.
  const int64_t rows = X.size(0), height = std::max<int64_t>(1, (int64_t{1} << 20) / Y.size(0));
  const Tensor columns = Y.t();
  Tensor sum = at::zeros({transposed ? Y.size(0) : 0, W.size(1)}, X.options());
  std::vector<Tensor> strips;
  for (int64_t row = 0; row < rows; row += height) {
    const auto strip = [&](const Tensor& matrix) { return matrix.narrow(0, row, std::min(height, rows - row)); };
    Tensor err = strip(X).mm(columns).neg();
    if (A) err = err + strip(*A).to(X.scalar_type());
    err = err.masked_fill(strip(M).eq(0), 0);
    // As in the forward pass: NaN in the mask makes the result NaN.
    if (M.is_floating_point()) err = err.masked_fill(strip(M).isnan(), std::numeric_limits<double>::quiet_NaN());
    if (transposed) {
      sum = sum.addmm(err.t(), strip(W));
    } else {
      strips.push_back(err.mm(W));
    }
  }
  return transposed ? sum : at::cat(strips);
}

bool has_no_kernels(const Tensor& tensor) {
  return tensor.is_cuda() && !load_cuda_kernels(tensor.device().index()).empty();
}

LossAndGradients loss_and_gradients(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M,
                                    bool norm, bool for_U, bool for_V) {
  static const auto op = operator_like("factorise::_factor_loss", factor_loss_cpu);
  return op.call(U, V, A, M, norm, for_U, for_V);
}

Tensor scaled_gradient(const Tensor& gradient, const Tensor& above) {
  static const auto op = operator_like("factorise::_factor_loss_scaled", scaled_gradient_cpu);
  return op.call(gradient, above);
}

Tensor error_times(const Tensor& X, const Tensor& Y, const Tensor& W, const OptionalTensor& A, const Tensor& M,
                   bool transposed) {
  static const auto op = operator_like("factorise::_factor_loss_error_times", error_times_cpu);
  return op.call(X, Y, W, A, M, transposed);
}

Tensor factor_loss(const Tensor& U, const Tensor& V, const Tensor& A, const std::optional<Tensor>& M, AdLoss loss) {
  static const auto op = operator_like("factorise::factor_loss", factor_loss_value);
  return op.call(U, V, A, M, loss == AdLoss::norm);
}

TORCH_LIBRARY_FRAGMENT(factorise, library) {
  library.def("factor_loss(Tensor U, Tensor V, Tensor A, Tensor? M=None, bool norm=False) -> Tensor");
  library.def(
      "_factor_loss(Tensor U, Tensor V, Tensor A, Tensor? M, bool norm, bool for_U, bool for_V) -> "
      "(Tensor loss, Tensor by_U, Tensor by_V)");
  library.def("_factor_loss_scaled(Tensor gradient, Tensor above) -> Tensor");
  library.def("_factor_loss_error_times(Tensor X, Tensor Y, Tensor W, Tensor? A, Tensor M, bool transposed) -> Tensor");
}

TORCH_LIBRARY_IMPL(factorise, CompositeImplicitAutograd, library) { library.impl("factor_loss", factor_loss_value); }

TORCH_LIBRARY_IMPL(factorise, CompositeExplicitAutograd, library) {
  library.impl("_factor_loss", factor_loss_anywhere);
  library.impl("_factor_loss_scaled", scaled_gradient_anywhere);
  library.impl("_factor_loss_error_times", error_times_anywhere);
}

TORCH_LIBRARY_IMPL(factorise, CPU, library) {
  library.impl("_factor_loss", factor_loss_cpu);
  library.impl("_factor_loss_scaled", scaled_gradient_cpu);
  library.impl("_factor_loss_error_times", error_times_cpu);
}

TORCH_LIBRARY_IMPL(factorise, Meta, library) {
  library.impl("_factor_loss", factor_loss_meta);
  library.impl("_factor_loss_error_times", error_times_meta);
}

TORCH_LIBRARY_IMPL(factorise, FuncTorchBatched, library) {
  library.impl("factor_loss", factor_loss_value);
  library.impl("_factor_loss", torch::CppFunction::makeFromBoxedFunction<&one_by_one_of_batch>());
  library.impl("_factor_loss_scaled", scaled_gradient_anywhere);
  library.impl("_factor_loss_error_times", torch::CppFunction::makeFromBoxedFunction<&one_by_one_of_batch>());
}

}  // namespace factorise
