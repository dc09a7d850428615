// Schemas of the ops of full-batch descent, and their CPU, Meta and Autograd parts: a run of Descent in slices, from
// ratings that are packed once. src/cuda/gd_ops.cpp registers the kernels for CUDA.

#include "ops/gd.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <torch/library.h>

#include "core/checks.h"
#include "core/driver.h"
#include "methods/descent.h"
#include "ops/operator.h"
#include "ops/transforms.h"

namespace factorise {
namespace {

using OptionalTensor = std::optional<Tensor>;

/// Ratings are one tensor, values or bytes, or two, values and a mask.
std::vector<Tensor> ratings_on_cpu(const Tensor& A, const OptionalTensor& observed) {
  TORCH_CHECK_VALUE(A.dim() == 2 && A.numel() > 0 && (!observed || observed->sizes() == A.sizes()),
                    "[_descent_ratings] A must be a matrix, not empty, and observed of its shape, but A was ",
                    shape_of(A), observed ? " and observed " + shape_of(*observed) : "", ".");
  const WithoutAutograd guard;
  cpu::Crew crew(cpu::threads_for(static_cast<double>(A.numel())));
  const auto [turned, values, seen] = pack_ratings(crew, A, observed);
  // The result must not share A's memory: A may be written to while a run reads the ratings.
  const auto own = [](const Tensor& packed, const Tensor& given) {
    return packed.is_alias_of(given) ? packed.clone() : packed;
  };
  if (!seen.defined()) return {own(values, A)};
  return {own(values, A), own(seen, *observed)};
}

PackedRatings ratings_of(const char* function, at::TensorList ratings, const Tensor& U, const Tensor& V) {
  const auto type = U.scalar_type();
  TORCH_CHECK_VALUE(U.is_cpu() && V.is_cpu() && U.dim() == 2 && V.dim() == 2 && U.size(1) == V.size(1) &&
                        U.size(1) >= 1 && U.size(1) <= cpu::kLargestRank && U.is_contiguous() && V.is_contiguous() &&
                        V.scalar_type() == type && (type == at::kFloat || type == at::kDouble),
                    "[", function, "] U and V must be contiguous, of one rank, float32 or float64, on the CPU, but ",
                    "were ", shape_of(U), " and ", shape_of(V), ", ", U.scalar_type(), " and ", V.scalar_type(), ".");
  const bool turned = is_turned(U.size(0), V.size(0));
  const int64_t rows = turned ? V.size(0) : U.size(0), columns = turned ? U.size(0) : V.size(0);
  const int64_t lanes = type == at::kDouble ? cpu::kLanes<double> : cpu::kLanes<float>;
  const auto fits = [&](const Tensor& matrix) {
    return matrix.is_cpu() && matrix.dim() == 2 && matrix.is_contiguous() && matrix.size(0) == rows &&
           matrix.size(1) >= columns && matrix.size(1) < columns + lanes;
  };
  TORCH_CHECK_VALUE(
      (ratings.size() == 1 || ratings.size() == 2) && fits(ratings.front()) && fits(ratings.back()) &&
          ratings.back().sizes() == ratings.front().sizes() &&
          (ratings[0].scalar_type() == type ||
           (ratings.size() == 1 && ratings[0].scalar_type() == at::kChar && ratings[0].size(1) % lanes == 0)) &&
          (ratings.size() == 1 || ratings[1].scalar_type() == at::kBool),
      "[", function, "] ratings must be packed by _descent_ratings from a ", U.size(0), " x ", V.size(0),
      " matrix that is computed in ", type, ".");
  return {turned, ratings[0], ratings.size() == 2 ? ratings[1] : Tensor()};
}

template <class T>
int64_t run(const PackedRatings& ratings, const Tensor& U, const Tensor& V, double lr, std::string_view method,
            int64_t num_epochs) {
  Descent<T> descent(ratings, {U, V});
  for (int64_t epoch = 1; epoch <= num_epochs; ++epoch) {
    if (method == "masked") {
      descent.masked_step(lr);
    } else {
      descent.gradient_step(lr, method == "norm" ? AdLoss::norm : AdLoss::squared);
    }
    if (!all_finite(descent.state().U) || !all_finite(descent.state().V)) return epoch;
  }
  const Factors factors = descent.factors();
  U.copy_(factors.U);
  V.copy_(factors.V);
  return 0;
}

Tensor epochs_on_cpu(at::TensorList ratings, const Tensor& U, const Tensor& V, double lr, c10::string_view method,
                     int64_t num_epochs) {
  TORCH_CHECK_VALUE(method == "masked" || method == "squared" || method == "norm",
                    "[_descent_epochs] method must be masked, squared or norm, but was '", method, "'.");
  const WithoutAutograd guard;
  const PackedRatings packed = ratings_of("_descent_epochs", ratings, U, V);
  const auto run_typed = U.scalar_type() == at::kDouble ? run<double> : run<float>;
  return at::scalar_tensor(run_typed(packed, U, V, lr, method, num_epochs), at::TensorOptions(at::kLong));
}

Tensor loss_on_cpu(at::TensorList ratings, const Tensor& U, const Tensor& V, bool norm) {
  const WithoutAutograd guard;
  const PackedRatings packed = ratings_of("_descent_loss", ratings, U, V);
  const AdLoss loss = norm ? AdLoss::norm : AdLoss::squared;
  const double value = U.scalar_type() == at::kDouble ? Descent<double>(packed, {U, V}).loss(loss)
                                                      : Descent<float>(packed, {U, V}).loss(loss);
  return at::scalar_tensor(value, at::TensorOptions(at::kDouble));
}

Tensor epochs_on_meta(at::TensorList, const Tensor& U, const Tensor&, double, c10::string_view, int64_t) {
  return at::empty({}, U.options().dtype(at::kLong));
}

Tensor loss_on_meta(at::TensorList, const Tensor& U, const Tensor&, bool) {
  return at::empty({}, U.options().dtype(at::kDouble));
}

}  // namespace

std::vector<Tensor> descent_ratings(const Tensor& A, const std::optional<Tensor>& observed) {
  static const auto op = operator_like("factorise::_descent_ratings", ratings_on_cpu);
  return op.call(A, observed);
}

Tensor descent_epochs(at::TensorList ratings, const Tensor& U, const Tensor& V, double lr, const char* method,
                      int64_t num_epochs) {
  static const auto op = operator_like("factorise::_descent_epochs", epochs_on_cpu);
  return op.call(ratings, U, V, lr, method, num_epochs);
}

Tensor descent_loss(at::TensorList ratings, const Tensor& U, const Tensor& V, bool norm) {
  static const auto op = operator_like("factorise::_descent_loss", loss_on_cpu);
  return op.call(ratings, U, V, norm);
}

TORCH_LIBRARY_FRAGMENT(factorise, library) {
  library.def("_descent_ratings(Tensor A, Tensor? observed) -> Tensor[]");
  library.def(
      "_descent_epochs(Tensor[] ratings, Tensor(a!) U, Tensor(b!) V, float lr, str method, int num_epochs) -> Tensor");
  library.def("_descent_loss(Tensor[] ratings, Tensor U, Tensor V, bool norm) -> Tensor");
}

TORCH_LIBRARY_IMPL(factorise, CPU, library) {
  library.impl("_descent_ratings", ratings_on_cpu);
  library.impl("_descent_epochs", epochs_on_cpu);
  library.impl("_descent_loss", loss_on_cpu);
}

TORCH_LIBRARY_IMPL(factorise, Meta, library) {
  library.impl("_descent_epochs", epochs_on_meta);
  library.impl("_descent_loss", loss_on_meta);
}

TORCH_LIBRARY_IMPL(factorise, Autograd, library) {
  for (const char* op : {"_descent_ratings", "_descent_epochs", "_descent_loss"}) {
    library.impl(op, torch::CppFunction::makeFromBoxedFunction<&without_derivative>());
  }
}

TORCH_LIBRARY_IMPL(factorise, FuncTorchBatched, library) {
  for (const char* op : {"_descent_ratings", "_descent_epochs", "_descent_loss"}) {
    library.impl(op, torch::CppFunction::makeFromBoxedFunction<&refuse_batch>());
  }
}

}  // namespace factorise
