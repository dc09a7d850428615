#pragma once
// Warps without a GPU: each is a fiber, and which goes on is drawn from a seed at every access to global memory. What a
// GPU leaves open is drawn too: which lane is first, whether a word that another warp wrote is seen yet, when an
// asynchronous copy arrives, in which order blocks start. What a GPU would forgive is an error here: a number that two
// warps, or two lanes without a sync between, touch unordered, one of them writing; shared memory read before it was
// written; a copy used before it was awaited; warps that wait for ever.
//
// Order between warps follows vector clocks, as in FastTrack (Flanagan and Freund, PLDI 2009).

#include <ucontext.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "cuda/warp.h"

namespace factorise::tests {

using cuda::kWarpLanes;
using cuda::WordPair;

class SimulatedWarp;

/// A launch of some warps, one a block.
class Simulation {
 public:
  using Clock = std::vector<uint32_t>;

  /// At most `resident` of the warps live at a time: the next starts where one has ended.
  Simulation(uint64_t seed, int warps, int resident, size_t shared_bytes);

  /// Runs program(warp) on each. Throws what one of them threw, or what was found wrong.
  void run(const std::function<void(SimulatedWarp&)>& program);

  /// How often a warp was suspended, for tests that would know whether warps took turns at all.
  int64_t switches() const { return switches_; }

 private:
  friend class SimulatedWarp;

  struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    std::unique_ptr<SimulatedWarp> warp;
    bool ended = false;
  };
  /// The last accesses to a number in global memory: the writer, and the readers since.
  struct Access {
    int writer = -1;
    uint32_t written = 0;
    std::map<int, uint32_t> read;
  };
  struct Written {
    uint64_t value;
    int writer;
    uint32_t clock;
  };
  /// A word that warps pass to each other: its last values, and the newest that each warp has seen.
  struct Word {
    std::vector<Written> values;  // the first is the oldest that may still be seen
    int64_t first = 0;            // its number
    std::map<int, int64_t> seen;
  };

  static void start(uint32_t high, uint32_t low);
  void launch(int warp);
  void suspend(bool waiting);
  int64_t draw(int64_t below) { return std::uniform_int_distribution<int64_t>(0, below - 1)(random_); }
  [[noreturn]] void fail(const std::string& what) const { throw std::logic_error(what); }

  bool before(int warp, uint32_t clock, int other) const { return clocks_[other][warp] >= clock; }
  void check_read(int warp, const void* at, size_t bytes);
  void check_write(int warp, const void* at, size_t bytes);
  uint64_t load_word(int warp, const uint64_t* at);
  void store_word(int warp, uint64_t* at, uint64_t value);

  std::mt19937_64 random_;
  int warps_, resident_;
  size_t shared_bytes_;
  const std::function<void(SimulatedWarp&)>* program_ = nullptr;
  ucontext_t scheduler_;
  std::vector<Fiber> fibers_;
  std::vector<int> waiting_to_start_;
  int running_ = -1;
  std::exception_ptr error_;
  bool ending_ = false;
  int64_t idle_ = 0;  // times that warps waited since one of them last gave the others something
  int64_t switches_ = 0;
  std::vector<Clock> clocks_;
  std::unordered_map<uintptr_t, Access> accesses_;
  std::unordered_map<uintptr_t, Word> words_;
  std::unordered_map<uintptr_t, Clock> counters_;
};

/// Thrown through a warp to end it where another has failed.
struct Abandoned {};

/// Shared memory of a simulated warp as numbers.
template <class T>
class SimulatedShared {
 public:
  SimulatedShared(SimulatedWarp& warp, size_t offset) : warp_(&warp), offset_(offset) {}
  T get(int lane, int index) const;
  void set(int lane, int index, T value) const;
  size_t offset_of(int index) const { return offset_ + static_cast<size_t>(index) * sizeof(T); }

 private:
  SimulatedWarp* warp_;
  size_t offset_;
};

/// The interface of cuda::Warp, whose comments hold here too.
class SimulatedWarp {
 public:
  template <class S>
  struct PerLane {
    std::array<S, kWarpLanes> all{};
    S& operator[](int lane) { return all[lane]; }
    const S& operator[](int lane) const { return all[lane]; }
  };

  SimulatedWarp(Simulation& simulation, int number);

  template <class F>
  void each(F f) {
    // Any order of the lanes must do: a lane to begin with, and a direction.
    const int first = static_cast<int>(simulation_.draw(kWarpLanes)), step = simulation_.draw(2) ? 1 : kWarpLanes - 1;
    for (int i = 0; i < kWarpLanes; ++i) f((first + i * step) % kWarpLanes);
  }
  void sync() { ++interval_; }
  bool all(const PerLane<bool>& flags) {
    for (const bool flag : flags.all) {
      if (!flag) return false;
    }
    return true;
  }
  template <class T>
  PerLane<T> shift_down(const PerLane<T>& value, int distance) {
    PerLane<T> result = value;
    for (int lane = 0; lane + distance < kWarpLanes; ++lane) result[lane] = value[lane + distance];
    return result;
  }

  template <class T>
  SimulatedShared<T> shared(size_t offset) {
    return {*this, offset};
  }
  template <class T>
  void copy_async(int lane, SimulatedShared<T> to, int index, const void* from) {
    if (to.offset_of(index) % 16 || reinterpret_cast<uintptr_t>(from) % 16) fail("copy_async of what is not aligned");
    simulation_.check_read(number_, from, 16);
    begin_copy(lane, to.offset_of(index), from);
  }
  void end_group() { copies_.emplace_back(); }
  template <int pending>
  void await_groups() {
    while (copies_.size() > pending + 1) finish_copies();
  }

  template <class T>
  T read(int, const T* from) {
    simulation_.check_read(number_, from, sizeof(T));
    return *from;
  }
  template <class T>
  T read_ahead(int lane, const T* from) {
    return read(lane, from);
  }
  template <class T>
  T read_ahead_if(int lane, bool condition, const T* from, T otherwise) {
    return condition ? read(lane, from) : otherwise;
  }
  template <class T>
  void write(int, T* to, T value) {
    simulation_.check_write(number_, to, sizeof(T));
    *to = value;
  }

  WordPair load_pair(int, const uint64_t* from) {
    maybe_suspend();
    if (reinterpret_cast<uintptr_t>(from) % 16) fail("load_pair of what is not aligned");
    return {simulation_.load_word(number_, from), simulation_.load_word(number_, from + 1)};
  }
  void store_pair(int, uint64_t* to, WordPair pair) {
    maybe_suspend();
    if (reinterpret_cast<uintptr_t>(to) % 16) fail("store_pair to what is not aligned");
    simulation_.store_word(number_, to, pair.first);
    simulation_.store_word(number_, to + 1, pair.second);
  }

  template <class T>
  T first(const PerLane<T>& value) {
    return value[0];
  }
  uint64_t claim(uint64_t* counter) {
    maybe_suspend();
    simulation_.idle_ = 0;
    return (*counter)++;
  }
  PerLane<uint64_t> begin_claim(uint64_t* counter) {
    PerLane<uint64_t> result;  // which only the first lane has
    result[0] = claim(counter);
    return result;
  }
  uint32_t peek(const uint32_t* from) {
    maybe_suspend();
    return *from;
  }
  PerLane<uint32_t> begin_peek(const uint32_t* from) {
    PerLane<uint32_t> result;
    result[0] = peek(from);
    return result;
  }
  void lower(uint32_t* to, uint32_t value) {
    maybe_suspend();
    if (value < *to) *to = value;
  }
  void announce(uint32_t* counter);
  bool has_come(const uint32_t* counter, uint32_t count);
  void await(const uint32_t* counter, uint32_t count) {
    while (!has_come(counter, count)) pause();
  }
  void pause() { simulation_.suspend(/*waiting=*/true); }

  int number() const { return number_; }

 private:
  friend class Simulation;
  template <class T>
  friend class SimulatedShared;

  /// A byte of shared memory: which lanes wrote and read it, and in which interval between two syncs.
  struct Cell {
    int writer = -1;  // -1: never written
    int64_t written = -1;
    int reader = -1;  // kMany: several
    int64_t read = -1;
    bool in_flight = false;
  };
  struct Copy {
    int lane;
    size_t to;
    const void* from;
  };
  static constexpr int kMany = -2;

  [[noreturn]] void fail(const std::string& what) const { simulation_.fail(what); }
  void maybe_suspend() {
    if (simulation_.draw(4) == 0) simulation_.suspend(/*waiting=*/false);
  }
  void touch(int lane, size_t offset, size_t bytes, bool writes);
  void begin_copy(int lane, size_t to, const void* from);
  void finish_copies();

  Simulation& simulation_;
  int number_;
  int64_t interval_ = 0;
  std::vector<std::byte> memory_;
  std::vector<Cell> cells_;
  std::vector<std::vector<Copy>> copies_ = std::vector<std::vector<Copy>>(1);  // the last group is open
};

template <class T>
T SimulatedShared<T>::get(int lane, int index) const {
  warp_->touch(lane, offset_of(index), sizeof(T), false);
  T value;
  std::memcpy(&value, warp_->memory_.data() + offset_of(index), sizeof(T));
  return value;
}

template <class T>
void SimulatedShared<T>::set(int lane, int index, T value) const {
  warp_->touch(lane, offset_of(index), sizeof(T), true);
  std::memcpy(warp_->memory_.data() + offset_of(index), &value, sizeof(T));
}

}  // namespace factorise::tests
