// Threads that take the next of many runs from a counter.

#include "methods/side_by_side.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace factorise {
namespace {

constexpr std::chrono::milliseconds kAskAgain{50};  // between calls of `stop` once the caller has no run left

/// Gives each run one torch thread: a run is too small to split, and the torch threads of several runs would compete.
class OneTorchThread {
 public:
  OneTorchThread() { at::set_num_threads(1); }
  OneTorchThread(const OneTorchThread&) = delete;
  OneTorchThread& operator=(const OneTorchThread&) = delete;
  ~OneTorchThread() { at::set_num_threads(before_); }

 private:
  const int before_ = at::get_num_threads();
};

/// The runs and how far they are.
class Runs {
 public:
  Runs(int64_t total, const StopRequest& stop, const RunsCallback& on_runs, const NumberedRun& run)
      : total_(total), stop_(stop), on_runs_(on_runs), run_(run), finished_(static_cast<size_t>(total), 0) {}

  /// Calls `stop`. The caller calls this once before the workers begin, so that a stop requested earlier starts no run.
  bool asked_to_stop() {
    if (!ended_ && stop_ && stop_(done_)) ended_ = true;
    return ended_;
  }

  /// The loop of a worker: takes runs until none is left or the runs are to end.
  void work() {
    while (take_next([this] { return ended_.load(std::memory_order_relaxed); })) {
    }
  }

  /// The loop of the calling thread: takes runs as a worker does, and alone calls `stop` and on_runs.
  void work_and_report(int64_t workers) {
    try {
      while (take_next([this] { return asked_to_stop(); })) report();
      std::unique_lock lock(mutex_);
      while (!one_left_.wait_for(lock, kAskAgain, [&] { return left_ == workers; })) {
        lock.unlock();
        asked_to_stop();
        report();
        lock.lock();
      }
      lock.unlock();
      report();
    } catch (...) {
      fail(total_, std::current_exception());
    }
  }

  /// Called by a worker that has ended.
  void leave() {
    const std::lock_guard lock(mutex_);
    ++left_;
    one_left_.notify_one();
  }

  /// Called once all workers have ended.
  int64_t result() {
    if (error_) std::rethrow_exception(error_);
    return std::find(finished_.begin(), finished_.end(), 0) - finished_.begin();
  }

 private:
  /// Takes one run; false where none is left, or all are to end.
  template <class Stop>
  bool take_next(Stop stop) {
    if (stop()) return false;
    const int64_t i = next_++;
    if (i >= total_) return false;
    bool cut_short = false;
    try {
      run_(i, stop_ ? StopRequest([&](int64_t) { return cut_short = stop(); }) : StopRequest());
    } catch (...) {
      fail(i, std::current_exception());
      return false;
    }
    if (cut_short) return false;
    const std::lock_guard lock(mutex_);
    finished_[static_cast<size_t>(i)] = 1;
    ++done_;
    return true;
  }

  void report() {
    const int64_t done = done_;
    if (on_runs_ && done != reported_) on_runs_(reported_ = done, total_);
  }

  void fail(int64_t i, std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!error_ || i < failed_) {
      error_ = std::move(error);
      failed_ = i;
    }
    ended_ = true;
  }

  const int64_t total_;
  const StopRequest& stop_;
  const RunsCallback& on_runs_;
  const NumberedRun& run_;
  std::atomic<int64_t> next_{0}, done_{0};
  std::atomic<bool> ended_{false};
  int64_t reported_ = 0;  // used by the caller alone
  std::mutex mutex_;      // guards all below
  std::condition_variable one_left_;
  std::vector<char> finished_;
  int64_t left_ = 0, failed_ = 0;
  std::exception_ptr error_;
};

}  // namespace

int64_t for_each_run(int64_t total, int threads, const StopRequest& stop, const RunsCallback& on_runs,
                     const NumberedRun& run) {
  Runs runs(total, stop, on_runs, run);
  if (total == 0 || runs.asked_to_stop()) return 0;
  if (threads == 0) {
    runs.work_and_report(0);
    return runs.result();
  }
  {
    const OneTorchThread caller;
    std::vector<std::jthread> workers;
    const auto work = [&runs] {
      const OneTorchThread worker;
      runs.work();
      runs.leave();
    };
    try {
      while (std::ssize(workers) < std::min<int64_t>(threads, total) - 1) workers.emplace_back(work);
    } catch (const std::system_error&) {
      // The system starts no more threads: the ones already started take all runs.
    }
    runs.work_and_report(std::ssize(workers));
  }
  return runs.result();
}

}  // namespace factorise
