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

}  // namespace factorise::cpu
