// factor_loss: its definition, its derivative against finite differences and against autograd's own, what it refuses,
// and the same bits on every number of threads and instruction set.

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <factorise/factor_loss.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>

#include "catch.h"
#include "cpu/isa.h"
#include "methods.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

struct Sample {
  Tensor A, M, U, V;

  Sample(int64_t m, int64_t n, int64_t rank, c10::ScalarType type) {
    at::manual_seed(m + 100 * n + 10000 * rank);
    A = at::randint(1, 6, {m, n}, at::TensorOptions(type)) + at::rand({m, n}, at::TensorOptions(type));
    M = at::rand({m, n}).lt(0.5);
    M[0].fill_(true);
    U = at::rand({m, rank}, at::TensorOptions(type)).requires_grad_();
    V = at::rand({n, rank}, at::TensorOptions(type)).requires_grad_();
  }
};

/// The definition, differentiable by autograd.
Tensor definition(const Sample& s, const std::optional<Tensor>& M, AdLoss loss) {
  Tensor err = s.A - s.U.mm(s.V.t());
  if (M) err = err * M->to(err.scalar_type());
  const Tensor squared = err.square().sum();
  return loss == AdLoss::norm ? squared.sqrt() : squared;
}

std::vector<Tensor> gradients(const Tensor& loss, const Sample& s) { return torch::autograd::grad({loss}, {s.U, s.V}); }

constexpr AdLoss kLosses[] = {AdLoss::squared, AdLoss::norm};

}  // namespace

TEST_CASE("the loss and its gradients are the definition's", "[factor_loss]") {
  for (const auto& [m, n, rank] :
       {std::tuple(1, 1, 1), {7, 11, 3}, {40, 3, 2}, {3, 70, 5}, {33, 65, 16}, {80, 70, 9}}) {
    for (const auto type : {at::kFloat, at::kDouble}) {
      const Sample s(m, n, rank, type);
      for (const AdLoss loss : kLosses) {
        for (const auto& M : {std::optional<Tensor>(), std::optional(s.M)}) {
          INFO(m << " x " << n << ", rank " << rank << ", " << type << (M ? ", masked" : ""));
          const Tensor ours = factor_loss(s.U, s.V, s.A, M, loss), theirs = definition(s, M, loss);
          CHECK(ours.dim() == 0);
          CHECK(ours.scalar_type() == type);
          // Both sum the same numbers in another order: a few roundings of the largest sums.
          const double tolerance = type == at::kFloat ? 1e-5 : 1e-13;
          CHECK(at::allclose(ours, theirs, tolerance, 0));
          const auto by_us = gradients(ours, s), by_torch = gradients(theirs, s);
          for (int i : {0, 1}) {
            const double scale = by_torch[i].abs().max().item<double>();
            CHECK(at::allclose(by_us[i], by_torch[i], 10 * tolerance, 10 * tolerance * scale));
          }
        }
      }
    }
  }
}

TEST_CASE("in float64 the value is the squared error", "[factor_loss]") {
  const Sample s(30, 50, 4, at::kDouble);
  CHECK(factor_loss(s.U, s.V, s.A, s.M).item<double>() == Approx(squared_error(s.A, {s.U, s.V}, s.M)).epsilon(1e-13));
}

TEST_CASE("the gradient is that of finite differences", "[factor_loss]") {
  const Sample s(5, 9, 3, at::kDouble);
  const at::NoGradGuard no_grad;
  for (const AdLoss loss : kLosses) {
    std::vector<Tensor> gradient;
    {
      const at::AutoGradMode with_grad(true);
      gradient = gradients(factor_loss(s.U, s.V, s.A, s.M, loss) * 3, s);  // not 1 arrives from above
    }
    for (int i : {0, 1}) {
      const Tensor factor = i == 0 ? s.U : s.V;
      for (int64_t j = 0; j < factor.numel(); ++j) {
        double& x = factor.mutable_data_ptr<double>()[j];
        const double before = x, h = 1e-6;
        x = before + h;
        const double above = factor_loss(s.U, s.V, s.A, s.M, loss).item<double>();
        x = before - h;
        const double below = factor_loss(s.U, s.V, s.A, s.M, loss).item<double>();
        x = before;
        // Truncation h² and rounding 1e-16 * loss / h, about 1e-7 at most here.
        CHECK(gradient[i].data_ptr<double>()[j] == Approx(3 * (above - below) / (2 * h)).margin(1e-6).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("only the gradients asked for are there, and without grad none", "[factor_loss]") {
  const Sample s(6, 20, 2, at::kFloat);
  const auto both = gradients(factor_loss(s.U, s.V, s.A, s.M), s);
  const Tensor of_U = factor_loss(s.U, s.V.detach(), s.A, s.M), of_V = factor_loss(s.U.detach(), s.V, s.A, s.M);
  CHECK(at::equal(torch::autograd::grad({of_U}, {s.U})[0], both[0]));
  CHECK(at::equal(torch::autograd::grad({of_V}, {s.V})[0], both[1]));
  const at::NoGradGuard no_grad;
  const Tensor plain = factor_loss(s.U, s.V, s.A, s.M);
  CHECK_FALSE(plain.requires_grad());
  CHECK(at::equal(plain, of_U.detach()));
}

TEST_CASE("an exact fit has loss zero and, by either loss, gradient zero", "[factor_loss]") {
  const Tensor U = at::ones({4, 2}).requires_grad_(), V = at::ones({9, 2}).requires_grad_();
  const Tensor A = at::full_like(U.detach().mm(V.detach().t()), 2);
  for (const AdLoss loss : kLosses) {
    const Tensor value = factor_loss(U, V, A, std::nullopt, loss);
    CHECK(value.item<float>() == 0);
    for (const Tensor& gradient : torch::autograd::grad({value}, {U, V})) {
      CHECK(at::equal(gradient, at::zeros_like(gradient)));
    }
  }
}

TEST_CASE("the same bits on every number of threads, instruction set, layout and type of A and M", "[factor_loss]") {
  const int before = at::get_num_threads();
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Sample s(200, 3000, 61, type);  // enough work for several threads
    const auto run = [&](const Tensor& A, const Tensor& M) {
      const Tensor loss = factor_loss(s.U, s.V, A, M);
      auto all = gradients(loss, s);
      all.push_back(loss.detach());
      return all;
    };
    const auto plain = run(s.A, s.M);
    const auto same = [&](const std::vector<Tensor>& other) {
      return at::equal(other[0], plain[0]) && at::equal(other[1], plain[1]) && at::equal(other[2], plain[2]);
    };
    for (const int threads : {1, 2, 3, 7}) {
      at::set_num_threads(threads);
      CHECK(same(run(s.A, s.M)));
    }
    at::set_num_threads(before);
    for (const cpu::Isa isa : cpu::available_isas()) {
      const Variable force("FACTORISE_ISA", to_string(isa));
      CHECK(same(run(s.A, s.M)));
    }
    CHECK(same(run(s.A.t().contiguous().t(), s.M.t().contiguous().t())));
    CHECK(same(run(s.A, s.M.to(at::kFloat) * -2)));
    CHECK(same(run(s.A, s.M.to(at::kLong))));
    CHECK(same(run(s.A.masked_fill(s.M.logical_not(), std::numeric_limits<double>::quiet_NaN()), s.M)));
  }
  const Sample s(7, 30, 3, at::kFloat);
  const Tensor ratings = s.A.to(at::kInt);
  CHECK(at::equal(factor_loss(s.U, s.V, ratings), factor_loss(s.U, s.V, ratings.to(at::kFloat))));
}

TEST_CASE("without numbers the operator gives shapes", "[factor_loss]") {
  const auto meta = at::TensorOptions(at::kFloat).device(at::kMeta);
  const Tensor U = at::empty({6, 2}, meta).requires_grad_(), V = at::empty({9, 2}, meta).requires_grad_();
  const Tensor loss = factor_loss(U, V, at::empty({6, 9}, meta));
  CHECK(loss.is_meta());
  CHECK(loss.dim() == 0);
  const auto gradient = torch::autograd::grad({loss}, {U, V}, {at::empty({}, meta)});
  CHECK(gradient[0].sizes() == U.sizes());
  CHECK(gradient[1].sizes() == V.sizes());
}

TEST_CASE("what factor_loss refuses", "[factor_loss]") {
  const Sample s(4, 5, 2, at::kFloat);
  const auto said = [&](const Tensor& U, const Tensor& V, const Tensor& A, const std::optional<Tensor>& M) {
    return sentence_of([&] { factor_loss(U, V, A, M); });
  };
  CHECK(said(s.V, s.V, s.A, s.M) == "[factor_loss] U must have a row for each of A's 4 rows, but has 5.");
  CHECK(said(s.U, s.U, s.A, s.M) == "[factor_loss] V must have a row for each of A's 5 columns, but has 4.");
  CHECK(said(s.U, at::rand({5, 3}), s.A, s.M) ==
        "[factor_loss] U and V must have as many columns as each other, but have 2 and 3.");
  CHECK(said(s.U.to(at::kHalf), s.V, s.A, s.M) == "[factor_loss] U must be float32 or float64, but was Half.");
  CHECK(said(s.U, s.V.to(at::kDouble), s.A, s.M) ==
        "[factor_loss] U and V must be of one type, but were Float and Double.");
  CHECK(said(at::rand({4, 257}), at::rand({5, 257}), s.A, s.M) ==
        "[factor_loss] the rank must be 1 to 256, but was 257.");
  CHECK(said(s.U, s.V, s.A, at::ones({5, 4})) == "[factor_loss] M must have A's shape [4, 5], but was [5, 4].");
  CHECK(said(s.U, s.V, s.A.clone().requires_grad_(), s.M) ==
        "[factor_loss] A must not require grad: the loss is differentiated by U and V alone. Give its detach().");
  CHECK(said(s.U, s.V, s.A, s.M.to(at::kFloat).requires_grad_()) ==
        "[factor_loss] M must not require grad: the loss is differentiated by U and V alone. Give its detach().");
  CHECK(said(s.U, s.V, at::rand({5}), s.M) ==
        "[factor_loss] A must be a dense matrix, but has 1 dimensions and layout Strided.");
  CHECK(said(s.U, s.V, s.A, at::full_like(s.A, std::numeric_limits<double>::quiet_NaN())) ==
        "[factor_loss] M must say for every entry whether it is observed, but holds NaN.");
  CHECK_THROWS_AS(factor_loss(s.U, s.U, s.A), c10::ValueError);
}
