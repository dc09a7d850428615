// Alternating least squares: what it minimises never rises, half a sweep is torch's solution to a bound from condition
// numbers, the fused engine is near the reference, and at full observation it meets the truncated SVD.

#include <factorise/als.h>

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/linalg_cond.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randperm.h>
#include <factorise/fit.h>
#include <factorise/svd.h>

#include <limits>

#include "catch.h"
#include "cpu/isa.h"
#include "methods.h"
#include "sandbox.h"
#include "threads.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

struct Sample {
  Tensor A, M;

  Sample(int64_t m, int64_t n, double density, c10::ScalarType type = at::kDouble) {
    at::manual_seed(static_cast<uint64_t>(m * 1000 + n));
    A = at::randint(1, 6, {m, n}, at::TensorOptions(type));
    M = at::rand({m, n}).lt(density);
  }
};

/// What ALS minimises.
double objective(const Sample& sample, const Factors& factors, const AlsOptions& options) {
  const Tensor mask = sample.M.to(at::kDouble);
  const auto penalty = [&](const Tensor& factor, int64_t dim) {
    const Tensor squares = factor.to(at::kDouble).square().sum(1);
    return (options.weighted() ? squares * mask.sum(dim) : squares).sum().item<double>();
  };
  return squared_error(sample.A, factors, sample.M) +
         options.regularisation() * (penalty(factors.U, 1) + penalty(factors.V, 0));
}

}  // namespace

TEST_CASE("a sweep of ALS never raises what it minimises", "[als]") {
  for (const auto& [m, n, density] : {std::tuple(30, 50, 0.3), std::tuple(60, 20, 0.1), std::tuple(9, 9, 1.0)}) {
    const Sample sample(m, n, density);
    for (const int64_t rank : {1, 4, 9, 17}) {
      for (const auto& options : {AlsOptions().regularisation(0.05), AlsOptions().regularisation(2).weighted(false)}) {
        INFO(m << " x " << n << ", rank " << rank << (options.weighted() ? ", weighted" : ""));
        std::vector<double> values;
        const auto record = [&](int64_t, const Factors& factors) {
          values.push_back(objective(sample, factors, options));
          return true;
        };
        als_factorise_masked(sample.A, sample.M, rank, AlsOptions(options).seed(1).on_factors(record));
        REQUIRE(values.size() == 20);
        for (size_t i = 1; i < values.size(); ++i) CHECK(values[i] <= values[i - 1] * (1 + 1e-12));
        CHECK(values.back() < values.front());
      }
    }
  }
}

namespace {

AlsOptions with_biases() { return AlsOptions().biases(true).bias_regularisation(0.3).seed(6); }

/// What ALS with biases minimises.
double objective_with_biases(const Sample& sample, const Factors& factors, const AlsOptions& options) {
  const int64_t rank = factors.U.size(1) - 2;
  const Tensor mask = sample.M.to(at::kDouble);
  const double mean = (sample.A.mul(mask).sum() / mask.sum()).item<double>();
  const auto penalty = [&](const Tensor& factor, const Tensor& bias, int64_t dim) {
    const Tensor squares = options.regularisation() * factor.narrow(1, 0, rank).square().sum(1) +
                           *options.bias_regularisation() * bias.square();
    return (options.weighted() ? squares * mask.sum(dim) : squares).sum().item<double>();
  };
  return squared_error(sample.A, factors, sample.M) + penalty(factors.U, factors.U.select(1, rank) - mean, 1) +
         penalty(factors.V, factors.V.select(1, rank + 1), 0);
}

}  // namespace

TEST_CASE("a sweep of ALS with biases never raises what it minimises", "[als]") {
  const Sample sample(30, 50, 0.3);
  for (const int64_t rank : {1, 4, 7, 8, 16}) {
    for (const bool weighted : {true, false}) {
      INFO("rank " << rank << (weighted ? ", weighted" : ""));
      const auto options = with_biases().weighted(weighted);
      std::vector<double> values;
      const auto record = [&](int64_t, const Factors& factors) {
        values.push_back(objective_with_biases(sample, factors, options));
        return true;
      };
      const Factors end = als_factorise_masked(sample.A, sample.M, rank, AlsOptions(options).on_factors(record));
      for (size_t i = 1; i < values.size(); ++i) CHECK(values[i] <= values[i - 1] * (1 + 1e-12));
      CHECK(values.back() < values.front());
      CHECK(end.U.size(1) == rank + 2);
      CHECK(end.U.select(1, rank + 1).eq(1).all().item<bool>());
      CHECK(end.V.select(1, rank).eq(1).all().item<bool>());
    }
  }
}

TEST_CASE("ALS with biases finds biases alone where there is nothing else", "[als]") {
  at::manual_seed(4);
  const Tensor A = 3.5 + at::randn({40, 1}, at::kDouble) + at::randn({1, 30}, at::kDouble);
  const auto options = AlsOptions().biases(true).regularisation(1e3).bias_regularisation(1e-9).num_epochs(100).seed(0);
  const Factors factors = als_factorise(A, 2, options);
  CHECK((reconstruct(factors) - A).abs().max().item<double>() < 1e-5);
  CHECK(factors.U.narrow(1, 0, 2).abs().max().item<double>() < 1e-3);
}

TEST_CASE("a run of ALS with biases that goes on has the bits of one run", "[als]") {
  for (const Engine engine : {Engine::fused, Engine::reference}) {
    for (const auto type : {at::kFloat, at::kDouble}) {
      const Sample sample(20, 90, 0.4, type);
      for (const int64_t rank : {3, 9}) {
        const auto run = [&](const AlsOptions& options) {
          return als_factorise_masked(sample.A, sample.M, rank, AlsOptions(options).engine(engine));
        };
        const Factors whole = run(with_biases().num_epochs(7)), part = run(with_biases().num_epochs(3));
        CHECK(same_bits(run(with_biases().num_epochs(7).initial(part).epochs_done(3)), whole));
        CHECK(same_bits(run(with_biases().num_epochs(4).initial(part)), whole));
        CHECK_FALSE(same_bits(part, whole));
      }
    }
  }
}

TEST_CASE("the engines of ALS with biases are near each other, on every instruction set alike", "[als]") {
  for (const int64_t rank : {2, 7, 8, 12}) {
    Sample sample(50, 80, 0.5);
    sample.M[7].fill_(false);
    sample.M.select(1, 9).fill_(false);
    const auto options = with_biases().num_epochs(3);
    const Factors reference =
        als_factorise_masked(sample.A, sample.M, rank, AlsOptions(options).engine(Engine::reference));
    const Factors fused = als_factorise_masked(sample.A, sample.M, rank, options);
    CHECK((fused.U - reference.U).abs().max().item<double>() < 1e-10);
    CHECK((fused.V - reference.V).abs().max().item<double>() < 1e-10);
    for (const cpu::Isa isa : cpu::available_isas()) {
      const Variable variable("FACTORISE_ISA", cpu::to_string(isa).c_str());
      CHECK(same_bits(als_factorise_masked(sample.A, sample.M, rank, options), fused));
      const Tensor sparse = sample.A.masked_fill(sample.M.logical_not(), 0).to_sparse();
      CHECK(same_bits(als_factorise_entries(sparse, rank, options), fused));
    }
  }
}

TEST_CASE("ALS refuses biases that make no sense", "[als]") {
  const Tensor A = lab1_matrix();
  CHECK(sentence_of([&] { als_factorise(A, 2, AlsOptions().bias_regularisation(1)); }) ==
        "[als_factorise] bias_regularisation is for biases alone, but biases was false.");
  CHECK(sentence_of([&] { als_factorise(A, 2, with_biases().bias_regularisation(-1)); }) ==
        "[als_factorise] bias_regularisation must be a finite number of at least 0, but was -1.");
  const Factors plain = als_factorise(A, 2, AlsOptions().seed(0));
  CHECK(sentence_of([&] { als_factorise(A, 2, with_biases().initial(plain)); }) ==
        "[als_factorise] initial.U must be 3 x 4, but was 3 x 2.");
  const Factors four{at::rand({3, 4}), at::rand({3, 4})};
  CHECK(sentence_of([&] { als_factorise(A, 2, with_biases().initial(four)); }) ==
        "[als_factorise] initial must have the columns that a run with biases returns: column 3 of U and column 2 of V "
        "(from 0) must be 1 everywhere, but are not.");
}

TEST_CASE("half a sweep of ALS is torch's solution, to a bound from the condition number", "[als]") {
  const Sample sample(40, 70, 0.4);
  for (const int64_t rank : {1, 5, 8, 9, 20}) {
    const Factors start = als_factorise_masked(sample.A, sample.M, rank, AlsOptions().num_epochs(0).seed(5));
    // One sweep; U was solved for with the V of the start.
    const Tensor U = als_factorise_masked(sample.A, sample.M, rank, AlsOptions().num_epochs(1).initial(start)).U;
    for (int64_t r = 0; r < 40; ++r) {
      const Tensor seen = sample.M[r].nonzero().squeeze(1), W = start.V.index_select(0, seen);
      const Tensor t = sample.A[r].index_select(0, seen);
      Tensor S = W.t().mm(W);
      S.diagonal().add_(0.1 * static_cast<double>(seen.numel()));
      const Tensor x = at::linalg_solve(S, W.t().mv(t));
      const double bound = 1e-15 * static_cast<double>(seen.numel()) * at::linalg_cond(S).item<double>();
      CHECK((U[r] - x).norm().item<double>() <= bound * x.norm().item<double>());
    }
  }
}

TEST_CASE("the engines of ALS are near each other", "[als]") {
  for (const int64_t rank : {2, 8, 12}) {
    const Sample sample(50, 80, 0.5);
    const auto with = [&](Engine engine) {
      return als_factorise_masked(sample.A, sample.M, rank, AlsOptions().num_epochs(3).seed(2).engine(engine));
    };
    const Factors fused = with(Engine::fused), reference = with(Engine::reference);
    CHECK((fused.U - reference.U).abs().max().item<double>() < 1e-10);
    CHECK((fused.V - reference.V).abs().max().item<double>() < 1e-10);
  }
}

TEST_CASE("ALS on a matrix that is observed everywhere meets the truncated SVD as the regularisation goes to 0",
          "[als]") {
  at::manual_seed(8);
  // Singular values that fall quickly, so that the sweeps converge quickly.
  const Tensor A =
      at::randn({30, 6}, at::kDouble).mm(at::randn({6, 20}, at::kDouble)) + 0.01 * at::randn({30, 20}, at::kDouble);
  for (const int64_t rank : {1, 3, 6}) {
    const double best = (A - truncated_svd(A, rank).reconstruction).square().sum().item<double>();
    const auto options = AlsOptions().num_epochs(400).regularisation(1e-12).seed(3);
    CHECK(squared_error(A, als_factorise(A, rank, options)) == Approx(best).epsilon(1e-8));
  }
}

TEST_CASE("permuting the rows of A permutes U in ALS, and changes V by rounding alone", "[als]") {
  const Sample sample(40, 30, 0.5);
  const Tensor order = at::randperm(40, at::TensorOptions(at::kLong));
  const Factors start = als_factorise_masked(sample.A, sample.M, 3, AlsOptions().num_epochs(0).seed(1));
  const auto of = [&](const Tensor& A, const Tensor& M, const Tensor& U) {
    return als_factorise_masked(A, M, 3, AlsOptions().num_epochs(1).initial(Factors{U, start.V}));
  };
  const Factors plain = of(sample.A, sample.M, start.U);
  const Factors permuted =
      of(sample.A.index_select(0, order), sample.M.index_select(0, order), start.U.index_select(0, order));
  CHECK(at::equal(permuted.U, plain.U.index_select(0, order)));
  CHECK(at::allclose(permuted.V, plain.V, 1e-12, 1e-13));
}

TEST_CASE("ALS has the same bits on every number of threads and instruction set, dense and listed", "[als]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Sample sample(300, 900, 0.3, type);  // enough work for threads
    const Tensor sparse = sample.A.mul(sample.M).to_sparse();
    for (const int64_t rank : {3, 20}) {
      const auto options = AlsOptions().num_epochs(2).seed(4);
      const Factors expected = als_factorise_masked(sample.A, sample.M, rank, options);
      for (const cpu::Isa isa : cpu::available_isas()) {
        const Variable variable("FACTORISE_ISA", cpu::to_string(isa).c_str());
        for (const int threads : {1, 3}) {
          INFO(type << ", rank " << rank << ", " << cpu::to_string(isa) << ", " << threads << " threads");
          const Threads set(threads);
          CHECK(same_bits(als_factorise_masked(sample.A, sample.M, rank, options), expected));
          CHECK(same_bits(als_factorise_entries(sparse, rank, options), expected));
          CHECK(same_bits(fit(Observed::masked(sample.A, sample.M), rank, options), expected));
        }
      }
    }
  }
}

TEST_CASE("ALS gives rows and columns without entries the factor 0", "[als]") {
  for (const Engine engine : {Engine::fused, Engine::reference}) {
    for (const int64_t rank : {2, 11}) {
      Sample sample(12, 9, 0.7);
      sample.M[4].fill_(false);
      sample.M.select(1, 7).fill_(false);
      const auto options = AlsOptions().num_epochs(3).seed(0).engine(engine);
      const Factors factors = als_factorise_masked(sample.A, sample.M, rank, options);
      CHECK(factors.U[4].eq(0).all().item<bool>());
      CHECK(factors.V[7].eq(0).all().item<bool>());
      CHECK_FALSE(factors.U[5].eq(0).any().item<bool>());
    }
  }
}

TEST_CASE("ALS without regularisation names the row or column that has too few entries", "[als]") {
  Sample sample(12, 9, 1);
  for (const Engine engine : {Engine::fused, Engine::reference}) {
    const auto options = AlsOptions().regularisation(0).seed(0).engine(engine);
    CHECK(als_factorise_masked(sample.A, sample.M, 3, options).U.isfinite().all().item<bool>());
    Tensor M = sample.M.clone();
    M[5].fill_(false);
    M[5][2].fill_(true);
    CHECK(
        sentence_of([&] { als_factorise_masked(sample.A, M, 3, options); }) ==
        "[als_factorise_masked] sweep 1: the factor of row 5 (from 0), which has 1 entry, is not determined at rank 3 "
        "with regularisation 0: its normal equations are not positive definite. Give a regularisation above 0, as "
        "0.1, or a smaller rank.");
    CHECK_THAT(sentence_of([&] { als_factorise_entries(sample.A.t().mul(M.t()).to_sparse(), 3, options); }),
               contains("sweep 1: the factor of column 5 (from 0), which has 1 entry, is not determined"));
  }
}
