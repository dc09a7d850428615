// What holds for every factoriser, whatever the numbers.

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>

#include <limits>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A ratings-like 7 x 11 matrix and its mask, the same on every call.
struct Sample {
  Tensor A, M;
  explicit Sample(c10::ScalarType type = at::kFloat) {
    at::manual_seed(11);
    A = at::randint(1, 6, {7, 11}, at::TensorOptions(type));
    M = at::rand({7, 11}).lt(0.6);
  }
};

}  // namespace

TEST_CASE("a run of a epochs and b more from its factors equals a run of a + b", "[laws]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Sample sample(type);
    for (const Factoriser& method : methods()) {
      if (is_sampling(method)) continue;
      INFO(label(method) << " " << type);
      const Factors whole = method.run(sample.A, sample.M, {.num_epochs = 7});
      const Factors part = method.run(sample.A, sample.M, {.num_epochs = 3});
      const Factors rest = method.run(sample.A, sample.M, {.num_epochs = 4, .seed = {}, .initial = part});
      CHECK(same_bits(whole, rest));
      CHECK_FALSE(same_bits(whole, part));
    }
  }
}

TEST_CASE("no epochs return the start: U drawn first, then V, from the seed", "[laws]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Sample sample(type);
    for (const Factoriser& method : methods()) {
      INFO(label(method) << " " << type);
      const Factors start = method.run(sample.A, sample.M, {.rank = 3, .num_epochs = 0, .seed = 42});
      at::manual_seed(42);
      const Tensor U = at::rand({7, 3}, at::TensorOptions(type)), V = at::rand({11, 3}, at::TensorOptions(type));
      CHECK(same_bits(start, {U, V}));
      const Factors again = method.run(sample.A, sample.M, {.rank = 3, .num_epochs = 0, .initial = start});
      CHECK(same_bits(again, start));
      CHECK(again.U.data_ptr() != start.U.data_ptr());
    }
  }
}

TEST_CASE("without a seed the global generator is used, with one it is left alone", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    INFO(label(method));
    const Factors seeded = method.run(sample.A, sample.M, {.seed = 5});
    at::manual_seed(5);
    const Factors drawn = method.run(sample.A, sample.M, {.seed = {}});
    at::manual_seed(5);
    CHECK(same_bits(method.run(sample.A, sample.M, {.seed = {}}), is_sampling(method) ? drawn : seeded));
    CHECK_FALSE(same_bits(method.run(sample.A, sample.M, {.seed = {}}), seeded));
    at::manual_seed(9);
    const Tensor expected = at::rand({4});
    at::manual_seed(9);
    method.run(sample.A, sample.M, {.seed = 5});
    CHECK(at::equal(at::rand({4}), expected));
  }
}

TEST_CASE("what is not observed never matters, be it NaN or infinite", "[laws]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Sample sample(type);
    for (const Factoriser& method : methods()) {
      if (!method.masked) continue;
      // Small whole numbers are packed otherwise than others, wide matrices otherwise than tall ones.
      for (const auto& [whole, tall] : {std::pair(true, false), {true, true}, {false, false}, {false, true}}) {
        INFO(label(method) << " " << type << (whole ? ", whole" : "") << (tall ? ", tall" : ""));
        const Tensor numbers = whole ? sample.A : sample.A * 0.37;
        const Tensor given = tall ? numbers.t() : numbers, M = tall ? sample.M.t() : sample.M;
        const Factors plain = method.run(given, M, {});
        for (const double junk : {0.0, 1e30, kNaN, std::numeric_limits<double>::infinity()}) {
          const Tensor A = given.masked_fill(M.logical_not(), junk);
          CHECK(same_bits(method.run(A, M, {}), plain));
          CHECK(squared_error(A, plain, M) == squared_error(given, plain, M));
        }
      }
    }
  }
}

TEST_CASE("a mask of ones changes nothing", "[laws]") {
  const Tensor A = lab1_matrix();
  const Tensor ones = at::full_like(A, 1);
  for (const Engine engine : {Engine::reference, Engine::fused}) {
    const auto sgd = SgdOptions().seed(0).num_epochs(20).engine(engine);
    CHECK(same_bits(sgd_factorise(A, 2, sgd), sgd_factorise_masked(A, ones, 2, sgd)));
    const auto als = AlsOptions().seed(0).engine(engine);
    CHECK(same_bits(als_factorise(A, 2, als), als_factorise_masked(A, ones, 2, als)));
    const auto ad = AdOptions().seed(0).num_epochs(20).engine(engine);
    CHECK(same_bits(gd_factorise_ad(A, 2, ad), gd_factorise_ad(A, 2, AdOptions(ad).mask(ones))));
  }
}

TEST_CASE("masks and ratings of every type mean the same", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    const Factors plain = method.run(sample.A, sample.M, {});
    for (const auto type : {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16,
                            at::kFloat, at::kDouble}) {
      INFO(label(method) << " " << type);
      CHECK(same_bits(method.run(sample.A, sample.M.to(type), {}), plain));
      if (type == at::kBool) continue;
      const Factors typed = method.run(sample.A.to(type), sample.M, {});
      if (type == at::kDouble) {
        CHECK(typed.U.scalar_type() == at::kDouble);
      } else {
        CHECK(same_bits(typed, plain));
      }
    }
    // Bool ratings are 0 and 1.
    const Tensor liked = sample.A.gt(3);
    CHECK(same_bits(method.run(liked, sample.M, {}), method.run(liked.to(at::kFloat), sample.M, {})));
    // Nonzero is observed, whatever the number; it is not a weight.
    CHECK(same_bits(method.run(sample.A, sample.M.to(at::kFloat) * -2.5, {}), plain));
  }
}

TEST_CASE("layout does not matter: transposed, strided, expanded and offset tensors", "[laws]") {
  const Sample sample;
  const Tensor padded = at::full_like(sample.A, 9).repeat({2, 3});
  const Tensor strided = padded.as_strided({7, 11}, {66, 3}, 2);
  strided.copy_(sample.A);
  const Tensor transposed = sample.A.t().contiguous().t();
  const Tensor expanded = sample.A.narrow(0, 0, 1).expand({7, 11});
  CHECK_FALSE(strided.is_contiguous());
  CHECK_FALSE(transposed.is_contiguous());
  for (const Factoriser& method : methods()) {
    INFO(label(method));
    const Factors plain = method.run(sample.A, sample.M, {});
    CHECK(same_bits(method.run(strided, sample.M, {}), plain));
    CHECK(same_bits(method.run(transposed, sample.M.t().contiguous().t(), {}), plain));
    CHECK(same_bits(method.run(expanded, sample.M, {}), method.run(expanded.contiguous(), sample.M, {})));
  }
}

TEST_CASE("inputs are never written to, grad or not", "[laws]") {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Sample sample(type);
    for (const Factoriser& method : methods()) {
      INFO(label(method) << " " << type);
      const Factors plain = method.run(sample.A, sample.M, {});
      const Tensor A = sample.A.clone().requires_grad_(), M = sample.M.to(type).requires_grad_();
      const Factors initial = method.run(sample.A, sample.M, {.num_epochs = 0});
      const Factors kept{initial.U.clone(), initial.V.clone()};
      // A method that draws more than its start needs the seed for that.
      const auto seed = is_sampling(method) ? std::optional<uint64_t>(0) : std::nullopt;
      const Factors result = method.run(A, M, {.seed = seed, .initial = initial});
      CHECK(same_bits(result, plain));
      CHECK_FALSE(result.U.requires_grad());
      CHECK_FALSE(A.grad().defined());
      CHECK(at::equal(A, sample.A));
      CHECK(at::equal(M, sample.M.to(type)));
      CHECK(same_bits(initial, kept));
    }
  }
}

TEST_CASE("the caller's modes change nothing: no_grad, inference mode, autocast", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    INFO(label(method));
    const Factors plain = method.run(sample.A, sample.M, {});
    {
      const at::NoGradGuard no_grad;
      CHECK(same_bits(method.run(sample.A, sample.M, {}), plain));
      CHECK_FALSE(at::GradMode::is_enabled());
    }
    {
      const c10::InferenceMode inference;
      const Tensor A = sample.A.clone(), M = sample.M.clone();
      const Factors result = method.run(A, M, {});
      CHECK(same_bits(result, plain));
      CHECK_FALSE(result.U.is_inference());
    }
    c10::impl::ExcludeDispatchKeyGuard exclude(c10::DispatchKeySet{});
    c10::impl::IncludeDispatchKeyGuard autocast(c10::DispatchKey::AutocastCPU);
    CHECK(same_bits(method.run(sample.A, sample.M, {}), plain));
  }
}

TEST_CASE("permuting the rows permutes U, but for SGD and for draws", "[laws]") {
  const Sample sample(at::kDouble);
  for (const Factoriser& method : methods()) {
    // There the order of the rows is the algorithm, or says which deviates they get.
    if (method.name.starts_with("sgd") || is_sampling(method)) continue;
    INFO(label(method));
    const Tensor order = at::randperm(7, at::TensorOptions(at::kLong));
    const Factors start = method.run(sample.A, sample.M, {.num_epochs = 0});
    const Factors plain = method.run(sample.A, sample.M, {.num_epochs = 20, .seed = {}, .initial = start});
    const Factors permuted =
        method.run(sample.A.index_select(0, order), sample.M.index_select(0, order),
                   {.num_epochs = 20, .seed = {}, .initial = Factors{start.U.index_select(0, order), start.V}});
    // The sums over rows run in another order: equal but for rounding.
    CHECK(at::allclose(permuted.U, plain.U.index_select(0, order), 1e-11, 1e-12));
    CHECK(at::allclose(permuted.V, plain.V, 1e-11, 1e-12));
  }
}

TEST_CASE("on_epoch is called with the epoch and the loss, and false stops the run", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    INFO(label(method));
    std::vector<int64_t> epochs;
    std::vector<double> losses;
    const auto record = [&](int64_t epoch, double loss) {
      epochs.push_back(epoch);
      losses.push_back(loss);
      return epoch < 6;
    };
    const Settings settings{.num_epochs = 7, .report_every = 3, .on_epoch = record};
    const Factors stopped = method.run(sample.A, sample.M, settings);
    CHECK(epochs == std::vector<int64_t>{3, 6});
    CHECK(same_bits(stopped, method.run(sample.A, sample.M, {.num_epochs = 6})));
    const double loss =
        squared_error(sample.A, stopped, method.masked ? std::optional<Tensor>(sample.M) : std::nullopt);
    CHECK(losses.back() == Approx(loss).epsilon(1e-5));
    if (!is_sampling(method)) CHECK(losses.front() > losses.back());

    epochs.clear();
    method.run(sample.A, sample.M, {.num_epochs = 7, .report_every = 3, .on_epoch = [&](int64_t epoch, double) {
                                      epochs.push_back(epoch);
                                      return true;
                                    }});
    CHECK(epochs == std::vector<int64_t>{3, 6, 7});
  }
}

TEST_CASE("on_factors is given what a run of so many epochs returns, to keep, and false stops the run", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    INFO(label(method));
    std::vector<std::pair<int64_t, Factors>> given;
    const auto keep = [&](int64_t epoch, const Factors& factors) {
      given.emplace_back(epoch, factors);
      return epoch != 6;
    };
    const auto stopped = method.run(sample.A, sample.M, {.num_epochs = 11, .factors_every = 3, .on_factors = keep});
    REQUIRE(given.size() == 2);
    for (const auto& [epoch, factors] : given) {
      CHECK(epoch == (&factors == &given[0].second ? 3 : 6));
      CHECK(same_bits(factors, method.run(sample.A, sample.M, {.num_epochs = epoch})));
      CHECK_FALSE(factors.U.requires_grad());
    }
    CHECK(same_bits(stopped, given[1].second));
    given.clear();
    method.run(sample.A, sample.M, {.num_epochs = 4, .factors_every = 3, .on_factors = keep});
    REQUIRE(given.size() == 2);
    CHECK(given[1].first == 4);
    CHECK_THAT(sentence_of([&] { method.run(sample.A, sample.M, {.factors_every = 0}); }),
               contains("factors_every must be at least 1, but was 0."));
  }
}

TEST_CASE("stop is asked before every epoch and ends the run with the factors so far", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    INFO(label(method));
    std::vector<int64_t> asked;
    const Factors stopped = method.run(sample.A, sample.M, {.num_epochs = 9, .stop = [&](int64_t epoch) {
                                                              asked.push_back(epoch);
                                                              return epoch == 3;
                                                            }});
    CHECK(asked == std::vector<int64_t>{0, 1, 2, 3});
    CHECK(same_bits(stopped, method.run(sample.A, sample.M, {.num_epochs = 3})));
  }
}

TEST_CASE("a run that goes on after epochs done has the bits and the epochs of one run", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    if (is_sampling(method)) continue;  // goes on from a posterior: gibbs_test.cpp
    INFO(label(method));
    const Factors whole = method.run(sample.A, sample.M, {.num_epochs = 9});
    const Factors part = method.run(sample.A, sample.M, {.num_epochs = 4});
    std::vector<int64_t> given;
    const auto keep = [&](int64_t epoch, const Factors&) {
      given.push_back(epoch);
      return true;
    };
    const Settings rest{.num_epochs = 9, .initial = part, .factors_every = 3, .on_factors = keep, .epochs_done = 4};
    CHECK(same_bits(method.run(sample.A, sample.M, rest), whole));
    CHECK(given == std::vector<int64_t>{6, 9});
    CHECK(same_bits(method.run(sample.A, sample.M, {.num_epochs = 4, .initial = part, .epochs_done = 4}), part));
    const auto said = [&](const Settings& s) { return sentence_of([&] { method.run(sample.A, sample.M, s); }); };
    CHECK_THAT(said({.num_epochs = 3, .initial = part, .epochs_done = 4}),
               contains("epochs_done must be from 0 to num_epochs = 3, but was 4."));
    CHECK_THAT(said({.epochs_done = 1}), contains("initial must be given with epochs_done"));
  }
}

TEST_CASE("an exception from a callback comes out at the caller", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    INFO(label(method));
    const auto raise = [](int64_t, double) -> bool { throw std::runtime_error("enough"); };
    CHECK_THROWS_AS(method.run(sample.A, sample.M, {.on_epoch = raise}), std::runtime_error);
  }
}

TEST_CASE("a run that leaves the finite numbers names its epoch and what to try", "[laws]") {
  const Sample sample;
  for (const Factoriser& method : methods()) {
    if (!has_step(method)) continue;
    INFO(label(method));
    // Which epoch is the first is read off by running ever more of them.
    int64_t first = 0;
    for (int64_t epochs = 1; epochs <= 60 && first == 0; ++epochs) {
      try {
        const Factors factors = method.run(sample.A, sample.M, {.num_epochs = epochs, .lr = 0.9});
        REQUIRE(factors.U.isfinite().all().item<bool>());
        REQUIRE(factors.V.isfinite().all().item<bool>());
      } catch (const DivergenceError& error) {
        first = epochs;
        CHECK(error.epoch() == epochs);
      }
    }
    REQUIRE(first > 0);
    const std::string sentence = sentence_of([&] { method.run(sample.A, sample.M, {.num_epochs = 1000, .lr = 0.9}); });
    const std::string advice =
        method.name.starts_with("sgd") ? "Try a smaller lr, or weight_decay." : "Try a smaller lr.";
    CHECK(sentence == "[" + method.name + "] diverged: after epoch " + std::to_string(first) +
                          " the result is no longer finite. " + advice);
  }
}

TEST_CASE("weight_decay and lr_decay do what their formulas say", "[laws]") {
  const Tensor A = lab1_matrix(at::kDouble);
  const Factors start = sgd_factorise(A, 1, SgdOptions().num_epochs(0).seed(3));
  const Factors run =
      sgd_factorise(A, 1, SgdOptions().initial(start).num_epochs(2).lr(0.02).weight_decay(0.5).lr_decay(0.25));
  // The definition, in plain C++.
  std::vector<double> u(start.U.data_ptr<double>(), start.U.data_ptr<double>() + 3);
  std::vector<double> v(start.V.data_ptr<double>(), start.V.data_ptr<double>() + 3);
  double lr = 0.02;
  for (int epoch = 0; epoch < 2; ++epoch, lr *= 0.25) {
    for (int r = 0; r < 3; ++r) {
      for (int c = 0; c < 3; ++c) {
        const double g = lr * (A[r][c].item<double>() - u[r] * v[c]);
        u[r] = (1 - lr * 0.5) * u[r] + g * v[c];
        v[c] = (1 - lr * 0.5) * v[c] + g * u[r];
      }
    }
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(run.U[i][0].item<double>() == Approx(u[i]).epsilon(1e-14));
    CHECK(run.V[i][0].item<double>() == Approx(v[i]).epsilon(1e-14));
  }
}
