// fit, and runs in parts: the bits of the sheets' functions, whatever the parts; and what is refused.

#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>

#include <limits>

#include "catch.h"
#include "core/driver.h"
#include "methods.h"
#include "methods/method.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

struct Sample {
  Tensor A, M;
  Factors start;

  Sample(int64_t m, int64_t n, int64_t rank, c10::ScalarType type, bool whole) {
    at::manual_seed(m + 1000 * n);
    A = at::randint(1, 6, {m, n}, at::TensorOptions(type)) + (whole ? 0 : 0.5);
    M = at::rand({m, n}).lt(0.5);
    M[0].fill_(true);
    A = A.masked_fill(M.logical_not(), std::numeric_limits<double>::quiet_NaN());
    start = {at::rand({m, rank}, at::TensorOptions(type)), at::rand({n, rank}, at::TensorOptions(type))};
  }

  Tensor sparse() const { return A.masked_fill(M.logical_not(), 0).to_sparse(); }
};

/// 11 epochs in parts of 1, 3 and 7.
Factors in_parts(Session& session) {
  for (const int64_t epochs : {1, 3, 7}) CHECK(session.advance(epochs) == 0);
  return session.factors();
}

/// The methods for a sample, with what the sheets' functions make of them.
struct Case {
  std::string name;
  Method method;
  std::function<Factors(const Sample&)> expected;
};

std::vector<Case> cases(const Sample& sample, Engine engine) {
  const auto sgd = SgdOptions().num_epochs(11).lr(0.01).weight_decay(0.1).lr_decay(0.9).initial(sample.start);
  const auto als = AlsOptions().num_epochs(11).initial(sample.start);
  const auto gd = GdOptions().num_epochs(11).lr(0.001).initial(sample.start);
  const auto ad = AdOptions().num_epochs(11).lr(0.001).initial(sample.start);
  const auto of = [engine](auto options) { return options.engine(engine); };
  return {{"sgd", of(sgd), [=](const Sample& s) { return sgd_factorise_masked(s.A, s.M, 3, of(sgd)); }},
          {"als", of(als), [=](const Sample& s) { return als_factorise_masked(s.A, s.M, 3, of(als)); }},
          {"gd", of(gd), [=](const Sample& s) { return gd_factorise_masked(s.A, s.M, 3, of(gd)); }},
          {"ad", of(ad), [=](const Sample& s) { return gd_factorise_ad(s.A, 3, of(AdOptions(ad).mask(s.M))); }},
          {"norm", of(AdOptions(ad).loss(AdLoss::norm)),
           [=](const Sample& s) { return gd_factorise_ad(s.A, 3, of(AdOptions(ad).loss(AdLoss::norm).mask(s.M))); }}};
}

}  // namespace

TEST_CASE("fit has the bits of the sheets' functions, and a run in parts too", "[session]") {
  for (const auto& [m, n] : {std::pair(20, 90), std::pair(90, 20), std::pair(3, 32), std::pair(1, 1)}) {
    for (const auto type : {at::kFloat, at::kDouble}) {
      for (const bool whole : {true, false}) {
        const Sample sample(m, n, 3, type, whole);
        const Observed observed = Observed::masked(sample.A, sample.M);
        for (const Engine engine : {Engine::fused, Engine::reference}) {
          for (const Case& test : cases(sample, engine)) {
            INFO(test.name << ", " << m << " x " << n << ", " << type << (whole ? ", bytes" : ""));
            const Factors expected = test.expected(sample);
            CHECK(same_bits(fit(observed, 3, test.method), expected));
            // The observed entries are as they were: a second run has the same bits.
            CHECK(same_bits(fit(observed, 3, test.method), expected));
            if (test.name == "sgd" || test.name == "als")
              CHECK(same_bits(fit(Observed::entries(sample.sparse()), 3, test.method), expected));
            const at::NoGradGuard no_grad;
            const OpenRun opened = open_run("opened", sample.A, sample.M, 3, test.method);
            CHECK(same_bits(in_parts(*opened.session), expected));
          }
        }
      }
    }
  }
}

TEST_CASE("a matrix that is observed everywhere is fitted by every method", "[session]") {
  const Tensor A = lab1_matrix(), ones = at::ones_like(A);
  const Observed all = Observed::all(A);
  for (const Engine engine : {Engine::fused, Engine::reference}) {
    const auto sgd = SgdOptions().num_epochs(20).seed(3).engine(engine);
    const auto gd = GdOptions().num_epochs(20).lr(0.01).seed(3).engine(engine);
    const auto ad = AdOptions().num_epochs(20).seed(3).engine(engine);
    CHECK(same_bits(fit(all, 2, sgd), sgd_factorise(A, 2, sgd)));
    CHECK(same_bits(fit(all, 2, gd), gd_factorise_masked(A, ones, 2, gd)));
    CHECK(same_bits(fit(all, 2, ad), gd_factorise_ad(A, 2, ad)));
  }
}

TEST_CASE("the loss of a run in parts is the one that is reported", "[session]") {
  const Sample sample(20, 90, 3, at::kFloat, true);
  for (const Engine engine : {Engine::fused, Engine::reference}) {
    for (Case& test : cases(sample, engine)) {
      INFO(test.name);
      double reported = 0;
      const auto record = [&](int64_t, double value) {
        reported = value;
        return true;
      };
      std::visit([&](auto& options) { options.on_epoch(record).report_every(11); }, test.method);
      fit(Observed::masked(sample.A, sample.M), 3, test.method);
      const at::NoGradGuard no_grad;
      const OpenRun opened = open_run("opened", sample.A, sample.M, 3, test.method);
      in_parts(*opened.session);
      CHECK(opened.session->loss() == reported);
      CHECK(reported > 0);
    }
  }
}

TEST_CASE("a part says at which of its epochs a factor left the finite numbers", "[session]") {
  const Sample sample(20, 90, 3, at::kFloat, true);
  const Observed observed = Observed::masked(sample.A, sample.M);
  for (const Engine engine : {Engine::fused, Engine::reference}) {
    for (Case& test : cases(sample, engine)) {
      if (test.name == "norm" || test.name == "als") continue;  // their steps have a bound
      INFO(test.name);
      int64_t epoch = 0;
      for (double lr = 1; epoch <= 1; lr *= 0.8) {  // some lr diverges after a few epochs
        REQUIRE(lr > 0.001);
        std::visit(
            [&]<class Options>(Options& options) {
              options.num_epochs(100);
              if constexpr (std::is_base_of_v<StepOptions<Options>, Options>) options.lr(lr);
            },
            test.method);
        try {
          fit(observed, 3, test.method);
        } catch (const DivergenceError& error) {
          epoch = error.epoch();
        }
      }
      const at::NoGradGuard no_grad;
      const OpenRun opened = open_run("opened", sample.A, sample.M, 3, test.method);
      CHECK(opened.session->advance(1) == 0);
      CHECK(opened.session->advance(99) == epoch - 1);
    }
  }
}

TEST_CASE("what a run gives is its own: later epochs do not change it", "[session]") {
  const Sample sample(8, 32, 3, at::kFloat, false);
  const at::NoGradGuard no_grad;
  for (const Engine engine : {Engine::fused, Engine::reference}) {
    for (const Case& test : cases(sample, engine)) {
      INFO(test.name);
      const OpenRun opened = open_run("opened", sample.A, sample.M, 3, test.method);
      opened.session->advance(1);
      const Factors before = opened.session->factors(), kept{before.U.clone(), before.V.clone()};
      opened.session->advance(10);
      CHECK(same_bits(before, kept));
      CHECK_FALSE(same_bits(opened.session->factors(), kept));
    }
  }
}

TEST_CASE("fit refuses what a method cannot take", "[session]") {
  const Sample sample(8, 32, 3, at::kFloat, true);
  const Observed all = Observed::all(lab1_matrix()), entries = Observed::entries(sample.sparse());
  const auto said = [](const Observed& observed, int64_t rank, const Method& method) {
    return sentence_of([&] { fit(observed, rank, method); });
  };
  CHECK(said(all, 2, AdOptions().mask(lab1_mask())) ==
        "[fit] mask must not be set: the first argument says what is observed.");
  CHECK(said(entries, 2, GdOptions()) ==
        "[fit] A must be dense for full-batch descent, but was sparse. Give its to_dense() with a mask of its entries, "
        "or use SGD, ALS or Gibbs sampling.");
  CHECK(said(entries, 2, AdOptions()) == said(entries, 2, GdOptions()));
  for (const Method& method :
       {Method(SgdOptions()), Method(GdOptions()), Method(AdOptions()), Method(AlsOptions()), Method(GibbsOptions())}) {
    CHECK(
        said(all, 4, method) ==
        "[fit] rank must be at most min(m, n) = 3 for a 3 x 3 matrix, but was 4. Set the option overcomplete, or give "
        "a mask, where more is meant.");
    CHECK(said(all, 0, method) == "[fit] rank must be at least 1, but was 0.");
    const Method more =
        std::visit([](auto options) { return Method(options.overcomplete(true).num_epochs(1)); }, method);
    CHECK(said(all, 4, more).empty());
  }
  CHECK(said(all, 2, SgdOptions().lr(0)) == "[fit] lr must be a finite number above 0, but was 0.");
  CHECK(said(all, 2, SgdOptions().epochs_done(3)) ==
        "[fit] initial must be given with epochs_done: the factors that those epochs led to.");
}
