#pragma once
// The numbers that at::rand draws from a CPU generator, computing only those that are used: for a large sparse matrix a
// few in a hundred. Mersenne Twister: M. Matsumoto and T. Nishimura, ACM TOMACS 8 (1998), with their constants.

#include <array>
#include <cstddef>
#include <cstdint>

namespace factorise {

/// float32 draws, uniform on [0, 1), of a generator that was seeded with the lower 32 bits of `seed`.
class Draws {
 public:
  explicit Draws(uint64_t seed) {
    state_[0] = static_cast<uint32_t>(seed);
    for (uint32_t i = 1; i < kSize; ++i) {
      state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
    }
  }

  /// Skips this many draws.
  void skip(int64_t count) {
    auto left = static_cast<size_t>(count);
    for (; left > kSize - next_; next_ = 0) {
      left -= kSize - next_;
      advance();
    }
    next_ += left;
  }

  float operator()() {
    if (next_ == kSize) {
      advance();
      next_ = 0;
    }
    uint32_t y = state_[next_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680U;
    y ^= (y << 15) & 0xEFC60000U;
    y ^= y >> 18;
    return static_cast<float>(y & 0xFFFFFF) * 0x1p-24F;  // torch's conversion to float
  }

 private:
  static constexpr size_t kSize = 624, kMiddle = 397;

  static uint32_t mix(uint32_t high, uint32_t low) {
    const uint32_t y = (high & 0x80000000U) | (low & 0x7FFFFFFFU);
    return (y >> 1) ^ (-(low & 1U) & 0x9908B0DFU);
  }

  /// The next numbers, all at once: loops that become vectors.
  void advance() {
    for (size_t i = 0; i < kSize - kMiddle; ++i) state_[i] = state_[i + kMiddle] ^ mix(state_[i], state_[i + 1]);
    for (size_t i = kSize - kMiddle; i < kSize - 1; ++i) {
      state_[i] = state_[i + kMiddle - kSize] ^ mix(state_[i], state_[i + 1]);
    }
    state_[kSize - 1] = state_[kMiddle - 1] ^ mix(state_[kSize - 1], state_[0]);
  }

  std::array<uint32_t, kSize> state_{};
  size_t next_ = kSize;
};

}  // namespace factorise
