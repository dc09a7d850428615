#pragma once
// What a kernel may do, seen from one warp. Kernels are templates over such a warp, P, and use nothing else: on the GPU
// P is the class below, in tests/cuda/ it is simulated, with other warps' steps between any two of its own.
//
// Code that differs between lanes stands in each(): the function is called once for every lane, on the GPU by all
// lanes at once. A lane's own numbers live in a PerLane between calls. Lanes see each other's stores to shared memory
// after sync(), which stands outside each(), as does whatever has no `lane` among its arguments.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "contract/sgd.h"

#ifdef __CUDACC__
#define FACTORISE_DEVICE __device__ __forceinline__
#define FACTORISE_UNROLL_ALL _Pragma("unroll")
#define FACTORISE_UNROLL_EIGHT _Pragma("unroll 8")
#define FACTORISE_UNROLL_NONE _Pragma("unroll 1")
#else
#define FACTORISE_DEVICE inline
#define FACTORISE_UNROLL_ALL
#define FACTORISE_UNROLL_EIGHT
#define FACTORISE_UNROLL_NONE
#endif

namespace factorise::cuda {

constexpr int kWarpLanes = 32;

/// In place of the epoch, from 1, after which a run's factors were not finite first.
constexpr uint32_t kNeverDiverged = ~uint32_t{0};

template <class T>
FACTORISE_HOST_DEVICE inline bool is_finite(T value) {
  return value - value == T(0);
}

/// Two words that are read or written at once, though each by itself: one may be newer than the other.
struct WordPair {
  uint64_t first, second;
};

#ifdef __CUDACC__

/// Numbers in the part of the block's shared memory that belongs to one warp.
template <class T>
class Shared {
 public:
  __device__ explicit Shared(T* begin) : begin_(begin) {}
  __device__ T get(int /*lane*/, int index) const { return begin_[index]; }
  __device__ void set(int /*lane*/, int index, T value) const { begin_[index] = value; }
  __device__ T* begin() const { return begin_; }

 private:
  T* begin_;
};

class Warp {
 public:
  template <class S>
  struct PerLane {
    S own;
    __device__ S& operator[](int) { return own; }
    __device__ const S& operator[](int) const { return own; }
  };

  /// shared: the warp's part of shared memory, aligned to 16 bytes.
  __device__ explicit Warp(std::byte* shared) : shared_(shared), lane_(static_cast<int>(threadIdx.x) % kWarpLanes) {}

  template <class F>
  FACTORISE_DEVICE void each(F f) {
    f(lane_);
  }
  FACTORISE_DEVICE void sync() { __syncwarp(); }
  FACTORISE_DEVICE bool all(const PerLane<bool>& flags) { return __all_sync(~0U, flags.own); }
  /// Of every lane the number that the lane `distance` further on has; the last ones keep theirs.
  template <class T>
  FACTORISE_DEVICE PerLane<T> shift_down(const PerLane<T>& value, int distance) {
    return {__shfl_down_sync(~0U, value.own, distance)};
  }

  // ---- shared memory

  /// `offset` in bytes from the begin of the warp's part, a multiple of 16.
  template <class T>
  FACTORISE_DEVICE Shared<T> shared(size_t offset) {
    return Shared<T>(reinterpret_cast<T*>(shared_ + offset));
  }
  /// Begins to copy 16 bytes to to[index ...]; both sides are aligned to 16 bytes.
  template <class T>
  FACTORISE_DEVICE void copy_async(int /*lane*/, Shared<T> to, int index, const void* from) {
    const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(to.begin() + index));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from) : "memory");
  }
  /// What was begun since the last call is one group.
  FACTORISE_DEVICE void end_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }
  /// Until all groups but the last `pending` are there, each lane's own; sync() tells the other lanes.
  template <int pending>
  FACTORISE_DEVICE void await_groups() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
  }

  // ---- global memory that no other warp writes meanwhile, or that await() has made known

  template <class T>
  FACTORISE_DEVICE T read(int /*lane*/, const T* from) {
    return *from;
  }
  /// The same for what is used much later: it is read here, where a compiler would rather do it just before its use.
  template <class T>
  FACTORISE_DEVICE T read_ahead(int /*lane*/, const T* from) {
    Words<T> words;
    if constexpr (sizeof(T) == 16) {
      asm volatile("ld.global.v2.u64 {%0, %1}, [%2];" : "=l"(words.first), "=l"(words.second) : "l"(from));
    } else {
      static_assert(sizeof(T) == 4 || sizeof(T) == 8);
      if constexpr (sizeof(T) == 8)
        asm volatile("ld.global.u64 %0, [%1];" : "=l"(words.first) : "l"(from));
      else
        asm volatile("ld.global.u32 %0, [%1];" : "=r"(words.first) : "l"(from));
    }
    return std::bit_cast<T>(words);
  }
  /// Where not `condition`, nothing is read, and `otherwise` is the result. No branch.
  template <class T>
  FACTORISE_DEVICE T read_ahead_if(int /*lane*/, bool condition, const T* from, T otherwise) {
    auto words = std::bit_cast<Words<T>>(otherwise);
    const auto flag = static_cast<int>(condition);
    if constexpr (sizeof(T) == 16) {
      asm volatile("{.reg .pred p; setp.ne.s32 p, %3, 0; @p ld.global.v2.u64 {%0, %1}, [%2];}"
                   : "+l"(words.first), "+l"(words.second)
                   : "l"(from), "r"(flag));
    } else if constexpr (sizeof(T) == 8) {
      asm volatile("{.reg .pred p; setp.ne.s32 p, %2, 0; @p ld.global.u64 %0, [%1];}"
                   : "+l"(words.first)
                   : "l"(from), "r"(flag));
    } else if constexpr (sizeof(T) == 4) {
      asm volatile("{.reg .pred p; setp.ne.s32 p, %2, 0; @p ld.global.u32 %0, [%1];}"
                   : "+r"(words.first)
                   : "l"(from), "r"(flag));
    } else {
      static_assert(sizeof(T) == 1);
      uint32_t word = words.first;
      asm volatile("{.reg .pred p; setp.ne.s32 p, %2, 0; @p ld.global.u8 %0, [%1];}"
                   : "+r"(word)
                   : "l"(from), "r"(flag));
      words.first = static_cast<uint8_t>(word);
    }
    return std::bit_cast<T>(words);
  }
  template <class T>
  FACTORISE_DEVICE void write(int /*lane*/, T* to, T value) {
    *to = value;
  }

  // ---- words that warps pass to each other, each a value by itself: no order between them is promised

  FACTORISE_DEVICE WordPair load_pair(int /*lane*/, const uint64_t* from) {
    WordPair pair;
    asm volatile("ld.relaxed.gpu.global.v2.u64 {%0, %1}, [%2];"
                 : "=l"(pair.first), "=l"(pair.second)
                 : "l"(from)
                 : "memory");
    return pair;
  }
  FACTORISE_DEVICE void store_pair(int /*lane*/, uint64_t* to, WordPair pair) {
    asm volatile("st.relaxed.gpu.global.v2.u64 [%0], {%1, %2};" ::"l"(to), "l"(pair.first), "l"(pair.second)
                 : "memory");
  }

  // ---- one number for all lanes

  /// What the first lane has.
  template <class T>
  FACTORISE_DEVICE T first(const PerLane<T>& value) {
    return __shfl_sync(~0U, value.own, 0);
  }
  /// Adds 1, and returns what was there before.
  FACTORISE_DEVICE uint64_t claim(uint64_t* counter) { return first(begin_claim(counter)); }
  /// The same, to be had by first(), so that the number is on its way while other things are done.
  FACTORISE_DEVICE PerLane<uint64_t> begin_claim(uint64_t* counter) {
    unsigned long long before = 0;
    if (lane_ == 0) before = atomicAdd(reinterpret_cast<unsigned long long*>(counter), 1ULL);
    return {before};
  }
  /// As it may have been a while ago.
  FACTORISE_DEVICE uint32_t peek(const uint32_t* from) { return first(begin_peek(from)); }
  /// The same, to be had by first().
  FACTORISE_DEVICE PerLane<uint32_t> begin_peek(const uint32_t* from) {
    uint32_t value;
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(from) : "memory");
    return {value};
  }
  /// Sets a number to `value` where that is smaller.
  FACTORISE_DEVICE void lower(uint32_t* to, uint32_t value) {
    if (lane_ == 0) atomicMin(to, value);
  }
  /// Adds 1. A warp that sees this in await() also sees what this warp's lanes, and those it awaited, wrote before.
  FACTORISE_DEVICE void announce(uint32_t* counter) {
    __syncwarp();
    if (lane_ == 0) asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
  }
  /// Whether the counter has come to `count`, for good.
  FACTORISE_DEVICE bool has_come(const uint32_t* counter, uint32_t count) {
    uint32_t value = 0;
    if (lane_ == 0) asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(counter) : "memory");
    value = __shfl_sync(~0U, value, 0);
    __syncwarp();  // which hands on to all lanes what the first acquired
    return value >= count;
  }
  /// Looks without acquiring until the count is there: to acquire empties the first-level cache of all warps beside.
  FACTORISE_DEVICE void await(const uint32_t* counter, uint32_t count) {
    while (peek(counter) < count) pause();
    has_come(counter, count);
  }
  /// Between two looks at what others are to write.
  FACTORISE_DEVICE void pause() { __nanosleep(20); }

 private:
  /// A T as registers hold it.
  template <size_t bytes, class Dummy = void>
  struct WordsOf {
    std::conditional_t<bytes == 8, uint64_t, std::conditional_t<bytes == 4, uint32_t, uint8_t>> first;
  };
  template <class Dummy>
  struct WordsOf<16, Dummy> {
    uint64_t first, second;
  };
  template <class T>
  using Words = WordsOf<sizeof(T)>;

  std::byte* shared_;
  int lane_;
};

#endif  // __CUDACC__

}  // namespace factorise::cuda
