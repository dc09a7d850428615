// The simulation finds what it is there to find: programs that are wrong in one way each.

#include "simulation.h"

#include "catch.h"

namespace factorise::tests {
namespace {

constexpr int kSeeds = 50;

/// The first complaint about a program of some warps, over some seeds; empty where there is none.
std::string complaint(
    int warps, const std::function<void(SimulatedWarp&)>& program, const std::function<void()>& reset = [] {}) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    reset();
    try {
      Simulation(seed, warps, warps, 256).run(program);
    } catch (const std::logic_error& error) {
      return error.what();
    }
  }
  return "";
}

}  // namespace

TEST_CASE("warps that touch a number unordered are found, and ordered ones are not", "[simulation]") {
  int number = 0;
  uint32_t counter = 0;
  const auto reset = [&] { number = 0, counter = 0; };
  const auto program = [&](bool ordered) {
    return [&number, &counter, ordered](SimulatedWarp& warp) {
      if (warp.number() == 0) {
        warp.write(0, &number, 7);
        warp.announce(&counter);
        return;
      }
      if (ordered) warp.await(&counter, 1);
      if (warp.read(0, &number) != 7) throw std::logic_error("an old number");
    };
  };
  CHECK(complaint(2, program(true), reset) == "");
  CHECK_THAT(complaint(2, program(false), reset), contains("nothing orders the two") || contains("an old number"));
  CHECK_THAT(complaint(2, [&](SimulatedWarp& warp) { warp.write(0, &number, warp.number()); }),
             contains("write to one place"));
}

TEST_CASE("a word may be old when it is read, and arrives at last", "[simulation]") {
  alignas(16) uint64_t words[2] = {};
  int old = 0;
  const auto program = [&](SimulatedWarp& warp) {
    if (warp.number() == 0) {
      for (uint64_t i = 1; i <= 3; ++i) warp.store_pair(0, words, {i, i});
      return;
    }
    uint64_t last = 0;
    while (last < 3) {
      const WordPair pair = warp.load_pair(0, words);
      if (pair.first < last) throw std::logic_error("a word went back");
      old += pair.first != pair.second;
      last = pair.first;
      warp.pause();
    }
  };
  CHECK(complaint(2, program, [&] { words[0] = words[1] = 0; }) == "");
  CHECK(old > 0);
}

TEST_CASE("warps that wait for ever are found", "[simulation]") {
  uint32_t counter = 0;
  CHECK_THAT(complaint(2, [&](SimulatedWarp& warp) { warp.await(&counter, 1); }), contains("deadlock"));
  // The one that is waited for starts when the other has ended.
  const auto program = [&](SimulatedWarp& warp) {
    if (warp.number() == 0)
      warp.await(&counter, 1);
    else
      warp.announce(&counter);
  };
  std::string found;
  for (uint64_t seed = 0; seed < 10 && found.empty(); ++seed) {
    counter = 0;
    try {
      Simulation(seed, 2, 1, 0).run(program);
    } catch (const std::logic_error& error) {
      found = error.what();
    }
  }
  CHECK_THAT(found, contains("deadlock"));
}

TEST_CASE("lanes that share a number without a sync are found", "[simulation]") {
  const auto program = [](bool synced) {
    return [synced](SimulatedWarp& warp) {
      const auto numbers = warp.shared<int>(0);
      warp.each([&](int lane) { numbers.set(lane, lane, lane); });
      if (synced) warp.sync();
      warp.each([&](int lane) {
        if (numbers.get(lane, (lane + 1) % kWarpLanes) != (lane + 1) % kWarpLanes) throw std::logic_error("another");
      });
    };
  };
  CHECK(complaint(1, program(true)) == "");
  CHECK_THAT(complaint(1, program(false)), contains("no sync") || contains("before it was written"));
  CHECK_THAT(complaint(1,
                       [](SimulatedWarp& warp) {
                         const auto numbers = warp.shared<int>(0);
                         warp.each([&](int lane) { numbers.set(lane, lane, lane); });
                         warp.sync();
                         warp.each([&](int lane) { numbers.get(lane, 0); });
                         warp.each([&](int lane) { numbers.set(lane, lane, 1); });
                       }),
             contains("what another reads"));
  CHECK_THAT(complaint(1, [](SimulatedWarp& warp) { warp.shared<int>(0).get(0, 3); }),
             contains("before it was written"));
  CHECK_THAT(complaint(1, [](SimulatedWarp& warp) { warp.shared<int>(0).set(0, 64, 3); }), contains("exceeded"));
}

TEST_CASE("a copy that is used before it was awaited is found", "[simulation]") {
  alignas(16) static constexpr int kFrom[4] = {1, 2, 3, 4};
  const auto program = [](bool awaited) {
    return [awaited](SimulatedWarp& warp) {
      const auto numbers = warp.shared<int>(0);
      warp.copy_async(0, numbers, 0, kFrom);
      warp.end_group();
      warp.end_group();
      if (awaited)
        warp.await_groups<1>();
      else
        warp.await_groups<2>();
      warp.sync();
      if (numbers.get(5, 2) != 3) throw std::logic_error("another");
    };
  };
  CHECK(complaint(1, program(true)) == "");
  CHECK_THAT(complaint(1, program(false)), contains("on its way"));
}

}  // namespace factorise::tests
