// Full-batch descent and factor_loss on a GPU have the CPU's bits.

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/rand_like.h>
#include <ATen/ops/randint.h>
#include <factorise/autograd.h>
#include <factorise/factor_loss.h>
#include <factorise/gd.h>
#include <torch/csrc/autograd/autograd.h>

#include <string>
#include <vector>

#include "catch.h"
#include "have_cuda.h"

namespace factorise::tests {
namespace {

enum class Descent { masked, squared, norm };
constexpr Descent kDescents[] = {Descent::masked, Descent::squared, Descent::norm};
constexpr AdLoss kLosses[] = {AdLoss::squared, AdLoss::norm};

struct Sample {
  Tensor A, M;
  Factors start;

  /// Ratings of 1 to 5, or the same and a half, which bytes do not hold.
  Sample(int64_t m, int64_t n, int64_t rank, c10::ScalarType type, bool whole = true) {
    at::manual_seed(m * 7919 + n * 31 + rank);
    A = at::randint(1, 6, {m, n}, at::TensorOptions(type)) + (whole ? 0 : 0.5);
    M = at::rand({m, n}).lt(0.4);
    M[m / 2][n / 2].fill_(true);
    const auto size = 1 / static_cast<double>(rank);
    start = {at::rand({m, rank}, at::TensorOptions(type)) * size, at::rand({n, rank}, at::TensorOptions(type))};
  }

  Sample cuda() const {
    Sample there = *this;
    there.A = A.cuda();
    there.M = M.cuda();
    there.start = {start.U.cuda(), start.V.cuda()};
    return there;
  }
};

Factors run(const Sample& s, Descent descent, double lr, int64_t epochs, const EpochCallback& on_epoch = nullptr,
            const StopRequest& stop = nullptr) {
  const int64_t rank = s.start.U.size(1);
  const auto set = [&](auto options) {
    return options.lr(lr).num_epochs(epochs).initial(s.start).on_epoch(on_epoch).report_every(3).stop(stop);
  };
  if (descent == Descent::masked) return gd_factorise_masked(s.A, s.M, rank, set(GdOptions()));
  const auto loss = descent == Descent::norm ? AdLoss::norm : AdLoss::squared;
  return gd_factorise_ad(s.A, rank, set(AdOptions()).mask(s.M).loss(loss));
}

/// A step that does not drive the factors away.
double lr_of(const Sample& s, Descent descent) {
  const int64_t size = std::max(s.A.size(0), s.A.size(1)) * s.start.U.size(1);
  return descent == Descent::norm ? 0.01 : 0.1 / static_cast<double>(size);
}

bool same_bits(const Factors& gpu, const Factors& cpu) {
  return at::equal(gpu.U.cpu(), cpu.U) && at::equal(gpu.V.cpu(), cpu.V);
}

void check(const Sample& s, int64_t epochs) {
  const Sample there = s.cuda();
  for (const Descent descent : kDescents) {
    INFO(s.A.size(0) << " x " << s.A.size(1) << ", rank " << s.start.U.size(1) << ", " << s.A.scalar_type()
                     << ", descent " << static_cast<int>(descent));
    const Factors ours = run(there, descent, lr_of(s, descent), epochs);
    CHECK(ours.U.is_cuda());
    CHECK(same_bits(ours, run(s, descent, lr_of(s, descent), epochs)));
  }
}

void check_loss(const Sample& s, bool masked) {
  const Sample there = s.cuda();
  for (const AdLoss loss : kLosses) {
    INFO(s.A.size(0) << " x " << s.A.size(1) << ", rank " << s.start.U.size(1) << ", " << s.A.scalar_type() << ", loss "
                     << static_cast<int>(loss));
    std::vector<Tensor> results[2];
    for (const bool on_gpu : {false, true}) {
      const Sample& here = on_gpu ? there : s;
      const Tensor U = here.start.U.detach().requires_grad_(), V = here.start.V.detach().requires_grad_();
      const auto mask = masked ? std::optional(here.M) : std::nullopt;
      const Tensor value = factor_loss(U, V, here.A, mask, loss);
      auto& result = results[on_gpu];
      result = torch::autograd::grad({value}, {U, V}, {at::full({}, 0.3, value.options())});
      result.push_back(value.detach());
      result.push_back(factor_loss(here.start.U, here.start.V, here.A, mask, loss));
    }
    for (size_t i = 0; i < results[0].size(); ++i) CHECK(at::equal(results[1][i].cpu(), results[0][i]));
  }
}

}  // namespace

TEST_CASE("full-batch descent's bits on a GPU, on small matrices", "[gd_cuda][sanitizer]") {
  if (!have_cuda_kernels()) return;
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{3, 3}, {40, 70}, {70, 40}}) {
    for (const int64_t rank : {2, 5, 9, 33}) {
      check(Sample(m, n, rank, at::kFloat), 3);
      check(Sample(m, n, rank, at::kDouble, false), 3);
      check_loss(Sample(m, n, rank, at::kFloat, false), true);
    }
  }
}

TEST_CASE("full-batch descent's bits on a GPU, for shapes, ranks and types", "[gd_cuda]") {
  if (!have_cuda_kernels()) return;
  const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 1},    {1, 300}, {300, 1}, {15, 17},  {16, 32},
                                                        {33, 257}, {500, 8}, {7, 900}, {211, 333}};
  bool whole = false;
  for (const auto& [m, n] : shapes) {
    for (const int64_t rank : {1, 2, 3, 4, 5, 8, 9, 16, 17, 64, 200, 256}) {
      for (const auto type : {at::kFloat, at::kDouble}) {
        check(Sample(m, n, rank, type, whole = !whole), 5);
        check_loss(Sample(m, n, rank, type, whole), rank % 2 == 0);
      }
    }
  }
}

TEST_CASE("full-batch descent's bits on a GPU, over several segments", "[gd_cuda]") {
  if (!have_cuda_kernels()) return;
  for (const bool whole : {true, false}) {
    check(Sample(5, 70000, 3, at::kFloat, whole), 3);
    check(Sample(40000, 20, 5, at::kDouble, whole), 3);
    check_loss(Sample(5, 70000, 3, at::kDouble, whole), true);
  }
}

TEST_CASE("a larger matrix over more epochs has the CPU's bits on a GPU, each time", "[gd_cuda]") {
  if (!have_cuda_kernels()) return;
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Sample s(1000, 3000, 5, type), there = s.cuda();
    for (const Descent descent : kDescents) {
      const Factors cpu = run(s, descent, lr_of(s, descent), 30);
      for (int i = 0; i < 3; ++i) CHECK(same_bits(run(there, descent, lr_of(s, descent), 30), cpu));
    }
  }
}

TEST_CASE("a run on a GPU reports the CPU's losses, diverges at its epoch and stops when it is asked to", "[gd_cuda]") {
  if (!have_cuda_kernels()) return;
  const Sample s(60, 90, 4, at::kFloat), there = s.cuda();
  for (const Descent descent : kDescents) {
    std::vector<double> losses[2];
    for (const bool on_gpu : {false, true}) {
      run(on_gpu ? there : s, descent, lr_of(s, descent), 10, [&](int64_t, double loss) {
        losses[on_gpu].push_back(loss);
        return true;
      });
    }
    REQUIRE(losses[1].size() == 4);
    for (size_t i = 0; i < 4; ++i) {
      if (descent == Descent::masked) CHECK(losses[1][i] == Approx(losses[0][i]).epsilon(1e-12));
      if (descent != Descent::masked) CHECK(losses[1][i] == losses[0][i]);
    }

    const auto epoch_of = [&](const Sample& here) -> int64_t {
      try {
        run(here, descent, descent == Descent::norm ? 1e30 : 1, 100);
      } catch (const DivergenceError& error) {
        return error.epoch();
      }
      return 0;
    };
    CHECK(epoch_of(s) > 0);
    CHECK(epoch_of(there) == epoch_of(s));

    int asked = 0;
    run(there, descent, 1e-9, int64_t{1} << 40, nullptr, [&](int64_t) { return ++asked > 5; });
    CHECK(asked == 6);
  }
}

}  // namespace factorise::tests
