// Steps of several epochs: as long as reports and questions leave them, and each epoch once.

#include "core/driver.h"

#include <thread>

#include "catch.h"

namespace factorise::tests {
namespace {

struct Steps {
  std::vector<int64_t> lengths, reported;
  int64_t asked = 0;

  int64_t total() const {
    int64_t sum = 0;
    for (const int64_t length : lengths) sum += length;
    return sum;
  }
};

/// Runs epochs that take so long each.
Steps run(int64_t epochs, Schedule schedule, double seconds_an_epoch = 0) {
  Steps steps;
  schedule.num_epochs = epochs;
  if (schedule.stop) {
    schedule.stop = [&, stop = schedule.stop] {
      ++steps.asked;
      return stop();
    };
  }
  run_epoch_steps(
      schedule,
      [&](int64_t count) {
        steps.lengths.push_back(count);
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds_an_epoch * static_cast<double>(count)));
        return int64_t{0};
      },
      [&] {
        steps.reported.push_back(steps.total());
        return 0.0;
      },
      [] { return Factors(); });
  return steps;
}

const EpochCallback kGoOn = [](int64_t, double) { return true; };
const StopRequest kNever = [] { return false; };

}  // namespace

TEST_CASE("a run without callbacks is one step", "[epochs]") {
  CHECK(run(1000, {"f", 0, 1, {}, {}, ""}).lengths == std::vector<int64_t>{1000});
  CHECK(run(0, {"f", 0, 1, {}, {}, ""}).lengths.empty());
}

TEST_CASE("steps end where a report is due", "[epochs]") {
  const Steps steps = run(25, {"f", 0, 10, kGoOn, {}, ""});
  CHECK(steps.lengths == std::vector<int64_t>{10, 10, 5});
  CHECK(steps.reported == std::vector<int64_t>{10, 20, 25});
}

TEST_CASE("a stop is asked for before every epoch, or after some time", "[epochs]") {
  const Steps each = run(7, {"f", 0, 1, {}, kNever, ""});
  CHECK(each.lengths == std::vector<int64_t>(7, 1));
  CHECK(each.asked == 7);

  Schedule now_and_then{"f", 0, 1, {}, kNever, "", /*between_stops=*/1e3};
  const Steps few = run(1000, now_and_then);
  CHECK(few.total() == 1000);
  CHECK(few.lengths.size() == 10);  // 1, 2, 4, ...
  CHECK(few.asked == 512);          // once for each epoch before the last step, and at first

  // Epochs that take longer than that are asked for one by one.
  now_and_then.between_stops = 1e-9;
  CHECK(run(5, now_and_then, 1e-3).lengths == std::vector<int64_t>(5, 1));

  // Reports stay where they are due.
  now_and_then.between_stops = 1e3;
  now_and_then.on_epoch = kGoOn;
  now_and_then.report_every = 6;
  CHECK(run(20, now_and_then).reported == std::vector<int64_t>{6, 12, 18, 20});
}

TEST_CASE("factors are given where they are due, beside the reports", "[epochs]") {
  std::vector<int64_t> given;
  Schedule schedule{"f", 0, 10, kGoOn, {}, ""};
  schedule.factors_every = 4;
  schedule.on_factors = [&](int64_t epoch, const Factors&) {
    given.push_back(epoch);
    return epoch < 20;
  };
  const Steps steps = run(25, schedule);
  CHECK(steps.lengths == std::vector<int64_t>{4, 4, 2, 2, 4, 4});
  CHECK(steps.reported == std::vector<int64_t>{10, 20});
  CHECK(given == std::vector<int64_t>{4, 8, 12, 16, 20});
}

TEST_CASE("a stop ends a run between two steps", "[epochs]") {
  int64_t left = 3;
  const Steps steps = run(100, {"f", 0, 1, {}, [&] { return left-- == 0; }, ""});
  CHECK(steps.total() == 3);
}

}  // namespace factorise::tests
