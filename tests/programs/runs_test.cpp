// Runs over seeds: the threads change the time and nothing else.

#include <atomic>
#include <stdexcept>

#include "programs/runs.h"

#include "catch.h"

using namespace factorise;
using namespace factorise::programs;

namespace {

[[noreturn]] void diverge() { throw DivergenceError({"f", "file", 1}, "diverged", 3); }

}  // namespace

TEST_CASE("results come in the order of the seeds for every thread count", "[runs]") {
  for (const int threads : {0, 1, 2, 7, 100}) {
    const auto runs = for_seeds(40, 25, threads, [](uint64_t seed) { return 2.0 * static_cast<double>(seed); });
    REQUIRE(runs.finite.size() == 25);
    for (size_t i = 0; i < 25; ++i) CHECK(runs.finite[i] == 80.0 + 2.0 * static_cast<double>(i));
    CHECK(runs.diverged == 0);
    CHECK(runs.complete);
  }
}

TEST_CASE("every seed is run once, and none where none is asked for", "[runs]") {
  std::vector<std::atomic<int>> calls(30);
  for_seeds(0, 30, 4, [&](uint64_t seed) { return ++calls[seed]; });
  for (const auto& count : calls) CHECK(count == 1);
  CHECK(for_seeds(0, 0, 4, [](uint64_t) { return 1; }).complete);
}

TEST_CASE("diverged runs are counted and the others kept", "[runs]") {
  const auto runs = for_seeds(0, 10, 3, [](uint64_t seed) {
    if (seed % 3 == 0) diverge();
    return seed;
  });
  CHECK(runs.diverged == 4);
  CHECK(runs.finite == std::vector<uint64_t>{1, 2, 4, 5, 7, 8});
  CHECK(runs.complete);
}

TEST_CASE("any other exception is thrown on", "[runs]") {
  const auto run = [](int threads) {
    for_seeds(0, 10, threads, [](uint64_t seed) -> int {
      if (seed == 5) throw std::invalid_argument("five");
      return 0;
    });
  };
  CHECK_THROWS_AS(run(1), std::invalid_argument);
  CHECK_THROWS_AS(run(4), std::invalid_argument);
}
