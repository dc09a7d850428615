// Steps of several epochs: as long as reports and questions leave them, and each epoch once.

#include "core/driver.h"

#include <thread>

#include "catch.h"

namespace factorise::tests {
namespace {

/// A session that notes what it is asked for, and whose epochs take so long each.
class Notes final : public Session {
 public:
  explicit Notes(double seconds_an_epoch = 0) : seconds_an_epoch_(seconds_an_epoch) {}

  int64_t advance(int64_t epochs) override {
    lengths.push_back(epochs);
    total += epochs;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds_an_epoch_ * static_cast<double>(epochs)));
    return diverges_in;
  }
  double loss() override {
    reported.push_back(total);
    return 0.0;
  }
  Factors factors() override { return {}; }

  std::vector<int64_t> lengths, reported;
  int64_t total = 0, diverges_in = 0;

 private:
  double seconds_an_epoch_;
};

Schedule schedule(int64_t epochs, StopRequest stop = {}, EpochCallback on_epoch = {}, int64_t report_every = 1) {
  return {"f", "patience", epochs, std::move(stop), report_every, std::move(on_epoch)};
}

std::vector<int64_t> lengths(const Schedule& schedule, double seconds_an_epoch = 0) {
  Notes notes(seconds_an_epoch);
  CHECK(drive(notes, schedule) == notes.total);
  return notes.lengths;
}

const EpochCallback kGoOn = [](int64_t, double) { return true; };
const StopRequest kNever = [](int64_t) { return false; };

}  // namespace

TEST_CASE("without observers a run is one step", "[driver]") {
  CHECK(lengths(schedule(1000)) == std::vector<int64_t>{1000});
  CHECK(lengths(schedule(0)).empty());
}

TEST_CASE("steps end where a report is due", "[driver]") {
  Notes notes;
  drive(notes, schedule(25, {}, kGoOn, 10));
  CHECK(notes.lengths == std::vector<int64_t>{10, 10, 5});
  CHECK(notes.reported == std::vector<int64_t>{10, 20, 25});
}

TEST_CASE("stop is called before every epoch, or after some time, with the epochs done", "[driver]") {
  std::vector<int64_t> asked;
  const StopRequest note = [&](int64_t epoch) {
    asked.push_back(epoch);
    return false;
  };
  CHECK(lengths(schedule(5, note)) == std::vector<int64_t>(5, 1));
  CHECK(asked == std::vector<int64_t>{0, 1, 2, 3, 4});

  asked.clear();
  Schedule now_and_then = schedule(1000, note);
  now_and_then.between_stops = 1e3;
  CHECK(lengths(now_and_then).size() == 10);  // 1, 2, 4, ...
  CHECK(asked == std::vector<int64_t>{0, 1, 3, 7, 15, 31, 63, 127, 255, 511});

  // Epochs that take longer than that are asked for one by one.
  Schedule slow = schedule(5, kNever);
  slow.between_stops = 1e-9;
  CHECK(lengths(slow, 1e-3) == std::vector<int64_t>(5, 1));

  // Reports stay where they are due.
  Schedule reports = schedule(20, kNever, kGoOn, 6);
  reports.between_stops = 1e3;
  Notes notes;
  drive(notes, reports);
  CHECK(notes.reported == std::vector<int64_t>{6, 12, 18, 20});
}

TEST_CASE("factors are given where they are due, beside the reports", "[driver]") {
  std::vector<int64_t> given;
  Schedule both = schedule(25, {}, kGoOn, 10);
  both.factors_every = 4;
  both.on_factors = [&](int64_t epoch, const Factors&) {
    given.push_back(epoch);
    return epoch < 20;
  };
  Notes notes;
  CHECK(drive(notes, both) == 20);
  CHECK(notes.lengths == std::vector<int64_t>{4, 4, 2, 2, 4, 4});
  CHECK(notes.reported == std::vector<int64_t>{10, 20});
  CHECK(given == std::vector<int64_t>{4, 8, 12, 16, 20});
}

TEST_CASE("epochs that were done before count, and are not run", "[driver]") {
  Schedule rest = schedule(25, {}, kGoOn, 10);
  rest.epochs_done = 7;
  Notes notes;
  CHECK(drive(notes, rest) == 25);
  CHECK(notes.lengths == std::vector<int64_t>{3, 10, 5});
  notes.diverges_in = 2;
  CHECK_THROWS_WITH(drive(notes, rest), contains("[f] diverged: after epoch 9 the result is no longer finite."));
}

TEST_CASE("a stop ends a run between two steps", "[driver]") {
  Notes notes;
  CHECK(drive(notes, schedule(100, [](int64_t epoch) { return epoch == 3; })) == 3);
  CHECK(notes.total == 3);
  Notes unobserved;
  CHECK(drive_unobserved(unobserved, schedule(100, [](int64_t epoch) { return epoch == 4; })) == 4);
}

}  // namespace factorise::tests
