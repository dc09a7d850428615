#pragma once
// Waiting for another thread: awake for a while, then asleep. With more runnable threads than cores, a thread that only
// spins takes the core from the thread that it waits for.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace factorise::cpu {

inline void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// How long to look again before going to sleep: some 20 microseconds with the core held, then 2 milliseconds offering
/// it to any thread that can run. Being woken takes from 50 microseconds to milliseconds (on virtual machines, whose
/// idle cores are given away), so a thread sleeps only when the wait is long anyway.
class Backoff {
 public:
  /// Waits a little. False where it is time to sleep.
  bool look_again() {
    if (looks_++ < kHeld) {
      pause_briefly();
      return true;
    }
    if (looks_ == kHeld + 1) offered_since_ = Clock::now();
    std::this_thread::yield();
    return Clock::now() - offered_since_ < kOffered;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kHeld = 500;
  static constexpr std::chrono::microseconds kOffered{2000};
  int looks_ = 0;
  Clock::time_point offered_since_;
};

/// Threads that sleep until a condition on what other threads store is true.
class Sleepers {
 public:
  /// Returns when done() is true. The thread that makes it true stores with std::memory_order_seq_cst, then calls
  /// wake().
  template <class Done>
  void wait_until(Done done) {
    Backoff backoff;
    do {
      if (done()) return;
    } while (backoff.look_again());
    std::unique_lock lock(mutex_);
    asleep_.fetch_add(1);
    wakened_.wait(lock, done);
    asleep_.fetch_sub(1);
  }

  /// Costs a load where no thread sleeps.
  void wake() {
    if (asleep_.load() == 0) return;
    // A thread that has counted itself in asleep_ holds the lock until it waits, or until it has read what was stored.
    const std::lock_guard lock(mutex_);
    wakened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wakened_;
  std::atomic<int> asleep_{0};
};

}  // namespace factorise::cpu
