#pragma once
// Waiting for another thread: awake for some microseconds, then asleep. With more runnable threads than cores, waiting
// awake alone takes the core from the one that is waited for.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace factorise::cpu {

constexpr int kSpins = 500;  // some 20 microseconds

inline void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Where threads sleep until something that others store has become true.
class Sleepers {
 public:
  /// Returns when done() is true. Whoever makes it true stores with std::memory_order_seq_cst, then calls wake().
  template <class Done>
  void wait_until(Done done) {
    for (int i = 0; i < kSpins; ++i) {
      if (done()) return;
      pause_briefly();
    }
    std::unique_lock lock(mutex_);
    asleep_.fetch_add(1);
    wakened_.wait(lock, done);
    asleep_.fetch_sub(1);
  }

  /// Costs a load where nobody sleeps.
  void wake() {
    if (asleep_.load() == 0) return;
    // Whoever counted itself asleep holds the lock until it really is, or has seen what was stored.
    const std::lock_guard lock(mutex_);
    wakened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wakened_;
  std::atomic<int> asleep_{0};
};

/// A number that only grows (it may wrap around), and that can be waited for.
class Counter {
 public:
  uint32_t value() const { return value_.load(); }
  void add() {
    value_.fetch_add(1);
    sleepers_.wake();
  }
  /// Waits until the value has reached the target.
  void wait_for(uint32_t target) {
    sleepers_.wait_until([&] { return static_cast<int32_t>(value_.load() - target) >= 0; });
  }

 private:
  std::atomic<uint32_t> value_{0};
  Sleepers sleepers_;
};

}  // namespace factorise::cpu
