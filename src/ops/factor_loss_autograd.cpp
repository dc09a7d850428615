// The derivatives of factor_loss, of any order, in reverse and in forward mode, and under torch.func's transforms.
//
// E = A - U Vᵀ where observed, else 0; S = Σ E². by_U = -2 E V and by_V = -2 Eᵀ U are S's gradients. Along (dU, dV)
// they change by the second derivative, which is symmetric, and so the same in both modes:
//   E' = -(dU Vᵀ + U dVᵀ) where observed,  by_U' = -2 (E dV + E' V),  by_V' = -2 (Eᵀ dU + E'ᵀ U)
// The norm N = √S has the gradients by / 2N; these change by  by' / 2N - g <g, (dU, dV)> / N,  g the norm's gradient.
// All of this is products of E with a narrow matrix, whose derivatives are such products again.

#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <torch/library.h>

#include <limits>

#include "core/derivatives.h"
#include "ops/factor_loss.h"
#include "ops/saving_node.h"

namespace factorise {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

void refuse_derivative_of(const char* name, const Tensor& matrix) {
  TORCH_CHECK_VALUE(!(at::GradMode::is_enabled() && matrix.requires_grad()), "[factor_loss] ", name,
                    " must not require grad: the loss is differentiated by U and V alone. Give its detach().");
  TORCH_CHECK_VALUE(!tangent_of(matrix).defined(), "[factor_loss] ", name,
                    " must not carry a tangent of forward mode: the loss is differentiated by U and V alone. Give its "
                    "detach().");
}

OptionalTensor given(const Tensor& tensor) { return tensor.defined() ? OptionalTensor(tensor) : std::nullopt; }

/// a + b, either of which may be undefined.
Tensor plus(const Tensor& a, const Tensor& b) { return !a.defined() ? b : !b.defined() ? a : a + b; }

/// The arguments at which the loss is differentiated.
struct Point {
  Tensor U, V, A, M;  ///< M undefined: all of A is observed
  bool norm;

  /// E W, or Eᵀ W, of E = (A or 0) - X Yᵀ. Where all is observed, in products that have no m x n result.
  Tensor err_times(const Tensor& X, const Tensor& Y, const Tensor& W, bool with_A, bool transposed) const {
    if (M.defined()) return error_times(X, Y, W, with_A ? given(A) : std::nullopt, M, transposed);
    const Tensor low = transposed ? Y.mm(X.t().mm(W)) : X.mm(Y.t().mm(W));
    if (!with_A) return -low;
    const Tensor values = A.to(U.scalar_type());
    return (transposed ? values.t() : values).mm(W) - low;
  }

  /// The second derivative of S along (dU, dV), either of which may be undefined, for U or for V.
  Tensor second(const Tensor& dU, const Tensor& dV, bool for_V) const {
    const Tensor &own = for_V ? dV : dU, &other = for_V ? dU : dV, &fixed = for_V ? U : V;
    Tensor sum;
    if (own.defined()) sum = for_V ? err_times(U, dV, fixed, false, true) : err_times(dU, V, fixed, false, false);
    if (other.defined()) {
      const Tensor by_other = for_V ? err_times(dU, V, fixed, false, true) : err_times(U, dV, fixed, false, false);
      sum = plus(sum, err_times(U, V, other, true, for_V) + by_other);
    }
    return sum * -2;
  }
};

/// The value and gradients at a point, and how they change.
struct Result {
  Tensor loss, by_U, by_V;

  Tensor along(const Tensor& dU, const Tensor& dV) const {
    Tensor sum;
    if (dU.defined()) sum = (by_U * dU).sum();
    return dV.defined() ? plus(sum, (by_V * dV).sum()) : sum;
  }

  /// The gradient's change along (dU, dV), for U or for V. The norm's is taken to be zero at zero, as its gradient is.
  Tensor second(const Point& at, const Tensor& dU, const Tensor& dV, bool for_V) const {
    const Tensor of_S = at.second(dU, dV, for_V);
    if (!at.norm) return of_S;
    const Tensor inverse = loss.masked_fill(loss.eq(0), std::numeric_limits<double>::infinity()).reciprocal();
    return (of_S * 0.5 - (for_V ? by_V : by_U) * along(dU, dV)) * inverse;
  }
};

// ---- the loss and its gradients

struct LossBackward {
  static constexpr char kName[] = "FactorLossBackward";
  enum Place : size_t { kU, kV, kA, kM, kLoss, kByU, kByV };
  static constexpr int64_t kNorm = 1, kMasked = 2;  ///< flags

  static variable_list backward(const variable_list& above, const SavedTensor& saved, int64_t flags,
                                const std::vector<bool>& needed) {
    const Tensor &by_loss = above[0], &dU = above[1], &dV = above[2];
    const bool twice = dU.defined() || dV.defined();
    Point at;
    Result result;
    if (twice) {
      at = {saved(kU), saved(kV), saved(kA), flags & kMasked ? saved(kM) : Tensor(), (flags & kNorm) != 0};
      result = {saved(kLoss), saved(kByU), saved(kByV)};
    }
    variable_list gradients(2);
    for (const size_t i : {size_t{0}, size_t{1}}) {
      if (!needed[i]) continue;
      if (by_loss.defined()) gradients[i] = scaled_gradient(saved(i == 0 ? kByU : kByV), by_loss);
      if (twice) gradients[i] = plus(gradients[i], result.second(at, dU, dV, i == 1));
    }
    return gradients;
  }
};

LossAndGradients loss_with_derivatives(const Tensor& U, const Tensor& V, const Tensor& A, const OptionalTensor& M,
                                       bool norm, bool for_U, bool for_V) {
  refuse_derivative_of("A", A);
  if (M) refuse_derivative_of("M", *M);
  const Tensor &dU = tangent_of(U), &dV = tangent_of(V);
  const bool forward = dU.defined() || dV.defined();
  const bool reverse = torch::autograd::compute_requires_grad(U, V);
  std::shared_ptr<SavingNode<LossBackward>> node;
  if (reverse) {
    const int64_t flags = (norm ? LossBackward::kNorm : 0) | (M ? LossBackward::kMasked : 0);
    node = SavingNode<LossBackward>::make({U, V}, {U, V, A, M.value_or(A)}, flags);
  }
  const bool with_U = for_U || dU.defined() || (reverse && U.requires_grad());
  const bool with_V = for_V || dV.defined() || (reverse && V.requires_grad());
  Result result;
  {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    std::tie(result.loss, result.by_U, result.by_V) = has_no_kernels(U)
                                                          ? factor_loss_anywhere(U, V, A, M, norm, with_U, with_V)
                                                          : loss_and_gradients(U, V, A, M, norm, with_U, with_V);
  }
  if (reverse) {
    for (const Tensor& tensor : {result.loss, result.by_U, result.by_V}) torch::autograd::set_history(tensor, node);
  }
  if (forward) {
    const Point at{primal_of(U), primal_of(V), A, M.value_or(Tensor()), norm};
    const auto wanted = [&](bool asked, const Tensor& factor) { return asked || (reverse && factor.requires_grad()); };
    const Tensor loss = result.along(dU, dV);
    const Tensor by_U = wanted(for_U, U) ? result.second(at, dU, dV, false) : Tensor();
    const Tensor by_V = wanted(for_V, V) ? result.second(at, dU, dV, true) : Tensor();
    set_tangent(result.loss, loss);
    if (by_U.defined()) set_tangent(result.by_U, by_U);
    if (by_V.defined()) set_tangent(result.by_V, by_V);
  }
  if (reverse) {
    for (const Tensor& tensor : {result.loss, result.by_U, result.by_V}) node->saved.emplace_back(tensor, true);
  }
  const auto none = [&](bool asked, bool computed, const Tensor& tensor) {
    return computed && !asked ? tensor.new_empty({0}) : tensor;
  };
  return {result.loss, none(for_U, with_U, result.by_U), none(for_V, with_V, result.by_V)};
}

/// A gradient times a number: by our operator, or by torch's where the product is to be differentiated.
Tensor scaled_with_derivatives(const Tensor& gradient, const Tensor& above) {
  if (torch::autograd::compute_requires_grad(gradient, above) || tangent_of(gradient).defined() ||
      tangent_of(above).defined() || has_no_kernels(gradient)) {
    return scaled_gradient_anywhere(gradient, above);
  }
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  return scaled_gradient(gradient, above);
}

// ---- the product

struct ErrorTimesBackward {
  static constexpr char kName[] = "FactorLossErrorTimesBackward";
  enum Place : size_t { kX, kY, kW, kA, kM };
  static constexpr int64_t kTransposed = 1, kWithA = 2;  ///< flags

  /// By W: Eᵀ above. By X and Y: E changes by -dX Yᵀ, and <dX Yᵀ W, above> = <dX, (above Wᵀ where observed) Y>.
  static variable_list backward(const variable_list& above, const SavedTensor& saved, int64_t flags,
                                const std::vector<bool>& needed) {
    variable_list gradients(3);
    if (!above[0].defined()) return gradients;
    const Tensor X = saved(kX), Y = saved(kY), W = saved(kW), M = saved(kM);
    const bool transposed = flags & kTransposed;
    const Tensor &left = transposed ? W : above[0], &right = transposed ? above[0] : W;
    const OptionalTensor A = flags & kWithA ? OptionalTensor(saved(kA)) : std::nullopt;
    if (needed[0]) gradients[0] = error_times(left, right, Y, std::nullopt, M, false);
    if (needed[1]) gradients[1] = error_times(left, right, X, std::nullopt, M, true);
    if (needed[2]) gradients[2] = error_times(X, Y, above[0], A, M, !transposed);
    return gradients;
  }
};

Tensor error_times_with_derivatives(const Tensor& X, const Tensor& Y, const Tensor& W, const OptionalTensor& A,
                                    const Tensor& M, bool transposed) {
  if (A) refuse_derivative_of("A", *A);
  refuse_derivative_of("M", M);
  std::shared_ptr<SavingNode<ErrorTimesBackward>> node;
  if (torch::autograd::compute_requires_grad(X, Y, W)) {
    const int64_t flags = (transposed ? ErrorTimesBackward::kTransposed : 0) | (A ? ErrorTimesBackward::kWithA : 0);
    node = SavingNode<ErrorTimesBackward>::make({X, Y, W}, {X, Y, W, A.value_or(M), M}, flags);
  }
  Tensor result;
  {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    result = error_times(X, Y, W, A, M, transposed);
  }
  if (node) torch::autograd::set_history(result, node);
  const Tensor &dX = tangent_of(X), &dY = tangent_of(Y), &dW = tangent_of(W);
  Tensor change;
  const Tensor x = primal_of(X), y = primal_of(Y), w = primal_of(W);
  if (dX.defined()) change = error_times(dX, y, w, std::nullopt, M, transposed);
  if (dY.defined()) change = plus(change, error_times(x, dY, w, std::nullopt, M, transposed));
  if (dW.defined()) change = plus(change, error_times(x, y, dW, A, M, transposed));
  if (change.defined()) set_tangent(result, change);
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(factorise, Autograd, library) {
  library.impl("_factor_loss", loss_with_derivatives);
  library.impl("_factor_loss_scaled", scaled_with_derivatives);
  library.impl("_factor_loss_error_times", error_times_with_derivatives);
}

}  // namespace factorise
