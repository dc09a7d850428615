// Stochastic gradient descent. Reference engine: the sheet's loop, line for line in ATen. Fused engine: the kernels of
// the CPU or of a backend.

#include <factorise/sgd.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/dot.h>

#include <cmath>
#include <vector>

#include "contract/sgd.h"
#include "core/backend.h"
#include "core/checks.h"
#include "core/driver.h"
#include "cpu/sgd/sgd.h"
#include "methods/method.h"
#include "methods/sgd_packing.h"

namespace factorise {
namespace {

/// What the engines share: the factors, and the step size, which decays.
class SgdSession : public Session {
 public:
  SgdSession(const Observed& observed, const Factors& start, const SgdOptions& options)
      : observed_(observed),
        factors_(start),
        lr_(sgd_lr_after(options.lr(), options.lr_decay(), options.epochs_done())),
        weight_decay_(options.weight_decay()),
        lr_decay_(options.lr_decay()) {}

  double loss() override { return squared_error(observed_, factors_); }
  Factors factors() override { return copied(factors_); }
  Factors result() override { return factors_; }

 protected:
  const Observed observed_;
  const Factors factors_;
  double lr_;
  const double weight_decay_, lr_decay_;
};

/// The sheet's step for an entry a.
void step(const Tensor& a, const Tensor& u, const Tensor& v, double lr, double weight_decay) {
  const double s = 1 - lr * weight_decay;
  const Tensor e = a - at::dot(u, v);
  const Tensor g = e * lr;  // Python's precedence: (lr * e) * V[c]
  if (weight_decay != 0) u.mul_(s);
  u.add_(g * v);
  if (weight_decay != 0) v.mul_(s);
  v.add_(g * u);  // the new U[r]
}

/// Calls visit(r, c, a) for the observed entries, row by row.
template <class Visit>
void visit_entries(const Observed::Data& data, Visit visit) {
  if (data.is_sparse()) {
    const EntryLists& lists = data.by_row();
    const auto* start = lists.starts.const_data_ptr<int64_t>();
    for (int64_t r = 0; r + 1 < lists.starts.numel(); ++r) {
      for (int64_t e = start[r]; e < start[r + 1]; ++e) {
        visit(r, lists.indices.const_data_ptr<int32_t>()[e], lists.values.select(0, e));
      }
    }
    return;
  }
  const Tensor& A = data.dense();
  const Tensor mask = data.mask() ? data.observed().cpu() : Tensor();
  const bool* observed = mask.defined() ? mask.const_data_ptr<bool>() : nullptr;
  for (int64_t r = 0; r < A.size(0); ++r) {
    const Tensor row = A.select(0, r);
    for (int64_t c = 0; c < A.size(1); ++c) {
      if (!observed || observed[r * A.size(1) + c]) visit(r, c, row.select(0, c));
    }
  }
}

class SgdReference final : public SgdSession {
 public:
  SgdReference(const Observed& observed, const Factors& start, const SgdOptions& options)
      : SgdSession(observed, start, options), U_(start.U.unbind(0)), V_(start.V.unbind(0)) {}

  int64_t advance(int64_t epochs) override {
    const WithoutAutograd guard;
    return advance_one_by_one(epochs, factors_, [&] {
      visit_entries(observed_.data(), [&](int64_t r, int64_t c, const Tensor& a) {
        step(a, U_[static_cast<size_t>(r)], V_[static_cast<size_t>(c)], lr_, weight_decay_);
      });
      lr_ *= lr_decay_;
    });
  }

 private:
  std::vector<Tensor> U_, V_;  // rows, in the factors' memory
};

class SgdOnCpu final : public SgdSession {
 public:
  SgdOnCpu(const Observed& observed, const Factors& start, const SgdOptions& options)
      : SgdSession(observed, start, options), ratings_(pack_sgd(observed, start.U.size(1), options.path())) {}

  int64_t advance(int64_t epochs) override {
    if (lr_ == 0) return 0;  // lr has decayed to zero, so no epoch changes a factor
    check_instruction_set(ratings_);
    const WithoutAutograd guard;
    const int64_t diverged =
        cpu::run_sgd(ratings_, factors_.U, factors_.V, lr_, weight_decay_, lr_decay_, epochs, at::get_num_threads());
    lr_ = sgd_lr_after(lr_, lr_decay_, epochs);
    return diverged;
  }

 private:
  Tensor ratings_;
};

class SgdOnDevice final : public SgdSession {
 public:
  SgdOnDevice(const char* function, const Observed& observed, const Factors& start, const SgdOptions& options)
      : SgdSession(observed, start, options),
        backend_(backend_of(function, observed.device())),
        ratings_(pack_sgd_on_device(function, observed, start.U.size(1), options.path())) {}

  int64_t advance(int64_t epochs) override {
    if (lr_ == 0) return 0;
    const WithoutAutograd guard;
    const Tensor diverged = backend_.sgd_epochs(ratings_, factors_.U.unsqueeze(0), factors_.V.unsqueeze(0), {lr_},
                                                weight_decay_, lr_decay_, epochs);
    lr_ = sgd_lr_after(lr_, lr_decay_, epochs);
    return diverged.item<int64_t>();
  }

 private:
  const Backend& backend_;
  Tensor ratings_;
};

}  // namespace

void check_options(const char* function, const SgdOptions& options) {
  check_epochs(function, options.num_epochs(), options.report_every());
  check_lr(function, options.lr());
  check_decay(function, options.lr(), options.weight_decay(), options.lr_decay());
}

std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const SgdOptions& options) {
  if (options.engine() == Engine::reference) return std::make_unique<SgdReference>(observed, start, options);
  if (observed.device().is_cpu()) return std::make_unique<SgdOnCpu>(observed, start, options);
  return std::make_unique<SgdOnDevice>(function, observed, start, options);
}

Factors sgd_factorise(const Tensor& A, int64_t rank, const SgdOptions& options) {
  return fit_matrix("sgd_factorise", A, std::nullopt, rank, options);
}

Factors sgd_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank, const SgdOptions& options) {
  return fit_matrix("sgd_factorise_masked", A, M, rank, options);
}

Factors sgd_factorise_entries(const Tensor& A, int64_t rank, const SgdOptions& options) {
  return fit_entries("sgd_factorise_entries", A, rank, options);
}

double lr_after(double lr, double lr_decay, int64_t epochs) { return sgd_lr_after(lr, lr_decay, epochs); }

}  // namespace factorise
