// Many runs: each has the bits of its single run, on any number of threads, and what ends one ends all.

#include <factorise/runs.h>

#include <ATen/ops/rand.h>
#include <factorise/datasets.h>

#include <algorithm>
#include <numeric>
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
  auto options = Options().num_epochs(s.num_epochs).lr(s.lr).seed(s.seed).initial(s.initial);
  return options.on_epoch(s.on_epoch).stop(s.stop).engine(s.engine.value_or(options.engine()));
}

/// A function of many runs on lab 1's matrix, beside that of one.
struct Pair {
  std::string name;
  std::function<Factors(const RunSettings&)> one;
  std::function<std::vector<Run>(at::ArrayRef<uint64_t>, const RunSettings&, const RunsCallback&)> many;
};

std::vector<Pair> pairs(const Tensor& A = lab1_matrix(), const Tensor& M = lab1_mask(), int64_t rank = 2) {
  using Seeds = at::ArrayRef<uint64_t>;
  using S = RunSettings;
  using F = RunsCallback;
  return {
      {"sgd_factorise", [=](const S& s) { return sgd_factorise(A, rank, options_of<SgdOptions>(s)); },
       [=](Seeds seeds, const S& s, const F& f) {
         return sgd_factorise_runs(A, rank, seeds, options_of<SgdOptions>(s), f);
       }},
      {"sgd_factorise_masked", [=](const S& s) { return sgd_factorise_masked(A, M, rank, options_of<SgdOptions>(s)); },
       [=](Seeds seeds, const S& s, const F& f) {
         return sgd_factorise_masked_runs(A, M, rank, seeds, options_of<SgdOptions>(s), f);
       }},
      {"gd_factorise_masked", [=](const S& s) { return gd_factorise_masked(A, M, rank, options_of<GdOptions>(s)); },
       [=](Seeds seeds, const S& s, const F& f) {
         return gd_factorise_masked_runs(A, M, rank, seeds, options_of<GdOptions>(s), f);
       }},
      {"gd_factorise_ad", [=](const S& s) { return gd_factorise_ad(A, rank, options_of<AdOptions>(s).mask(M)); },
       [=](Seeds seeds, const S& s, const F& f) {
         return gd_factorise_ad_runs(A, rank, seeds, options_of<AdOptions>(s).mask(M), f);
       }},
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

}  // namespace

TEST_CASE("each run has the bits of its single run, diverged or not, on any number of threads", "[runs]") {
  const auto seeds = seeds_from(40, 12);
  for (const Pair& pair : pairs()) {
    const double mixed = mixed_lr(pair, seeds);
    REQUIRE(mixed > 0);
    for (const RunSettings& settings : {RunSettings{}, RunSettings{.num_epochs = 60, .lr = mixed}}) {
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

TEST_CASE("networks too: train_mlp_runs is train_mlp from each seed", "[runs]") {
  const Iris flowers = iris();
  const auto seeds = seeds_from(7, 9);
  for (const auto engine : {Engine::fused, Engine::reference}) {
    for (const double lr : {0.1, 1e38}) {
      const auto options = MlpOptions().variant(MlpVariant::vector_biases).num_epochs(5).lr(lr).engine(engine);
      for (const int threads : {1, 2, 3, 7}) {
        const Threads set(threads);
        const auto runs = train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, options);
        REQUIRE(runs.size() == seeds.size());
        for (size_t i = 0; i < seeds.size(); ++i) {
          CHECK((runs[i].diverged_at > 0) == (lr > 1));
          if (lr > 1) continue;
          const Mlp one = train_mlp(flowers.X, flowers.y, 3, 100, MlpOptions(options).seed(seeds[i]));
          CHECK(at::equal(runs[i].mlp.W1, one.W1));
          CHECK(at::equal(runs[i].mlp.b2, one.b2));
          CHECK(runs[i].mlp.losses == one.losses);
          CHECK(runs[i].mlp.validation_accuracy == one.validation_accuracy);
        }
      }
    }
  }
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
    CHECK(gd_factorise_masked_runs(A, M, 2, {1, 2, 3, 4}, options).size() == 4);
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
  CHECK(sgd_factorise_runs(lab1_matrix(), 2, seeds_from(0, 20), SgdOptions().stop(stop)).size() == 5);
  asked = 0;
  const auto long_runs = SgdOptions().num_epochs((1 << 24) / 18 + 1).lr(1e-6).stop(stop);
  CHECK(sgd_factorise_runs(lab1_matrix(), 2, seeds_from(0, 20), long_runs).empty());
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
    const std::string name = "[" + pair.name + "_runs] ";
    CHECK(said({.seed = 1}) == name + "seed must not be set: each run has its own, of seeds.");
    CHECK(said({.initial = Factors{at::rand({3, 2}), at::rand({3, 2})}}) ==
          name + "initial must not be set: all runs would be one. Runs start from their seeds.");
    CHECK(said({.on_epoch = [](int64_t, double) { return true; }}) ==
          name + "on_epoch must not be set: epochs of several runs pass at once. on_runs tells how many are done.");
    CHECK(said({.num_epochs = -1}) == "[" + pair.name + "] num_epochs must be at least 0, but was -1.");
  }
  for (const Pair& pair : pairs(lab1_matrix(), lab1_mask(), 0)) {
    CHECK(sentence_of([&] { pair.many({}, {}, {}); }) == "[" + pair.name + "] rank must be at least 1, but was 0.");
  }
  const Iris flowers = iris();
  CHECK(sentence_of([&] { train_mlp_runs(flowers.X, flowers.y, 3, 100, seeds, MlpOptions().seed(1)); }) ==
        "[train_mlp_runs] seed must not be set: each run has its own, of seeds.");
  CHECK(sentence_of([&] { train_mlp_runs(flowers.X, flowers.y, 2, 100, seeds); }) ==
        "[train_mlp] y must hold class numbers from 0 to 1, but holds 0 to 2.");
}
