// Gibbs sampling: the distribution of whole sweeps is exact, the bits are those of one run however it is cut, and what
// a posterior says of entries is what its draws say.

#include <factorise/gibbs.h>

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sparse_coo_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <factorise/fit.h>
#include <factorise/hold_out.h>
#include <factorise/predict.h>
#include <factorise/runs.h>

#include <cmath>

#include "catch.h"
#include "cpu/isa.h"
#include "methods.h"
#include "sandbox.h"
#include "threads.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

const auto kF64 = at::TensorOptions(at::kDouble);
const auto kLong = at::TensorOptions(at::kLong);

struct Sample {
  Tensor A, M, rows, columns;

  explicit Sample(int64_t m = 30, int64_t n = 50, c10::ScalarType type = at::kFloat, double density = 0.3) {
    at::manual_seed(static_cast<uint64_t>(m * 1000 + n));
    A = at::randint(1, 6, {m, n}, at::TensorOptions(type));
    M = at::rand({m, n}).lt(density);
    rows = at::randint(m, {200}, kLong);
    columns = at::randint(n, {200}, kLong);
  }

  GibbsOptions options(int64_t sweeps = 12) const {
    return GibbsOptions().num_epochs(sweeps).burn_in(3).keep_every(2).seed(5).asked(rows, columns);
  }
};

bool same_posterior(const Posterior& a, const Posterior& b) {
  bool same = a.draws.size() == b.draws.size() && a.burn_in == b.burn_in && a.has_biases == b.has_biases &&
              a.observed_mean == b.observed_mean && same_bits(a.mean, b.mean);
  for (size_t i = 0; same && i < a.draws.size(); ++i) {
    same = same_bits(a.draws[i], b.draws[i]) && same_bits(a.unseen[i], b.unseen[i]) &&
           at::equal(a.row_priors[i], b.row_priors[i]);
  }
  for (const auto& [x, y] : {std::pair(a.means, b.means),
                             {a.squares, b.squares},
                             {a.noise, b.noise},
                             {a.errors, b.errors},
                             {a.rows, b.rows},
                             {a.columns, b.columns}}) {
    same = same && x.defined() == y.defined() && (!x.defined() || at::equal(x, y));
  }
  return same;
}

/// The largest distance between the empirical distributions of two samples of one size, times the root of half of it:
/// above 2.2 with a probability of 1e-4 (Kolmogorov and Smirnov).
double distance(const Tensor& a, const Tensor& b) {
  const int64_t n = a.numel();
  const auto [sorted, order] = at::cat({a, b}).sort();
  const Tensor steps = order.lt(n).to(at::kDouble).mul(2).sub(1).cumsum(0).div(n);
  return steps.abs().max().item<double>() * std::sqrt(static_cast<double>(n) / 2);
}
constexpr double kUnlikely = 2.2;

/// Factors, noise precision and a matrix drawn from the model with priors of the scale 1, without biases.
struct Drawn {
  Tensor U, V, A;
  double alpha;
};

Tensor side_of_model(int64_t rows, int64_t rank) {
  // Precision ~ Wishart with `rank` degrees of freedom and the scale I; mean ~ normal with twice the precision.
  const Tensor X = at::randn({rank, rank}, kF64);
  const Tensor L = at::linalg_cholesky(X.t().mm(X));  // precision L Lᵀ
  const auto draw = [&](int64_t count) {
    return at::linalg_solve_triangular(L.t(), at::randn({rank, count}, kF64), true).t();
  };
  return draw(rows) + draw(1).div(std::sqrt(2.0));
}

Drawn draw_from_model(int64_t m, int64_t n, int64_t rank) {
  Drawn drawn;
  drawn.U = side_of_model(m, rank);
  drawn.V = side_of_model(n, rank);
  // Gamma with shape 1/2 and rate 1/2: the square of a normal deviate.
  drawn.alpha = at::randn({1}, kF64).square().item<double>();
  drawn.A = drawn.U.mm(drawn.V.t()) + at::randn({m, n}, kF64).div(std::sqrt(drawn.alpha));
  return drawn;
}

}  // namespace

TEST_CASE("sweeps leave the model's distribution as it is", "[gibbs]") {
  // Draws U, V and α from their prior, then A given them: (U, V, α) is then a draw from the posterior given A. Sweeps
  // of an exact sampler from there on keep that, so that what they lead to has the prior's distribution again (Geweke,
  // JASA 99, 2004). Every wrong factor in a prior, a sum or the squared error moves it.
  constexpr int64_t kRuns = 4000, m = 5, n = 4;
  const Threads one(1);  // torch's would spin between its small operators
  for (const auto& [rank, sweeps, engine] :
       {std::tuple(int64_t{1}, int64_t{3}, Engine::fused), {2, 2, Engine::fused}, {2, 2, Engine::reference}}) {
    const int64_t runs = engine == Engine::fused ? kRuns : kRuns / 8;
    INFO("rank " << rank << (engine == Engine::fused ? ", fused" : ", reference"));
    at::manual_seed(17);
    const auto empty = [&] { return at::zeros({runs, 7}, kF64); };
    Tensor before = empty(), after = empty();
    Tensor M = at::ones({m, n}, at::TensorOptions(at::kBool));
    M[4][3].fill_(0);
    M[2].fill_(0);
    M[2][1].fill_(1);
    M[3].fill_(0);  // a row without entries
    const auto say = [&](const Tensor& to, const Tensor& A, const Tensor& U, const Tensor& V, double alpha) {
      const Tensor product = U.mm(V.t());
      const double of_U = U.square().sum().log().item<double>(), of_V = V.square().sum().log().item<double>();
      double* value = to.mutable_data_ptr<double>();
      value[0] = alpha * squared_error(A, {U, V}, M);  // chi-squared, whatever U, V and alpha are
      value[1] = std::log(alpha);
      value[2] = product[0][0].item<double>();  // of an observed entry
      value[3] = product[4][3].item<double>();  // of one that is not
      value[4] = of_U + of_V;
      value[5] = of_U - of_V;
      value[6] = U.mean().item<double>() / std::exp(of_U / 2);
    };
    for (int64_t run = 0; run < runs; ++run) {
      const Drawn drawn = draw_from_model(m, n, rank);
      Posterior state;
      state.rows = drawn.U;
      state.columns = drawn.V;
      state.noise = at::full({1}, 1 / drawn.alpha, kF64);
      state.errors = at::full({1}, squared_error(drawn.A, {drawn.U, drawn.V}, M), kF64);
      state.mean = {at::zeros({m, rank}, kF64), at::zeros({n, rank}, kF64)};
      const auto options =
          GibbsOptions().biases(false).scale(1).burn_in(0).seed(static_cast<uint64_t>(run)).engine(engine);
      const Posterior found = gibbs_factorise_masked(
          drawn.A, M, rank, GibbsOptions(options).num_epochs(1 + sweeps).epochs_done(1).resume(state));
      say(after[run], drawn.A, found.rows, found.columns, 1 / found.noise[-1].item<double>());
    }
    // Against other draws of the model, as the start of a chain is not independent of its end.
    for (int64_t run = 0; run < runs; ++run) {
      const Drawn drawn = draw_from_model(m, n, rank);
      say(before[run], drawn.A, drawn.U, drawn.V, drawn.alpha);
    }
    for (int64_t i = 0; i < before.size(1); ++i) {
      INFO("statistic " << i);
      CHECK(distance(before.select(1, i).contiguous(), after.select(1, i).contiguous()) < kUnlikely);
    }
  }
}

TEST_CASE("the ranks of the truth among a run's draws are uniform", "[gibbs]") {
  // Simulation-based calibration (Talts, Betancourt, Simpson, Vehtari and Gelman, 2018): from a run's own start.
  constexpr int64_t kRuns = 200, kDraws = 99, kEvery = 10, m = 8, n = 7, kBins = 10;
  const Threads one(1);
  at::manual_seed(23);
  Tensor M = at::ones({m, n}, at::TensorOptions(at::kBool));
  M[0][0].fill_(0);
  M[3][5].fill_(0);
  const Tensor rows = at::tensor({0, 3, 1, 7}, kLong), columns = at::tensor({0, 5, 1, 2}, kLong);
  Tensor counts = at::zeros({5, kBins}, kF64);
  for (int64_t run = 0; run < kRuns; ++run) {
    const Drawn drawn = draw_from_model(m, n, 1);
    const auto options = GibbsOptions().biases(false).scale(1).seed(static_cast<uint64_t>(run)).burn_in(200);
    const Posterior posterior = gibbs_factorise_masked(
        drawn.A, M, 1, GibbsOptions(options).keep_every(kEvery).num_epochs(200 + (kDraws - 1) * kEvery + 1));
    REQUIRE(std::ssize(posterior.draws) == kDraws);
    const Tensor truth = predict({drawn.U, drawn.V}, rows, columns);
    Tensor below = at::zeros({5}, kF64);
    for (const Factors& draw : posterior.draws) below.narrow(0, 0, 4) += predict(draw, rows, columns).lt(truth);
    below[4] = posterior.noise.slice(0, 200, std::nullopt, kEvery).lt(1 / drawn.alpha).sum();
    for (int64_t i = 0; i < 5; ++i) counts[i][below[i].item<int64_t>() * kBins / (kDraws + 1)] += 1;
  }
  // Chi-squared with 9 degrees of freedom: above 33.7 with a probability of 1e-4.
  const double expected = double{kRuns} / kBins;
  for (int64_t i = 0; i < 5; ++i) {
    INFO("statistic " << i);
    CHECK((counts[i] - expected).square().sum().item<double>() / expected < 33.7);
  }
}

TEST_CASE("a posterior has the same bits on every instruction set, number of threads and form of A",
          "[gibbs][threads]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const bool biases : {true, false}) {
      const Sample sample(60, 90, type);
      for (const int64_t rank : {3, 8, 12}) {
        INFO(type << ", rank " << rank << (biases ? ", biases" : ""));
        const GibbsOptions options = GibbsOptions(sample.options()).biases(biases);
        const Posterior first = gibbs_factorise_masked(sample.A, sample.M, rank, options);
        for (const cpu::Isa isa : cpu::available_isas()) {
          const Variable variable("FACTORISE_ISA", cpu::to_string(isa).c_str());
          for (const int threads : {1, 3}) {
            const Threads with(threads);
            CHECK(same_posterior(gibbs_factorise_masked(sample.A, sample.M, rank, options), first));
          }
        }
        const Tensor sparse = sample.A.sparse_mask(sample.M.to(type).to_sparse());
        CHECK(same_posterior(gibbs_factorise_entries(sparse, rank, options), first));
        CHECK(same_posterior(factorise::sample(Observed::masked(sample.A, sample.M), rank, options), first));
        CHECK(same_bits(fit(Observed::masked(sample.A, sample.M), rank, options), first.factors()));
      }
    }
  }
}

TEST_CASE("a run that goes on from a posterior has the bits of one run", "[gibbs]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const bool biases : {true, false}) {
      const Sample sample(30, 50, type);
      const GibbsOptions options = GibbsOptions(sample.options(14)).biases(biases);
      std::vector<std::pair<int64_t, Posterior>> given;
      const auto keep = [&](int64_t epoch, const Posterior& posterior) {
        given.emplace_back(epoch, posterior);
        return true;
      };
      const Posterior whole =
          gibbs_factorise_masked(sample.A, sample.M, 4, GibbsOptions(options).factors_every(4).on_posterior(keep));
      REQUIRE(given.size() == 4);
      CHECK(given[0].first == 4);
      CHECK(given[3].first == 14);
      CHECK(same_posterior(given.back().second, whole));
      for (const auto& [epoch, posterior] : given) {
        INFO(type << ", after " << epoch << " sweeps" << (biases ? ", biases" : ""));
        const GibbsOptions rest = GibbsOptions(options).epochs_done(epoch).resume(posterior);
        CHECK(same_posterior(gibbs_factorise_masked(sample.A, sample.M, 4, rest), whole));
      }
      const auto said = [&](const GibbsOptions& o) {
        return sentence_of([&] { gibbs_factorise_masked(sample.A, sample.M, 4, o); });
      };
      CHECK_THAT(said(GibbsOptions(options).epochs_done(4)), contains("resume must be given with epochs_done"));
      CHECK_THAT(
          said(GibbsOptions(options).epochs_done(5).resume(given[0].second)),
          contains("resume must be the posterior of a run with the same A, rank, biases, burn_in and asked entries "
                   "after epochs_done = 5 sweeps, but is not."));
      CHECK_THAT(said(GibbsOptions(options).epochs_done(4).burn_in(2).resume(given[0].second)),
                 contains("but is not."));
      CHECK_THAT(said(GibbsOptions(options).epochs_done(4).biases(!biases).resume(given[0].second)),
                 contains("but is not."));
    }
  }
}

TEST_CASE("the reference engine draws what the fused one does, but for rounding", "[gibbs]") {
  const Threads one(1);
  for (const bool biases : {true, false}) {
    const Sample sample(20, 30, at::kDouble);
    const GibbsOptions options = GibbsOptions(sample.options(8)).biases(biases);
    const Posterior fused = gibbs_factorise_masked(sample.A, sample.M, 3, options);
    const Posterior reference =
        gibbs_factorise_masked(sample.A, sample.M, 3, GibbsOptions(options).engine(Engine::reference));
    CHECK(at::allclose(fused.rows, reference.rows, 1e-8, 1e-9));
    CHECK(at::allclose(fused.columns, reference.columns, 1e-8, 1e-9));
    CHECK(at::allclose(fused.means, reference.means, 1e-8, 1e-9));
    CHECK(at::allclose(fused.noise, reference.noise, 1e-9, 0));
    CHECK(at::allclose(fused.errors, reference.errors, 1e-9, 0));
  }
}

TEST_CASE("the error of every draw, by the normal equations, is that of its factors", "[gibbs]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const bool biases : {true, false}) {
      for (const int64_t rank : {2, 11}) {
        const Sample sample(40, 60, type);
        const double bound = type == at::kFloat ? 2e-5 : 1e-12;
        const auto check = [&](int64_t, const Posterior& posterior) {
          Posterior last = posterior;
          last.draws.clear();  // then factors() is the last draw
          const double error = squared_error(sample.A, last.factors(), sample.M);
          CHECK(posterior.errors[-1].item<double>() == Approx(error).epsilon(bound));
          return true;
        };
        gibbs_factorise_masked(sample.A, sample.M, rank,
                               GibbsOptions(sample.options()).biases(biases).on_posterior(check));
      }
    }
  }
}

TEST_CASE("what a posterior says of asked entries is what its draws say", "[gibbs]") {
  const Sample sample;
  const Posterior posterior =
      gibbs_factorise_masked(sample.A, sample.M, 3, GibbsOptions(sample.options(13)).keep_every(1));
  CHECK(posterior.counted() == 10);
  REQUIRE(posterior.draws.size() == 10);
  std::vector<Tensor> predictions, U;
  for (const Factors& draw : posterior.draws) {
    predictions.push_back(predict(draw, sample.rows, sample.columns));
    U.push_back(draw.U.to(at::kDouble));
  }
  const Tensor all = at::stack(predictions);
  CHECK(at::allclose(posterior.means, all.mean(0), 1e-5, 1e-5));
  CHECK(at::allclose(posterior.mean.U, at::stack(U).mean(0), 1e-12, 1e-12));
  const double noise = posterior.noise.slice(0, 3).mean().item<double>();
  CHECK(posterior.noise_variance() == Approx(noise).epsilon(1e-12));
  CHECK(at::allclose(posterior.deviations(), (all.var(0) + noise).sqrt(), 1e-5, 1e-5));
  // All draws as one pair of factors.
  const Factors together = posterior.factors();
  CHECK(together.U.sizes() == at::IntArrayRef{30, 10 * (3 + 2)});
  CHECK(at::allclose(predict(together, sample.rows, sample.columns), all.mean(0), 1e-5, 1e-5));
  // Every second one is kept.
  const Posterior thinned = gibbs_factorise_masked(sample.A, sample.M, 3, sample.options(13));
  REQUIRE(thinned.draws.size() == 5);
  for (size_t i = 0; i < 5; ++i) CHECK(same_bits(thinned.draws[i], posterior.draws[2 * i]));
  CHECK(at::equal(thinned.means, posterior.means));
  CHECK_THAT(sentence_of([&] { gibbs_factorise_masked(sample.A, sample.M, 3).deviations(); }),
             contains("entries must be asked for before the run"));
}

TEST_CASE("rows and columns that A does not have are predicted as those without an entry", "[gibbs]") {
  // A row without entries is drawn from the prior, as one that A does not have: the same distribution.
  Sample sample(40, 60);
  sample.M[7].fill_(0);
  sample.M.select(1, 9).fill_(0);
  const Tensor rows = at::tensor({-1, 7, 3, 3, -1, 7}, kLong), columns = at::tensor({5, 5, -1, 9, -1, 9}, kLong);
  const auto options = GibbsOptions().num_epochs(4000).burn_in(50).seed(3).asked(rows, columns);
  const Posterior posterior = gibbs_factorise_masked(sample.A, sample.M, 2, options);
  const Tensor deviations = posterior.deviations();
  for (int64_t i = 0; i < 6; i += 2) {
    INFO("pair " << i);
    CHECK(std::abs((posterior.means[i] - posterior.means[i + 1]).item<double>()) < 0.15);
    CHECK(deviations[i].item<double>() == Approx(deviations[i + 1].item<double>()).epsilon(0.05));
  }
  const Predictions found =
      predict(posterior.factors(), observations(sample.A, sample.M), rows, columns, std::nullopt, posterior.kept());
  CHECK(found.fallback.any().item<bool>() == false);
  CHECK(at::allclose(found.values, posterior.means, 0, 0.1));
  CHECK(at::allclose(found.deviations, deviations, 0.06, 0));
  // Nothing is known of them: the deviation is larger than that of observed rows and columns.
  const Predictions known = predict(posterior.factors(), observations(sample.A, sample.M), at::tensor({3}, kLong),
                                    at::tensor({5}, kLong), std::nullopt, posterior.kept());
  CHECK(known.deviations[0].item<double>() < found.deviations[0].item<double>());
}

TEST_CASE("the scale of A changes nothing but the scale of the result", "[gibbs]") {
  for (const bool biases : {true, false}) {
    const Sample sample;
    const GibbsOptions options = GibbsOptions(sample.options()).biases(biases);
    const Posterior plain = gibbs_factorise_masked(sample.A, sample.M, 3, options);
    const Posterior larger = gibbs_factorise_masked(sample.A * 4, sample.M, 3, options);
    CHECK(at::equal(larger.rows.narrow(1, 0, 3), plain.rows.narrow(1, 0, 3) * 2));
    if (biases) CHECK(at::equal(larger.rows.select(1, 3), plain.rows.select(1, 3) * 4));
    CHECK(at::equal(larger.noise, plain.noise * 16));
    CHECK(at::allclose(larger.means, plain.means * 4, 1e-6, 0));
    CHECK(at::allclose(larger.deviations(), plain.deviations() * 4, 1e-6, 0));
  }
}

TEST_CASE("a deviation says how far ratings are from their predictions", "[gibbs]") {
  // Ratings of the model itself: the intervals hold their share of what was not observed.
  at::manual_seed(31);
  constexpr int64_t m = 200, n = 300;
  const Tensor A =
      at::randn({m, 4}).mm(at::randn({4, n})) + at::randn({m, 1}) + at::randn({1, n}) + at::randn({m, n}) * 0.8;
  const Tensor M = at::rand({m, n}).lt(0.2);
  const Tensor unseen = M.logical_not().nonzero();
  const Tensor rows = unseen.select(1, 0).contiguous(), columns = unseen.select(1, 1).contiguous();
  const Posterior posterior =
      gibbs_factorise_masked(A, M, 4, GibbsOptions().num_epochs(300).seed(0).asked(rows, columns));
  const Tensor given = A.masked_select(M.logical_not()).to(at::kDouble);
  const Tensor away = (given - posterior.means).abs() / posterior.deviations();
  const auto share = [&](double limit) { return away.le(limit).to(at::kDouble).mean().item<double>(); };
  CHECK(std::abs(share(0.6745) - 0.5) < 0.02);
  CHECK(std::abs(share(1.6449) - 0.9) < 0.01);
  const Predictions found{posterior.means, at::zeros({rows.numel()}, at::TensorOptions(at::kBool)),
                          posterior.deviations()};
  const Judgement judged = judge(found, given);
  CHECK(judged.within_50 == Approx(share(0.6744897501960817)).epsilon(1e-9));
  CHECK(judged.within_90 == Approx(share(1.6448536269514722)).epsilon(1e-9));
  CHECK(std::isnan(judge({found.values, found.fallback}, given).within_90));
  CHECK(std::sqrt(posterior.noise_variance()) == Approx(0.8).epsilon(0.02));
  // And they are no wider than they need be: the error is little above the noise.
  CHECK((given - posterior.means).square().mean().sqrt().item<double>() < 1.0);
}

TEST_CASE("equal entries, one entry and empty rows can be sampled", "[gibbs]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const bool biases : {true, false}) {
      const auto options = GibbsOptions().num_epochs(20).seed(1).biases(biases);
      for (const double value : {0.0, 3.0, -1e-3, 1e6}) {
        INFO(type << ", " << value << (biases ? ", biases" : ""));
        const Tensor A = at::full({6, 5}, value, at::TensorOptions(type));
        Tensor M = at::ones({6, 5});
        M[2].fill_(0);
        const Factors all = gibbs_factorise_masked(A, M, 2, options).factors();
        CHECK(all.U.isfinite().all().item<bool>());
        CHECK(reconstruct(all)[0][0].item<double>() == Approx(value).epsilon(0.2).margin(2));
        M.fill_(0);
        M[1][2].fill_(1);
        CHECK(gibbs_factorise_masked(A, M, 2, options).factors().V.isfinite().all().item<bool>());
      }
    }
  }
}

TEST_CASE("options of Gibbs sampling are refused by what would be right", "[gibbs]") {
  const Sample sample;
  const auto said = [&](const GibbsOptions& options) {
    return sentence_of([&] { gibbs_factorise_masked(sample.A, sample.M, 3, options); });
  };
  const auto short_run = GibbsOptions().num_epochs(5);
  CHECK_THAT(said(GibbsOptions(short_run).burn_in(5)),
             contains("burn_in must be from 0 to num_epochs - 1 = 4, but was 5."));
  CHECK_THAT(said(GibbsOptions(short_run).burn_in(-1)), contains("burn_in must be from 0"));
  CHECK_THAT(said(GibbsOptions(short_run).keep_every(0)), contains("keep_every must be at least 1, but was 0."));
  CHECK_THAT(said(GibbsOptions(short_run).scale(0)), contains("scale must be a finite number above 0, but was 0."));
  CHECK_THAT(said(GibbsOptions(short_run).asked(sample.rows, Tensor())), contains("asked must have rows and columns"));
  CHECK_THAT(said(GibbsOptions(short_run).asked(sample.rows, sample.columns + 40)),
             contains("the asked columns must be from -1 to 49, but one was"));
  CHECK_THAT(said(GibbsOptions(short_run).asked(sample.rows, sample.columns.narrow(0, 0, 3))),
             contains("the asked rows and columns must be of one length, but were 200 and 3."));
  CHECK_THAT(said(GibbsOptions(short_run).asked(sample.rows.to(at::kInt), sample.columns)),
             contains("the asked rows must be a 1-D tensor of int64."));
  const Tensor large = at::sparse_coo_tensor(at::zeros({2, 1}, kLong), at::ones({1}), {20'000'000, 10'000'000});
  CHECK_THAT(
      sentence_of([&] { gibbs_factorise_entries(large, 200); }),
      contains("keep_every must be larger than 5: 90 draws of the factors, and these side by side, take 4363 GB, "
               "but this machine has "));
  CHECK(gibbs_factorise_masked(sample.A, sample.M, 3, GibbsOptions().num_epochs(0).seed(0)).counted() == 0);
}

TEST_CASE("many seeds are sampled side by side, with the options of a single run", "[gibbs]") {
  const Sample sample;
  const auto options = GibbsOptions().num_epochs(9).burn_in(4).keep_every(2);
  const Observed observed = Observed::masked(sample.A, sample.M);
  const std::vector<uint64_t> seeds{3, 4, 5};
  const std::vector<Run> runs = fit_runs(observed, 3, seeds, options);
  REQUIRE(runs.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    const Posterior single = gibbs_factorise_masked(sample.A, sample.M, 3, GibbsOptions(options).seed(seeds[i]));
    CHECK(same_bits(runs[i].factors, single.factors()));
  }
  const auto said = [&](const GibbsOptions& o) { return sentence_of([&] { fit_runs(observed, 3, seeds, o); }); };
  CHECK_THAT(said(GibbsOptions(options).burn_in(9)),
             contains("burn_in must be from 0 to num_epochs - 1 = 8, but was 9."));
  CHECK_THAT(said(GibbsOptions(options).on_posterior([](int64_t, const Posterior&) { return true; })),
             contains("on_posterior must not be set"));
  CHECK_THAT(said(GibbsOptions(options).resume(Posterior())), contains("resume must not be set"));
}
