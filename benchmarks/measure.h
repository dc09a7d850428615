#pragma once
// Taking times, and saying them: one line of JSON a sample.

#include <ATen/Parallel.h>
#include <factorise/factors.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "programs/terminal.h"

namespace factorise::benchmarks {

using nlohmann::ordered_json;

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  double ms() const { return 1e3 * seconds(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

template <class F>
double ms_of(F f) {
  const Stopwatch watch;
  f();
  return watch.ms();
}

/// The median of calls of f, in ms: three at least, and then until `seconds` are spent.
template <class F>
double median_ms(F f, double seconds) {
  std::vector<double> times;
  const Stopwatch watch;
  while (times.size() < 3 || watch.seconds() < seconds) times.push_back(ms_of(f));
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

/// What an epoch of run(epochs) takes, and what the call takes besides.
struct EpochTime {
  double ms, setup_ms;
};

/// From runs of two lengths, so that whatever is done once a call is left out, wherever the callee does it. The long
/// run is lengthened until the difference is `seconds`.
template <class Run>
EpochTime epoch_time(Run run, double seconds) {
  constexpr int64_t kFew = 2, kMost = 20000;
  const double few = ms_of([&] { run(kFew); });
  for (int64_t more = 4;;) {
    const double difference = ms_of([&] { run(kFew + more); }) - few;
    if (difference >= 900 * seconds || more >= kMost) {
      const double ms = difference / static_cast<double>(more);
      return {ms, std::max(0.0, few - static_cast<double>(kFew) * ms)};
    }
    const double factor = difference > 0 ? 1000 * seconds / difference : 8;
    more =
        std::min<int64_t>(kMost, static_cast<int64_t>(static_cast<double>(more) * std::clamp(factor, 1.5, 50.0)) + 1);
  }
}

/// While one lives, torch and the library run on this many threads.
class Threads {
 public:
  explicit Threads(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

/// 1, and `most` where that is another number.
inline std::vector<int> thread_counts(int most) { return most > 1 ? std::vector<int>{1, most} : std::vector<int>{1}; }

inline void print_sample(const ordered_json& sample) { programs::write_stdout(sample.dump() + "\n"); }

}  // namespace factorise::benchmarks
