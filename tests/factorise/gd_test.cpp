// The fused engine of full-batch descent beside the reference: one epoch to a bound from norms and epsilon, many to a
// measured drift; and laws of its own: turning A round, threads, instruction sets.

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/le.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>

#include <limits>

#include "catch.h"
#include "cpu/isa.h"
#include "methods.h"
#include "sandbox.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

/// Ratings of 1 to 5, or the same and a half, which bytes do not hold.
struct Sample {
  Tensor A, M;
  Sample(int64_t m, int64_t n, c10::ScalarType type, bool whole = true) {
    at::manual_seed(m + 1000 * n);
    A = at::randint(1, 6, {m, n}, at::TensorOptions(type)) + (whole ? 0 : 0.5);
    M = at::rand({m, n}).lt(0.4);
    M[0].fill_(true);
  }
};

double largest(const Tensor& difference) { return difference.abs().max().item<double>(); }

/// How far one epoch of two engines can be apart: each computes err to within γ(rank + 2) of |A| + |U||V|ᵀ, and its
/// sums to within γ(length + 2) of the sums of absolute values, γ(k) = k eps; then an update rounds once.
struct Bound {
  Tensor U, V;

  Bound(const Sample& sample, const Factors& start, const Factors& next, double lr, double eps) {
    const auto positive = [](const Tensor& t) { return t.to(at::kDouble).abs(); };
    const Tensor M = sample.M.to(at::kDouble), u = positive(start.U), v = positive(start.V), u1 = positive(next.U);
    const auto rank = static_cast<double>(u.size(1)), m = static_cast<double>(u.size(0)),
               n = static_cast<double>(v.size(0));
    const Tensor size = (positive(sample.A) + u.mm(v.t())) * M;
    U = lr * eps * (rank + 2 + n + 2) * size.mm(v) + 2 * eps * u1;
    V = lr * (eps * (rank + 2 + m + 2) * size.t().mm(u1) + size.t().mm(U)) + 2 * eps * positive(next.V);
  }
};

}  // namespace

TEST_CASE("one epoch differs from the reference's by rounding alone", "[gd]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const double eps =
        type == at::kFloat ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
    for (const auto& [m, n] : {std::pair(30, 100), std::pair(100, 30), std::pair(1, 40), std::pair(9, 17)}) {
      for (const int64_t rank : {1, 5, 16}) {
        for (const bool whole : {true, false}) {
          INFO(type << ", " << m << " x " << n << ", rank " << rank);
          const Sample sample(m, n, type, whole);
          const auto options = GdOptions().seed(1).num_epochs(1).lr(0.003);
          const Factors start = gd_factorise_masked(sample.A, sample.M, rank, GdOptions(options).num_epochs(0));
          const Factors fused = gd_factorise_masked(sample.A, sample.M, rank, options);
          const Factors reference =
              gd_factorise_masked(sample.A, sample.M, rank, GdOptions(options).engine(Engine::reference));
          const Bound bound(sample, start, reference, 0.003, eps);
          CHECK((fused.U - reference.U).abs().to(at::kDouble).le(bound.U).all().item<bool>());
          CHECK((fused.V - reference.V).abs().to(at::kDouble).le(bound.V).all().item<bool>());
          // The bound is one: the epoch moved the factors by far more.
          CHECK(largest(reference.U - start.U) > 100 * largest(bound.U));
        }
      }
    }
  }
}

TEST_CASE("500 epochs drift from float64 as far as the reference's do", "[gd]") {
  const Sample sample(60, 200, at::kFloat);
  const auto gd = [&](const Tensor& A, Engine engine, const Factors& start) {
    return gd_factorise_masked(A, sample.M, 5, GdOptions().num_epochs(500).lr(1e-3).engine(engine).initial(start));
  };
  const auto ad = [&](const Tensor& A, Engine engine, const Factors& start) {
    const auto options = AdOptions().num_epochs(500).lr(5e-4).engine(engine).initial(start).mask(sample.M);
    return gd_factorise_ad(A, 5, options);
  };
  const Factors start{at::rand({60, 5}), at::rand({200, 5})};
  const Factors in_double{start.U.to(at::kDouble), start.V.to(at::kDouble)};
  const auto check = [&](const auto& run) {
    const Factors exact = run(sample.A.to(at::kDouble), Engine::reference, in_double);
    const Factors fused = run(sample.A, Engine::fused, start), reference = run(sample.A, Engine::reference, start);
    // Measured: 1.6e-6 and 1.5e-6, of factors of about 1.
    CHECK(largest(fused.U.to(at::kDouble) - exact.U) < 1e-5);
    CHECK(largest(fused.V.to(at::kDouble) - exact.V) < 1e-5);
    CHECK(largest(reference.U.to(at::kDouble) - exact.U) < 1e-5);
    CHECK(largest(run(sample.A.to(at::kDouble), Engine::fused, in_double).U - exact.U) < 1e-13);
  };
  check(gd);
  check(ad);
}

TEST_CASE("turning A round turns U and V round, to the bit", "[gd]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const bool whole : {true, false}) {
      const Sample sample(20, 90, type, whole);
      for (const AdLoss loss : {AdLoss::squared, AdLoss::norm}) {
        const auto options = AdOptions().seed(2).lr(0.001).num_epochs(30).loss(loss);
        const Factors start = gd_factorise_ad(sample.A, 3, AdOptions(options).num_epochs(0));
        const Factors wide = gd_factorise_ad(sample.A, 3, AdOptions(options).mask(sample.M));
        const Factors tall =
            gd_factorise_ad(sample.A.t(), 3, AdOptions(options).initial(Factors{start.V, start.U}).mask(sample.M.t()));
        CHECK(same_bits(wide, {tall.V, tall.U}));
      }
    }
  }
}

TEST_CASE("the same bits on every number of threads and instruction set", "[gd]") {
  const int before = at::get_num_threads();
  for (const auto& [m, n] : {std::pair(150, 900), std::pair(900, 150)}) {
    for (const bool whole : {true, false}) {
      const Sample sample(m, n, at::kFloat, whole);
      const auto both = [&] {
        return std::pair(gd_factorise_masked(sample.A, sample.M, 61, GdOptions().seed(0).num_epochs(2)),
                         gd_factorise_ad(sample.A, 61, AdOptions().seed(0).lr(1e-5).num_epochs(2).loss(AdLoss::norm)));
      };
      const auto [gd, ad] = both();
      const auto check = [&, gd = gd, ad = ad] {
        const auto [gd_again, ad_again] = both();
        CHECK(same_bits(gd_again, gd));
        CHECK(same_bits(ad_again, ad));
      };
      for (const int threads : {1, 2, 3, 7}) {
        at::set_num_threads(threads);
        check();
      }
      at::set_num_threads(before);
      for (const cpu::Isa isa : cpu::available_isas()) {
        const Variable force("FACTORISE_ISA", to_string(isa));
        check();
      }
    }
  }
}

TEST_CASE("the loss that fused autograd reports is that of the factors it returns", "[gd]") {
  const Sample sample(12, 40, at::kDouble, false);
  for (const AdLoss loss : {AdLoss::squared, AdLoss::norm}) {
    double reported = 0;
    const auto record = [&](int64_t, double value) {
      reported = value;
      return true;
    };
    const Factors factors = gd_factorise_ad(
        sample.A, 2, AdOptions().seed(0).lr(1e-3).num_epochs(20).loss(loss).mask(sample.M).on_epoch(record));
    const double squared = squared_error(sample.A, factors, sample.M);
    CHECK(reported == Approx(loss == AdLoss::norm ? std::sqrt(squared) : squared).epsilon(1e-13));
  }
}
