// A crew does every task once, with fewer and with more threads than cores, call after call.

#include "cpu/threads/crew.h"

#include <ATen/Parallel.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "catch.h"

namespace factorise::cpu {

TEST_CASE("every task is done once, and its result is there when the call returns", "[crew][threads]") {
  for (const int64_t threads : {1, 2, 3, 16}) {
    Crew crew(threads);
    CHECK(crew.threads() == threads);
    std::vector<int> done;  // not atomic: tasks and calls are ordered by the crew
    for (int call = 0; call < 2000; ++call) {
      const int64_t tasks = call % 37;
      done.assign(tasks, 0);
      crew.for_each(tasks, [&](int64_t i) { done[i] += call + 1; });
      REQUIRE(std::all_of(done.begin(), done.end(), [&](int count) { return count == call + 1; }));
    }
  }
}

TEST_CASE("a crew ends, however soon after its last call", "[crew][threads]") {
  // A helper that was about to take a task when the crew ended once waited for ever.
  for (int i = 0; i < 5000; ++i) {
    std::atomic<int64_t> sum{0};
    Crew crew(2 + i % 3);
    crew.for_each(2 + i % 5, [&](int64_t task) { sum += task + 1; });
    const int64_t tasks = 2 + i % 5;
    REQUIRE(sum == tasks * (tasks + 1) / 2);
  }
}

TEST_CASE("crews of two threads work side by side, and one that never worked ends", "[crew][threads]") {
  const Crew idle(4);
  int64_t sums[2] = {};
  const auto work = [&](int64_t which) {
    Crew crew(3);
    for (int call = 0; call < 500; ++call) {
      std::atomic<int64_t> sum{0};
      crew.for_each(20, [&](int64_t i) { sum += i; });
      sums[which] += sum;
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  CHECK(sums[0] == 500 * 190);
  CHECK(sums[1] == 500 * 190);
}

TEST_CASE("what a task throws comes out of the call, and the next one is sound", "[crew][threads]") {
  for (const int64_t threads : {1, 2, 5}) {
    Crew crew(threads);
    for (int call = 0; call < 200; ++call) {
      const auto task = [&](int64_t i) {
        if (i % 20 == call % 20) throw std::runtime_error("from a task");
      };
      CHECK_THROWS_AS(crew.for_each(50, task), std::runtime_error);
      std::atomic<int64_t> sum{0};
      crew.for_each(20, [&](int64_t i) { sum += i; });
      CHECK(sum == 190);
    }
  }
}

TEST_CASE("a lasting crew serves one call after another, of any size, and the child of a fork", "[crew]") {
  for (const int threads : {1, 2, 7, 2, 3}) {
    for (int call = 0; call < 200; ++call) {
      std::vector<int> done(static_cast<size_t>(threads));
      for_workers(threads, [&](int64_t i) { done[static_cast<size_t>(i)] += 1; });
      REQUIRE(std::all_of(done.begin(), done.end(), [](int count) { return count == 1; }));
    }
  }
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // what hangs ends
    std::atomic<int> sum{0};
    for_workers(3, [&](int64_t i) { sum += static_cast<int>(i); });
    _exit(sum == 3 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("the child of a fork ends, though its crew's threads are not there to be waited for", "[crew]") {
  for_workers(2, [](int64_t) {});
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // what hangs ends
    // Ends the thread, and with it the crew, but nothing else of the parent's.
    std::atexit([] { _exit(0); });
    std::exit(1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("little work gets one thread, much work no more than torch has", "[crew][threads]") {
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  CHECK(threads_for(0) == 1);
  CHECK(threads_for(1e5) == 1);
  CHECK(threads_for(1e12) == 3);
  at::set_num_threads(before);
}

}  // namespace factorise::cpu
