// The public name of an operator: src/ops/factor_loss.cpp has its schema and checks, src/cpu/factor_loss.cpp its
// kernel.

#include <ATen/core/dispatch/Dispatcher.h>
#include <factorise/factor_loss.h>

namespace factorise {

Tensor factor_loss(const Tensor& U, const Tensor& V, const Tensor& A, const std::optional<Tensor>& M, AdLoss loss) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("factorise::factor_loss", "")
          .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, const std::optional<Tensor>&, bool)>();
  return op.call(U, V, A, M, loss == AdLoss::norm);
}

}  // namespace factorise
