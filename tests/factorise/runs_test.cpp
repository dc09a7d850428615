// Many runs: those of a factoriser have the bits of their single runs, those of train_mlp are near them, on any number
// of threads, and what ends one ends all.

#include <factorise/runs.h>

#include <ATen/ops/allclose.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <factorise/datasets.h>
#include <factorise/mlp.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "catch.h"
#include "methods.h"
#include "threads.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

std::vector<uint64_t> seeds_from(uint64_t first, size_t count) {
  std::vector<uint64_t> seeds(count);
  std::iota(seeds.begin(), seeds.end(), first);
  return seeds;
}

struct RunSettings {
  int64_t num_epochs = 20;
  double lr = 0.01;
  std::optional<uint64_t> seed = std::nullopt;
  std::optional<Factors> initial = std::nullopt;
  EpochCallback on_epoch = nullptr;
  StopRequest stop = nullptr;
  std::optional<Engine> engine = std::nullopt;  // not given: the default
};

template <class Options>
Options options_of(const RunSettings& s) {
  auto options = Options().num_epochs(s.num_epochs).seed(s.seed).initial(s.initial);
  if constexpr (std::is_base_of_v<StepOptions<Options>, Options>) options.lr(s.lr);
  return options.on_epoch(s.on_epoch).stop(s.stop).engine(s.engine.value_or(options.engine()));
}

/// Runs of a method on lab 1's matrix, beside one run of it.
struct Pair {
  std::string name;
  std::function<Factors(const RunSettings&)> one;
  std::function<std::vector<Run>(at::ArrayRef<uint64_t>, const RunSettings&, const RunsCallback&)> many;
};

std::vector<Pair> pairs(const Tensor& A = lab1_matrix(), const Tensor& M = lab1_mask(), int64_t rank = 2) {
  using S = RunSettings;
  const auto many_of = [rank]<class Options>(const Observed& observed, Options) {
    return [observed, rank](at::ArrayRef<uint64_t> seeds, const S& s, const RunsCallback& f) {
      return fit_runs(observed, rank, seeds, options_of<Options>(s), f);
    };
  };
  const Observed all = Observed::all(A), masked = Observed::masked(A, M);
  const Tensor sparse = A.mul(M.ne(0)).to_sparse();
  return {
      {"sgd_factorise", [=](const S& s) { return sgd_factorise(A, rank, options_of<SgdOptions>(s)); },
       many_of(all, SgdOptions())},
      {"sgd_factorise_masked", [=](const S& s) { return sgd_factorise_masked(A, M, rank, options_of<SgdOptions>(s)); },
       many_of(masked, SgdOptions())},
      {"sgd_factorise_entries",
       [=](const S& s) { return sgd_factorise_entries(sparse, rank, options_of<SgdOptions>(s)); },
       many_of(Observed::entries(sparse), SgdOptions())},
      {"als_factorise_masked", [=](const S& s) { return als_factorise_masked(A, M, rank, options_of<AlsOptions>(s)); },
       many_of(masked, AlsOptions())},
      {"als_factorise_entries",
       [=](const S& s) { return als_factorise_entries(sparse, rank, options_of<AlsOptions>(s)); },
       many_of(Observed::entries(sparse), AlsOptions())},
      {"gibbs_factorise_masked",
       [=](const S& s) { return gibbs_factorise_masked(A, M, rank, options_of<GibbsOptions>(s)).factors(); },
       many_of(masked, GibbsOptions())},
      {"gd_factorise_masked", [=](const S& s) { return gd_factorise_masked(A, M, rank, options_of<GdOptions>(s)); },
       many_of(masked, GdOptions())},
      {"gd_factorise_ad", [=](const S& s) { return gd_factorise_ad(A, rank, options_of<AdOptions>(s).mask(M)); },
       many_of(masked, AdOptions())},
  };
}

/// The single run of a seed, as many runs give it.
Run single(const Pair& pair, RunSettings settings, uint64_t seed) {
  settings.seed = seed;
  try {
    return {pair.one(settings)};
  } catch (const DivergenceError& error) {
    return {{}, error.epoch()};
  }
}

bool same(const Run& a, const Run& b) {
  return a.diverged_at == b.diverged_at && (a.diverged_at > 0 || same_bits(a.factors, b.factors));
}

/// A step size at which some seeds diverge and some do not.
double mixed_lr(const Pair& pair, at::ArrayRef<uint64_t> seeds) {
  for (double lr = 0.02; lr < 2; lr *= 1.05) {
    const auto diverges = [&](uint64_t seed) {
      return single(pair, {.num_epochs = 60, .lr = lr}, seed).diverged_at > 0;
    };
    const auto count = std::count_if(seeds.begin(), seeds.end(), diverges);
    if (count > 1 && count + 1 < std::ssize(seeds)) return lr;
  }
  return 0;
}

constexpr MlpVariant kVariants[] = {MlpVariant::scalar_biases, MlpVariant::vector_biases, MlpVariant::xavier};

/// Seeds that one thread trains in three parts, on iris.
constexpr int64_t kSeveralParts = 400;

bool same_network(const MlpRun& a, const MlpRun& b) {
  const auto same = [&](auto weight) { return at::equal(a.mlp.*weight, b.mlp.*weight); };
  return same(&Mlp::W1) && same(&Mlp::b1) && same(&Mlp::W2) && same(&Mlp::b2) && a.mlp.losses == b.mlp.losses &&
         a.mlp.train_accuracy == b.mlp.train_accuracy && a.mlp.validation_accuracy == b.mlp.validation_accuracy;
}

}  // namespace

TEST_CASE("each run has the bits of its single run, diverged or not, on any number of threads", "[runs]") {
  const auto seeds = seeds_from(40, 12);
  for (const Pair& pair : pairs()) {
    std::vector<RunSettings> both{RunSettings{}};
    if (!pair.name.starts_with("als") && !pair.name.starts_with("gibbs")) {  // which have no step size
      both.push_back({.num_epochs = 60, .lr = mixed_lr(pair, seeds)});
      REQUIRE(both.back().lr > 0);
    }
    for (const RunSettings& settings : both) {
      std::vector<Run> singles;
      for (const uint64_t seed : seeds) singles.push_back(single(pair, settings, seed));
      for (const int threads : {1, 2, 3, 7}) {
        INFO(pair.name << ", lr " << settings.lr << ", " << threads << " threads");
        const Threads set(threads);
        const auto runs = pair.many(seeds, settings, {});
        CHECK(std::equal(runs.begin(), runs.end(), singles.begin(), singles.end(), same));
        CHECK(at::get_num_threads() == threads);
      }
    }
  }
}

TEST_CASE("networks are near their single runs after 100 epochs", "[runs]") {
  const Threads one_thread(1);
  const Iris flowers = iris(at::kDouble);
  const auto seeds = seeds_from(7, 20);
  for (const MlpVariant variant : kVariants) {
    const auto options = MlpOptions().variant(variant).lr(0.1);
    const auto runs = train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, options);
    REQUIRE(runs.size() == seeds.size());
    for (size_t i = 0; i < seeds.size(); ++i) {
      INFO("variant " << static_cast<int>(variant) << ", seed " << seeds[i]);
      const Mlp &ours = runs[i].mlp, one = train_mlp(flowers.X, flowers.y, 3, 100, MlpOptions(options).seed(seeds[i]));
      CHECK(runs[i].diverged_at == 0);
      for (const auto weight : {&Mlp::W1, &Mlp::b1, &Mlp::W2, &Mlp::b2}) {
        REQUIRE((ours.*weight).sizes() == (one.*weight).sizes());
        // The rounding of 100 or 700 steps of 0.1 and less: 2e-14 at most when this was written.
        CHECK(at::allclose(ours.*weight, one.*weight, 1e-12, 1e-12));
      }
      REQUIRE(ours.losses.size() == one.losses.size());
      for (size_t k = 0; k < one.losses.size(); ++k) CHECK(ours.losses[k] == Approx(one.losses[k]).epsilon(1e-12));
      CHECK(ours.train_accuracy == one.train_accuracy);
      CHECK(ours.validation_accuracy == one.validation_accuracy);
    }
  }
}

TEST_CASE("networks diverge after the epoch of their single runs, and disturb no other run", "[runs]") {
  const Threads one_thread(1);
  const Iris flowers = iris(at::kDouble);
  const auto seeds = seeds_from(0, 40);
  // At this step the weights grow without bound, and some leave float64 within these epochs.
  const auto options = MlpOptions().num_epochs(120).lr(32);
  const auto runs = train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, options);
  REQUIRE(runs.size() == seeds.size());
  std::set<int64_t> epochs;
  for (size_t i = 0; i < seeds.size(); ++i) {
    INFO("seed " << seeds[i]);
    int64_t diverged_at = 0;
    Mlp one;
    try {
      one = train_mlp(flowers.X, flowers.y, 3, 100, MlpOptions(options).seed(seeds[i]));
    } catch (const DivergenceError& error) {
      diverged_at = error.epoch();
    }
    epochs.insert(diverged_at);
    CHECK(runs[i].diverged_at == diverged_at);
    CHECK(runs[i].mlp.W1.defined() == (diverged_at == 0));
    CHECK(runs[i].mlp.losses.size() == (diverged_at == 0 ? 120 : 0));
    if (diverged_at == 0) CHECK(at::allclose(runs[i].mlp.W1, one.W1));
  }
  CHECK(epochs.contains(0));
  CHECK(epochs.size() > 2);
}

TEST_CASE("a network depends neither on the other seeds nor on the threads", "[runs]") {
  const auto seeds = seeds_from(7, kSeveralParts);
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Iris flowers = iris(type);
    for (const MlpVariant variant : kVariants) {
      const auto options = MlpOptions().variant(variant).num_epochs(4).lr(0.1);
      const auto train = [&](at::ArrayRef<uint64_t> from, int threads) {
        const Threads set(threads);
        const auto runs = train_mlp_runs(flowers.X, flowers.y, 3, 100, from, options);
        CHECK(at::get_num_threads() == threads);
        return runs;
      };
      const auto runs = train(seeds, 1);
      REQUIRE(runs.size() == seeds.size());
      for (const int threads : {2, 3, 7}) {
        INFO(threads << " threads");
        const auto others = train(seeds, threads);
        CHECK(std::equal(runs.begin(), runs.end(), others.begin(), others.end(), same_network));
      }
      for (const size_t i : {0, 1, 149, 398}) CHECK(same_network(train({seeds[i]}, 2)[0], runs[i]));
      CHECK(same_network(train({seeds[398], seeds[0], seeds[399]}, 1)[2], runs[399]));
    }
  }
}

TEST_CASE("on_runs and stop of networks", "[runs]") {
  const Threads one(1);
  const Iris flowers = iris();
  const auto seeds = seeds_from(0, kSeveralParts);
  const auto options = MlpOptions().num_epochs(5);
  std::vector<int64_t> told;
  const auto on_runs = [&](int64_t done, int64_t total) {
    CHECK(total == kSeveralParts);
    told.push_back(done);
  };
  const auto all = train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, options, on_runs);
  CHECK(told == std::vector<int64_t>{133, 266, 400});
  // Asked once before all, before each part, and before each of its epochs.
  int asked = 0;
  told.clear();
  const auto stop = [&](int64_t) { return ++asked == 10; };
  const auto some = train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, MlpOptions(options).stop(stop), on_runs);
  CHECK(told == std::vector<int64_t>{133});
  CHECK(asked == 10);
  REQUIRE(some.size() == 133);
  CHECK(std::equal(some.begin(), some.end(), all.begin(), same_network));
  // On several threads: by the caller alone.
  const Threads three(3);
  const auto caller = std::this_thread::get_id();
  bool elsewhere = false;
  const auto never = [&](int64_t) {
    elsewhere = elsewhere || std::this_thread::get_id() != caller;
    return false;
  };
  told.clear();
  CHECK(train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, MlpOptions(options).stop(never), on_runs).size() == 400);
  CHECK_FALSE(elsewhere);
  CHECK(std::adjacent_find(told.begin(), told.end(), std::greater_equal<>()) == told.end());
  CHECK(told.back() == 400);
  const auto at_once = MlpOptions(options).stop([](int64_t) { return true; });
  CHECK(train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, at_once, on_runs).empty());
  CHECK(train_mlp_runs(flowers.X, flowers.y, 3, 100, {}, options, on_runs).empty());
  CHECK_THROWS_AS(train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, options,
                                 [](int64_t, int64_t) { throw std::domain_error("told"); }),
                  std::domain_error);
}

TEST_CASE("a network too large for two at once is trained with all threads", "[runs]") {
  const Threads three(3);
  const auto threads_within = [](int64_t rows) {
    const Tensor X = at::rand({rows, 4}), y = at::randint(0, 3, {rows}, at::TensorOptions(at::kLong));
    int seen = 0;
    const auto look = [&](int64_t) {
      seen = at::get_num_threads();
      return false;
    };
    const auto options = MlpOptions().num_epochs(1).lr(0.1);
    const auto runs = train_mlp_runs(X, y, 3, rows - 100, {1, 2}, MlpOptions(options).stop(look));
    const Mlp one = train_mlp(X, y, 3, rows - 100, MlpOptions(options).seed(2));
    CHECK(at::allclose(runs.at(1).mlp.W1, one.W1, 1e-6, 1e-6));
    return seen;
  };
  constexpr int64_t kLargest = (1 << 18) / (4 + 12 + 3);
  CHECK(threads_within(kLargest) == 1);
  CHECK(threads_within(kLargest + 1) == 3);
}

TEST_CASE("small problems run side by side on one thread each, large ones after one another on all", "[runs]") {
  const Threads three(3);
  const auto threads_within = [](const Tensor& A) {
    int seen = 0;
    const auto look = [&](int64_t) {
      seen = at::get_num_threads();
      return false;
    };
    const Tensor M = A.ge(0);
    // Of the reference: its limit can be crossed in little time.
    const auto options = GdOptions().num_epochs(1).engine(Engine::reference).stop(look);
    CHECK(fit_runs(Observed::masked(A, M), 2, {1, 2, 3, 4}, options).size() == 4);
    return seen;
  };
  CHECK(threads_within(at::rand({128, 128})) == 1);
  CHECK(threads_within(at::rand({128, 129})) == 3);
}

TEST_CASE("progress and stop are the calling thread's", "[runs]") {
  const auto caller = std::this_thread::get_id();
  const auto seeds = seeds_from(0, 30);
  for (const Pair& pair : pairs()) {
    for (const int threads : {1, 4}) {
      const Threads set(threads);
      INFO(pair.name << ", " << threads << " threads");
      std::vector<int64_t> told;
      bool elsewhere = false;
      const auto here = [&] { elsewhere = elsewhere || std::this_thread::get_id() != caller; };
      const auto on_runs = [&](int64_t done, int64_t total) {
        here();
        CHECK(total == 30);
        told.push_back(done);
      };
      const auto never = [&](int64_t) {
        here();
        return false;
      };
      CHECK(pair.many(seeds, {.stop = never}, on_runs).size() == 30);
      CHECK_FALSE(elsewhere);
      CHECK(std::adjacent_find(told.begin(), told.end(), std::greater_equal<>()) == told.end());
      REQUIRE_FALSE(told.empty());
      CHECK(told.back() == 30);
    }
  }
}

TEST_CASE("a stop ends all runs and leaves those before the first unfinished one", "[runs]") {
  const auto seeds = seeds_from(0, 50);
  for (const Pair& pair : pairs()) {
    for (const int threads : {1, 2, 7}) {
      INFO(pair.name << ", " << threads << " threads");
      const Threads set(threads);
      int asked = 0;
      bool asked_again = false;
      const auto stop = [&](int64_t) {
        asked_again = asked > 45;
        return ++asked > 45;
      };
      const RunSettings reference{.stop = stop, .engine = Engine::reference};
      const auto runs = pair.many(seeds, reference, {});
      CHECK_FALSE(asked_again);
      for (size_t i = 0; i < runs.size(); ++i) {
        CHECK(same(runs[i], single(pair, {.engine = Engine::reference}, seeds[i])));
      }
      // With one thread: once before all, then before each run and each of its 20 epochs. With more, the others may
      // have done all runs meanwhile.
      if (threads == 1) CHECK(runs.size() == 2);
      CHECK(pair.many(seeds, {.stop = [](int64_t) { return true; }}, {}).empty());
    }
  }
}

TEST_CASE("short fused runs are finished before stop is asked again", "[runs]") {
  const Threads one(1);
  int asked = 0;
  const auto stop = [&](int64_t) { return ++asked == 7; };
  // Before all, and before each of the first five and the sixth.
  CHECK(fit_runs(Observed::all(lab1_matrix()), 2, seeds_from(0, 20), SgdOptions().stop(stop)).size() == 5);
  asked = 0;
  const auto long_runs = SgdOptions().num_epochs((1 << 24) / 18 + 1).lr(1e-6).stop(stop);
  CHECK(fit_runs(Observed::all(lab1_matrix()), 2, seeds_from(0, 20), long_runs).empty());
}

TEST_CASE("an exception of a callback ends all runs and comes out", "[runs]") {
  for (const int threads : {1, 3}) {
    const Threads set(threads);
    for (const Pair& pair : pairs()) {
      const auto seeds = seeds_from(0, 20);
      CHECK_THROWS_AS(pair.many(seeds, {}, [](int64_t, int64_t) { throw std::domain_error("told"); }),
                      std::domain_error);
      int asked = 0;
      const auto stop = [&](int64_t) -> bool {
        if (++asked == 2) throw std::range_error("asked");
        return false;
      };
      CHECK_THROWS_AS(pair.many(seeds, {.stop = stop}, {}), std::range_error);
      CHECK(at::get_num_threads() == threads);
    }
  }
}

TEST_CASE("runs of no seeds are none, and what makes no sense over seeds is refused", "[runs]") {
  const auto seeds = seeds_from(0, 3);
  for (const Pair& pair : pairs()) {
    INFO(pair.name);
    CHECK(pair.many({}, {}, {}).empty());
    const auto said = [&](const RunSettings& settings) { return sentence_of([&] { pair.many(seeds, settings, {}); }); };
    const std::string name = "[fit_runs] ";
    CHECK(said({.seed = 1}) == name + "seed must not be set: each run has its own, of seeds.");
    CHECK(said({.initial = Factors{at::rand({3, 2}), at::rand({3, 2})}}) ==
          name + "initial must not be set: all runs would be one. Runs start from their seeds.");
    CHECK(said({.on_epoch = [](int64_t, double) { return true; }}) ==
          name + "on_epoch must not be set: epochs of several runs pass at once. on_runs tells how many are done.");
    CHECK(said({.num_epochs = -1}) == name + "num_epochs must be at least 0, but was -1.");
  }
  for (const Pair& pair : pairs(lab1_matrix(), lab1_mask(), 0)) {
    CHECK(sentence_of([&] { pair.many({}, {}, {}); }) == "[fit_runs] rank must be at least 1, but was 0.");
  }
  const Iris flowers = iris();
  CHECK(sentence_of([&] { train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, MlpOptions().seed(1)); }) ==
        "[train_mlp_runs] seed must not be set: each run has its own, of seeds.");
  CHECK(sentence_of([&] { train_mlp_runs(flowers.X, flowers.y, 2, 100, seeds); }) ==
        "[train_mlp] y must hold class numbers from 0 to 1, but holds 0 to 2.");
}
