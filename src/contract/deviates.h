#pragma once
// The random numbers of Gibbs sampling, as code. Each is a function of a seed and a counter that names what is drawn,
// so that threads and instruction sets do not matter (Salmon, Moraes, Dror and Shaw, SC 2011: Philox4x32-10). No
// function of the C library is called whose rounding is its own. It must be compiled without contraction or reordering
// of floating point (-ffp-contract=off).

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace factorise {

using Words = std::array<uint32_t, 4>;

constexpr uint32_t kPhiloxMultipliers[2] = {0xD2511F53, 0xCD9E8D57};
constexpr uint32_t kPhiloxSteps[2] = {0x9E3779B9, 0xBB67AE85};
constexpr int kPhiloxRounds = 10;

/// Philox4x32-10.
inline Words philox(uint64_t seed, Words counter) {
  uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t first = uint64_t{kPhiloxMultipliers[0]} * counter[0];
    const uint64_t second = uint64_t{kPhiloxMultipliers[1]} * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += kPhiloxSteps[0];
    key[1] += kPhiloxSteps[1];
  }
  return counter;
}

/// What is drawn: the fourth word of the counter.
enum class DrawOf : uint32_t { rows, columns, prior_of_rows, prior_of_columns, noise };

/// The deviates of one half of a sweep; the row and the block are the counter's other words.
struct DeviateSource {
  uint64_t seed = 0;
  uint32_t sweep = 0;
  DrawOf of = DrawOf::rows;

  Words words(uint32_t block, uint32_t row) const {
    return philox(seed, {block, row, sweep, static_cast<uint32_t>(of)});
  }
};

/// Standard normal deviates of one block, in float32.
constexpr int kNormalsOfBlock = 4;

/// The numbers of the float32 normals: of the logarithm, whose argument is split at sqrt(1/2), and of sine and cosine
/// on
/// [-pi/4, pi/4].
struct NormalNumbers {
  static constexpr float kStep = 0x1p-31f, kHalfStep = 0x1p-32f;
  static constexpr int32_t kSplit = 0x3F3504F3;
  static constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  static constexpr float kArtanh[4] = {1.0f / 9, 1.0f / 7, 1.0f / 5, 1.0f / 3};
  static constexpr float kAngle = static_cast<float>(1.5707963267948966 / (1 << 30));
  static constexpr float kSine[4] = {1.0f / 362880, -1.0f / 5040, 1.0f / 120, -1.0f / 6};
  static constexpr float kCosine[4] = {1.0f / 40320, -1.0f / 720, 1.0f / 24, -0.5f};
};

/// Two standard normal deviates from two words (Box and Muller, 1958).
inline std::array<float, 2> normal_pair(uint32_t of_radius, uint32_t of_angle) {
  using N = NormalNumbers;
  const float u = std::fma(static_cast<float>(static_cast<int32_t>(of_radius >> 1)), N::kStep, N::kHalfStep);
  const auto bits = std::bit_cast<int32_t>(u);
  const int32_t exponent = (bits - N::kSplit) >> 23;
  const auto m = std::bit_cast<float>(bits - exponent * (1 << 23));
  const float s = (m - 1) / (m + 1), s2 = s * s, twice = s + s;
  float p = N::kArtanh[0];
  for (int k = 1; k < 4; ++k) p = std::fma(p, s2, N::kArtanh[k]);
  p = p * s2;
  const auto e = static_cast<float>(exponent);
  const float log = std::fma(e, N::kLn2High, std::fma(e, N::kLn2Low, std::fma(twice, p, twice)));
  const float radius = std::sqrt(-2 * log);

  const uint32_t quadrant = of_angle >> 30;
  const float a = static_cast<float>(static_cast<int32_t>(of_angle & 0x3FFFFFFF) - 0x20000000) * N::kAngle;
  const float a2 = a * a;
  float sine = N::kSine[0], cosine = N::kCosine[0];
  for (int k = 1; k < 4; ++k) {
    sine = std::fma(sine, a2, N::kSine[k]);
    cosine = std::fma(cosine, a2, N::kCosine[k]);
  }
  sine = std::fma(a * a2, sine, a);
  cosine = std::fma(a2, cosine, 1.0f);
  const float x = quadrant & 1 ? sine : cosine, y = quadrant & 1 ? cosine : sine;
  return {radius * ((quadrant ^ quadrant >> 1) & 1 ? -x : x), radius * (quadrant >> 1 ? -y : y)};
}

/// The deviates of a block of a row: unknown i has number i % 4 of block i / 4.
inline std::array<float, kNormalsOfBlock> normals(const DeviateSource& source, uint32_t block, uint32_t row) {
  const Words words = source.words(block, row);
  const auto [a, b] = normal_pair(words[0], words[1]);
  const auto [c, d] = normal_pair(words[2], words[3]);
  return {a, b, c, d};
}

/// The natural logarithm of a positive normal number, to 2 units in the last place.
inline double logarithm(double x) {
  const auto bits = std::bit_cast<int64_t>(x);
  const int64_t exponent = (bits - 0x3FE6A09E667F3BCD) >> 52;  // split at sqrt(1/2)
  const auto m = std::bit_cast<double>(bits - exponent * (int64_t{1} << 52));
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double p = 0;
  for (int k = 21; k >= 3; k -= 2) p = (p + 1.0 / k) * s2;
  const auto e = static_cast<double>(exponent);
  // The high part of ln 2 has 32 bits, so that its product with an exponent is exact.
  return e * 0x1.62E42FEEp-1 + (e * 0x1.A39EF35793C76p-33 + (2 * s + 2 * s * p));
}

/// A sequence of float64 deviates: the blocks of row 0 of a source, one after another.
class Deviates {
 public:
  explicit Deviates(const DeviateSource& source) : source_(source) {}

  /// Uniform on (0, 1): (k + 1/2) 2^-52 for the next 52 bits k.
  double uniform() { return (static_cast<double>(next() >> 12) + 0.5) * 0x1p-52; }

  /// Standard normal.
  double normal() {
    if (has_second_) {
      has_second_ = false;
      return second_;
    }
    const double radius = std::sqrt(-2 * logarithm(uniform()));
    const uint64_t word = next();
    const uint64_t quadrant = word >> 62;
    // 53 bits, centred: an angle in [-pi/4, pi/4).
    const auto centred = static_cast<int64_t>((word & 0x3FFFFFFFFFFFFFFF) >> 9) - (int64_t{1} << 52);
    const double a = static_cast<double>(centred) * (0x1.921FB54442D18p+0 * 0x1p-53), a2 = a * a;
    double sine = 0, cosine = 0;
    for (int k = 18; k >= 2; k -= 2) {
      sine = (1 - sine) * a2 / (k * (k + 1));
      cosine = (1 - cosine) * a2 / (k * (k - 1));
    }
    sine = a * (1 - sine);
    cosine = 1 - cosine;
    const double x = quadrant & 1 ? sine : cosine, y = quadrant & 1 ? cosine : sine;
    second_ = radius * (quadrant >> 1 ? -y : y);
    has_second_ = true;
    return radius * ((quadrant ^ quadrant >> 1) & 1 ? -x : x);
  }

  /// Gamma with this shape, >= 1, and rate 1 (Marsaglia and Tsang, ACM TOMS 26(3), 2000).
  double gamma(double shape) {
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = normal(), root = 1 + c * x;
      const double u = uniform();
      if (!(root > 0)) continue;
      const double v = root * root * root;
      if (logarithm(u) < 0.5 * x * x + d - d * v + d * logarithm(v)) return d * v;
    }
  }

 private:
  uint64_t next() {
    if (used_ == 2) {
      words_ = source_.words(block_++, 0);
      used_ = 0;
    }
    const size_t at = 2 * static_cast<size_t>(used_++);
    return uint64_t{words_[at]} << 32 | words_[at + 1];
  }

  DeviateSource source_;
  uint32_t block_ = 0;
  int used_ = 2;  // of the two numbers of a block
  Words words_{};
  double second_ = 0;
  bool has_second_ = false;
};

}  // namespace factorise
