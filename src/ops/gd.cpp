// Schemas of the ops of full-batch descent on a GPU, whose kernels src/cuda/gd_ops.cpp registers.

#include "ops/gd.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

namespace factorise {

using at::Tensor;

std::vector<Tensor> descent_ratings(const Tensor& A, const std::optional<Tensor>& observed) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("factorise::_descent_ratings", "")
                             .typed<std::vector<Tensor>(const Tensor&, const std::optional<Tensor>&)>();
  return op.call(A, observed);
}

Tensor descent_epochs(at::TensorList ratings, const Tensor& U, const Tensor& V, double lr, const char* method,
                      int64_t num_epochs) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("factorise::_descent_epochs", "")
          .typed<Tensor(at::TensorList, const Tensor&, const Tensor&, double, c10::string_view, int64_t)>();
  return op.call(ratings, U, V, lr, method, num_epochs);
}

Tensor descent_loss(at::TensorList ratings, const Tensor& U, const Tensor& V, bool norm) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("factorise::_descent_loss", "")
                             .typed<Tensor(at::TensorList, const Tensor&, const Tensor&, bool)>();
  return op.call(ratings, U, V, norm);
}

TORCH_LIBRARY_FRAGMENT(factorise, library) {
  library.def("_descent_ratings(Tensor A, Tensor? observed) -> Tensor[]");
  library.def(
      "_descent_epochs(Tensor[] ratings, Tensor(a!) U, Tensor(b!) V, float lr, str method, int num_epochs) -> Tensor");
  library.def("_descent_loss(Tensor[] ratings, Tensor U, Tensor V, bool norm) -> Tensor");
}

}  // namespace factorise
