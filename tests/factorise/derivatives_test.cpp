// Derivatives of factor_loss beyond its gradient, against autograd's own of the definition: second and third in reverse
// mode, tangents in forward mode. And functions without derivatives, which refuse tangents.

#include <ATen/ops/allclose.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros_like.h>
#include <factorise/factor_loss.h>
#include <factorise/factorise.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <limits>

#include "catch.h"
#include "methods.h"
#include "ops/factor_loss.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Loss = std::function<Tensor(const Tensor& U, const Tensor& V)>;

struct Sample {
  Tensor A, M, U, V, dU, dV;

  Sample(int64_t m, int64_t n, int64_t rank) {
    at::manual_seed(m + 100 * n + 10000 * rank);
    const auto numbers = [](int64_t rows, int64_t columns) {
      return at::rand({rows, columns}, at::TensorOptions(at::kDouble));
    };
    A = numbers(m, n);
    M = numbers(m, n).lt(0.6);
    M[0].fill_(true);
    U = numbers(m, rank).requires_grad_();
    V = numbers(n, rank).requires_grad_();
    dU = numbers(m, rank);
    dV = numbers(n, rank);
  }

  Loss ours(const std::optional<Tensor>& mask, AdLoss loss) const {
    return [=, this](const Tensor& u, const Tensor& v) { return factor_loss(u, v, A, mask, loss); };
  }
  Loss definition(const std::optional<Tensor>& mask, AdLoss loss) const {
    return [=, this](const Tensor& u, const Tensor& v) {
      Tensor err = A - u.mm(v.t());
      if (mask) err = err * mask->to(at::kDouble);
      const Tensor squared = err.square().sum();
      return loss == AdLoss::norm ? squared.sqrt() : squared;
    };
  }
};

std::vector<Tensor> gradients(const Tensor& of, const Tensor& U, const Tensor& V) {
  return torch::autograd::grad({of}, {U, V}, {}, /*retain_graph=*/std::nullopt, /*create_graph=*/true);
}

/// The gradients' product with a fixed direction, differentiated again, and once more.
std::vector<Tensor> second_and_third(const Sample& s, const Loss& loss) {
  const auto first = gradients(3 * loss(s.U, s.V), s.U, s.V);
  auto all = gradients((first[0] * s.dU).sum() + (first[1] * s.dV).sum(), s.U, s.V);
  const auto third = gradients((all[0] * s.dU).sum() + (all[1] * s.dV).sum(), s.U, s.V);
  all.insert(all.end(), third.begin(), third.end());
  return all;
}

/// A forward-mode level for as long as it lives.
struct DualLevel {
  uint64_t level = torch::autograd::forward_ad::enter_dual_level();
  ~DualLevel() { torch::autograd::forward_ad::exit_dual_level(level); }

  Tensor dual(const Tensor& primal, const Tensor& tangent) const {
    Tensor result = primal.detach().clone();
    result._set_fw_grad(tangent, level, false);
    return result;
  }
};

template <class Check>
void for_each_case(const Check& check) {
  // On one thread and several, and where the kernels turn A round.
  for (const auto& [m, n, rank] : {std::tuple(5, 7, 2), {70, 3, 2}, {33, 300, 5}}) {
    const Sample s(m, n, rank);
    for (const AdLoss loss : {AdLoss::squared, AdLoss::norm}) {
      for (const auto& mask : {std::optional<Tensor>(), std::optional(s.M)}) {
        INFO(m << " x " << n << (mask ? ", masked" : "") << (loss == AdLoss::norm ? ", norm" : ""));
        check(s, mask, loss);
      }
    }
  }
}

/// Both sum the same numbers in another order: some hundred roundings of the largest.
bool same(const Tensor& a, const Tensor& b) {
  return at::allclose(a, b, 1e-11, 1e-12 * (1 + b.abs().max().item<double>()));
}

}  // namespace

TEST_CASE("the second and third derivative are the definition's", "[derivatives]") {
  for_each_case([](const Sample& s, const std::optional<Tensor>& mask, AdLoss loss) {
    const auto ours = second_and_third(s, s.ours(mask, loss)), theirs = second_and_third(s, s.definition(mask, loss));
    for (size_t i = 0; i < ours.size(); ++i) CHECK(same(ours[i], theirs[i]));
  });
}

TEST_CASE("the second derivative by one factor alone", "[derivatives]") {
  const Sample s(5, 7, 2);
  for (const bool of_U : {true, false}) {
    const auto curvature = [&](const Loss& loss) {
      const Tensor x = of_U ? s.U : s.V, value = of_U ? loss(s.U, s.V.detach()) : loss(s.U.detach(), s.V);
      const Tensor gradient = torch::autograd::grad({value}, {x}, {}, std::nullopt, true)[0];
      return torch::autograd::grad({gradient.square().sum()}, {x})[0];
    };
    CHECK(same(curvature(s.ours(s.M, AdLoss::norm)), curvature(s.definition(s.M, AdLoss::norm))));
  }
}

TEST_CASE("in forward mode the loss has its tangent, and so has its gradient", "[derivatives]") {
  for_each_case([](const Sample& s, const std::optional<Tensor>& mask, AdLoss loss) {
    const DualLevel forward;
    const auto tangents = [&](const Loss& of) {
      const Tensor U = forward.dual(s.U, s.dU).requires_grad_(), V = forward.dual(s.V, s.dV).requires_grad_();
      const Tensor value = of(U, V);
      std::vector<Tensor> all{value._fw_grad(forward.level)};
      for (const Tensor& gradient : gradients(value, U, V)) all.push_back(gradient._fw_grad(forward.level));
      return all;
    };
    const auto ours = tangents(s.ours(mask, loss)), theirs = tangents(s.definition(mask, loss));
    for (size_t i = 0; i < ours.size(); ++i) {
      REQUIRE(ours[i].defined());
      CHECK(same(ours[i], theirs[i]));
    }
  });
}

TEST_CASE("one factor's tangent is enough, without grad", "[derivatives]") {
  const Sample s(5, 7, 2);
  const DualLevel forward;
  const auto gradient = gradients(factor_loss(s.U, s.V, s.A, s.M), s.U, s.V);
  const Tensor by_U = factor_loss(forward.dual(s.U, s.dU), s.V.detach(), s.A, s.M)._fw_grad(forward.level);
  const Tensor by_V = factor_loss(s.U.detach(), forward.dual(s.V, s.dV), s.A, s.M)._fw_grad(forward.level);
  CHECK(at::equal(by_U, (gradient[0] * s.dU).sum()));
  CHECK(at::equal(by_V, (gradient[1] * s.dV).sum()));
}

TEST_CASE("the product that second derivatives consist of, on devices without a kernel", "[derivatives]") {
  // In one strip of rows, and in several.
  for (const auto& [m, n] : {std::pair(5, 7), {700, 2000}}) {
    const Sample s(m, n, 3);
    const Tensor U = s.U.detach(), V = s.V.detach(), holed = s.A.masked_fill(s.M.logical_not(), kNaN);
    for (const bool transposed : {false, true}) {
      const Tensor &W = transposed ? s.dU : s.dV, weights = s.M.to(at::kFloat) * -2;
      for (const auto& A : {std::optional(holed), std::optional<Tensor>()}) {
        const Tensor ours = error_times(U, V, W, A, s.M, transposed);
        CHECK(same(error_times_anywhere(U, V, W, A, s.M, transposed), ours));
        CHECK(same(error_times_anywhere(U, V, W, A, weights, transposed), ours));
      }
    }
  }
}

TEST_CASE("at an exact fit the norm's second derivative is taken to be zero", "[derivatives]") {
  const Tensor U = at::ones_like(Sample(4, 9, 2).U).requires_grad_(), V = at::ones_like(Sample(9, 4, 2).U);
  const Tensor A = U.detach().mm(V.t());
  const Tensor loss = factor_loss(U, V, A, std::nullopt, AdLoss::norm);
  const Tensor gradient = torch::autograd::grad({loss}, {U}, {}, std::nullopt, true)[0];
  const Tensor second = torch::autograd::grad({gradient.sum()}, {U})[0];
  CHECK(at::equal(second, at::zeros_like(second)));
}

TEST_CASE("what has no derivative by a tensor refuses its tangent", "[derivatives]") {
  const Sample s(5, 7, 2);
  const DualLevel forward;
  const Tensor A = forward.dual(s.A, s.A), U = forward.dual(s.U, s.dU);
  const auto refuses = [](const char* function, const std::function<void()>& call) {
    INFO(function);
    CHECK(sentence_of(call) == std::string("[") + function +
                                   "] has no derivative, but was to be differentiated by torch.func or in forward "
                                   "mode. Give detached tensors; the function with derivatives is factor_loss.");
  };
  refuses("sgd_factorise", [&] { sgd_factorise(A, 2, SgdOptions().num_epochs(1)); });
  refuses("sgd_factorise_masked", [&] { sgd_factorise_masked(A, s.M, 2, SgdOptions().num_epochs(1)); });
  refuses("gd_factorise_masked", [&] { gd_factorise_masked(A, s.M, 2, GdOptions().num_epochs(1)); });
  refuses("gd_factorise_ad", [&] { gd_factorise_ad(A, 2, AdOptions().num_epochs(1)); });
  refuses("truncated_svd", [&] { truncated_svd(A, 2); });
  refuses("sgd_factorise", [&] {
    sgd_factorise(s.A, 2, SgdOptions().num_epochs(1).initial(Factors{U, s.V.detach()}));
  });
  CHECK(sentence_of([&] { factor_loss(s.U, s.V, A); }) ==
        "[factor_loss] A must not carry a tangent of forward mode: the loss is differentiated by U and V alone. Give "
        "its detach().");
}
