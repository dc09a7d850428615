// Full-batch gradient descent: the step of lab 1's sheet, and that of autograd's losses (lab 2). The reference engine
// is the sheets' code, line for line in ATen; the fused engine's epochs are in gd_state.cpp, on a GPU in
// src/cuda/gd_tasks.h.

#include <factorise/autograd.h>
#include <factorise/gd.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sub.h>

#include "core/backend.h"
#include "core/checks.h"
#include "core/driver.h"
#include "methods/gd_state.h"
#include "methods/method.h"

namespace factorise {
namespace {

/// The step of an epoch and the loss that is reported: the squared error as a float64 sum, or the loss that is
/// minimised.
struct Step {
  double lr;
  std::optional<AdLoss> loss;  ///< empty: the step of the sheet of lab 1

  bool is_norm() const { return loss == AdLoss::norm; }
  const char* name() const { return !loss ? "masked" : is_norm() ? "norm" : "squared"; }
};

/// The reference engine of lab 1's step.
class ReferenceMasked final : public Session {
 public:
  /// One matrix of A's size is kept for the whole run: a new one in every epoch takes twice the time.
  ReferenceMasked(const Observed& observed, const Factors& start, const Step& step)
      : observed_(observed),
        A_(observed.data().dense()),
        mask_(observed.data().mask() ? observed.data().observed().to(A_.scalar_type()) : at::ones_like(A_)),
        err_(at::empty_like(A_)),
        factors_(start),
        lr_(step.lr) {}

  int64_t advance(int64_t epochs) override {
    return advance_one_by_one(epochs, factors_, [&] {
      auto& [U, V] = factors_;
      at::mm_out(err_, U, V.t());
      at::sub_out(err_, A_, err_);
      err_.mul_(mask_);  // err = (A - U Vᵀ) * M
      err_.mul_(lr_);
      U.add_(err_.mm(V));      // U += (lr err) V
      V.add_(err_.t().mm(U));  // V += (lr errᵀ) U, with the new U
    });
  }
  double loss() override { return squared_error(observed_, factors_); }
  Factors factors() override { return copied(factors_); }

 private:
  Observed observed_;
  Tensor A_, mask_, err_;
  Factors factors_;
  double lr_;
};

/// The reference engine of autograd's steps.
class ReferenceAd final : public Session {
 public:
  ReferenceAd(const Observed& observed, const Factors& start, const Step& step)
      : A_(observed.data().dense()),
        mask_(observed.data().mask() ? observed.data().observed().to(A_.scalar_type()) : Tensor()),
        factors_(start),
        step_(step) {
    factors_.U.requires_grad_();
    factors_.V.requires_grad_();
  }

  int64_t advance(int64_t epochs) override {
    const at::AutoGradMode with_grad(true);
    return advance_one_by_one(epochs, factors_, [&] {
      differentiable_loss().backward();
      const at::NoGradGuard no_grad;
      for (Tensor& factor : {std::ref(factors_.U), std::ref(factors_.V)}) {
        factor.sub_(factor.grad() * step_.lr);
        factor.mutable_grad().reset();
      }
    });
  }
  double loss() override {
    const at::NoGradGuard no_grad;
    return differentiable_loss().item<double>();
  }
  Factors factors() override { return copied(factors_); }

 private:
  /// The mask is float, 1 where observed; A is 0 elsewhere.
  Tensor differentiable_loss() const {
    Tensor prediction = factors_.U.matmul(factors_.V.t());
    if (mask_.defined()) prediction = prediction * mask_;
    if (step_.is_norm()) return at::linalg_vector_norm(A_ - prediction, 2);
    return at::mse_loss(prediction, A_, at::Reduction::Sum);
  }

  Tensor A_, mask_;
  Factors factors_;
  Step step_;
};

/// The fused engine on the CPU.
template <class T>
class GdOnCpu final : public Session {
 public:
  GdOnCpu(const Observed& observed, const Factors& start, const Step& step)
      : observed_(observed), descent_(observed, start), step_(step) {}

  int64_t advance(int64_t epochs) override {
    const WithoutAutograd guard;
    for (int64_t i = 1; i <= epochs; ++i) {
      step_.loss ? descent_.gradient_step(step_.lr, *step_.loss) : descent_.masked_step(step_.lr);
      if (!all_finite(descent_.state().U) || !all_finite(descent_.state().V)) return i;
    }
    return 0;
  }
  double loss() override {
    const WithoutAutograd guard;
    return step_.loss ? descent_.loss(*step_.loss) : squared_error(observed_, descent_.factors());
  }
  Factors factors() override {
    const WithoutAutograd guard;
    return descent_.factors();
  }

 private:
  Observed observed_;
  GdState<T> descent_;
  Step step_;
};

/// The fused engine elsewhere.
class GdOnDevice final : public Session {
 public:
  GdOnDevice(const Observed& observed, const Factors& start, const Step& step, const Backend& backend)
      : observed_(observed), backend_(backend), ratings_(backend.pack_gd(observed)), factors_(start), step_(step) {}

  int64_t advance(int64_t epochs) override {
    const WithoutAutograd guard;
    return backend_.gd_epochs(ratings_, factors_.U, factors_.V, step_.lr, step_.name(), epochs);
  }
  double loss() override {
    const WithoutAutograd guard;
    return step_.loss ? backend_.gd_loss(ratings_, factors_.U, factors_.V, step_.is_norm())
                      : squared_error(observed_, factors_);
  }
  Factors factors() override { return copied(factors_); }

 private:
  Observed observed_;
  const Backend& backend_;
  std::vector<Tensor> ratings_;
  Factors factors_;
  Step step_;
};

template <class T, class... Arguments>
std::unique_ptr<Session> make(const Arguments&... arguments) {
  return std::make_unique<T>(arguments...);
}

std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start, const Step& step,
                              Engine engine) {
  TORCH_CHECK_VALUE(!observed.data().is_sparse(), "[", function,
                    "] A must be dense for full-batch descent, but was sparse. Give its to_dense() with a mask of its "
                    "entries, or use SGD, ALS or Gibbs sampling.");
  if (engine == Engine::reference) {
    return step.loss ? make<ReferenceAd>(observed, start, step) : make<ReferenceMasked>(observed, start, step);
  }
  const WithoutAutograd guard;
  if (!observed.device().is_cpu()) {
    return make<GdOnDevice>(observed, start, step, backend_of(function, observed.device()));
  }
  return observed.type() == at::kDouble ? make<GdOnCpu<double>>(observed, start, step)
                                        : make<GdOnCpu<float>>(observed, start, step);
}

}  // namespace

void check_options(const char* function, const GdOptions& options) {
  check_epochs(function, options.num_epochs(), options.report_every());
  check_lr(function, options.lr());
}

void check_options(const char* function, const AdOptions& options) {
  check_epochs(function, options.num_epochs(), options.report_every());
  check_lr(function, options.lr());
}

std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const GdOptions& options) {
  return open(function, observed, start, {options.lr(), std::nullopt}, options.engine());
}

std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const AdOptions& options) {
  return open(function, observed, start, {options.lr(), options.loss()}, options.engine());
}

Factors gd_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank, const GdOptions& options) {
  return fit_matrix("gd_factorise_masked", A, M, rank, options);
}

Factors gd_factorise_ad(const Tensor& A, int64_t rank, const AdOptions& options) {
  return fit_matrix("gd_factorise_ad", A, options.mask(), rank, options);
}

}  // namespace factorise
