// Ratings for machines that cannot have the course's: a biased low-rank taste model with noise, as recommender papers
// assume it (Koren, Bell, Volinsky, "Matrix factorization techniques for recommender systems", 2009), seen where a
// movie's popularity and a user's activity, both long-tailed, bring the two together.
//
// The bits are the same on every machine: raw std::mt19937_64, and + - * / sqrt alone, which IEEE 754 rounds in one
// way. So there is no std::normal_distribution (each library's own) and no exp or log (whose last bit varies).

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <factorise/datasets.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <random>

namespace factorise {
namespace {

constexpr int64_t kMovies = 1000, kUsers = 10000;
constexpr size_t kRank = 8;

// Exercise 4.1 asks for a rating that was not given: in the course's file user 4 has not rated "A Beautiful Mind".
constexpr int64_t kAskedMovie = 124, kAskedUser = 4;

// The odds that user j rates movie i are kOdds * popularity_i * activity_j. kOdds sets the density to 40 %:
// sums over all entries that were published of the course's file leave 36 to 46 % for it.
constexpr double kOdds = 0.508;
constexpr double kTail = 0.01;  // how far quantiles stay from 0 and 1, so that every movie and user has ratings

// Standard deviations and the mean that give MovieLens-like ratings: mean 3.6, of every 100 about 4, 13, 28, 31, 24.
constexpr double kMean = 3.53, kMovieBias = 0.40, kUserBias = 0.45, kTaste = 0.60, kNoise = 0.85;
constexpr double kPopularIsBetter = 0.60;  // between the least and the most popular movie

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t bits() { return engine_(); }

  /// [0, 1), of 53 bits.
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

  /// Mean 0, variance 1, near enough to a Gaussian: Irwin and Hall's sum of twelve uniforms.
  double gaussian() {
    double sum = -6;
    for (int k = 0; k < 12; ++k) sum += uniform();
    return sum;
  }

 private:
  std::mt19937_64 engine_;
};

/// Mean 0, variance 1 from 32 bits: the sum of four bytes, each uniform on 0..255 with variance (256² - 1) / 12.
double noise_of(uint32_t bits) {
  static const double scale = 1 / std::sqrt(4 * (256.0 * 256 - 1) / 12);
  int sum = 0;
  for (int shift = 0; shift < 32; shift += 8) sum += static_cast<int>((bits >> shift) & 0xFF);
  return (sum - 510) * scale;
}

/// The quantiles (i + 1/2) / count in random order: a uniform sample whose mean does not depend on the draw.
std::vector<double> shuffled_quantiles(int64_t count, Random& random) {
  std::vector<double> quantiles(static_cast<size_t>(count));
  for (size_t i = 0; i < quantiles.size(); ++i) {
    quantiles[i] = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
  }
  for (size_t i = quantiles.size() - 1; i > 0; --i) {  // Fisher and Yates
    std::swap(quantiles[i], quantiles[static_cast<size_t>(random.uniform() * static_cast<double>(i + 1))]);
  }
  return quantiles;
}

/// The odds q / (1 - q): log-logistic, which has a lognormal's shape and heavier tails, and needs no logarithm.
double odds(double quantile) { return (quantile + kTail) / (1 + kTail - quantile); }

/// A movie or a user of the taste model.
struct Side {
  double frequency;  ///< the movie's popularity, the user's activity
  double bias;
  std::array<double, kRank> taste;
};

/// Tastes whose products have the standard deviation `spread`, the first directions the strongest.
std::array<double, kRank> draw_taste(double spread, Random& random) {
  std::array<double, kRank> taste;
  double sum = 0;
  for (size_t k = 0; k < kRank; ++k) sum += 1 / static_cast<double>(k + 2);
  for (size_t k = 0; k < kRank; ++k) {
    // Movie and user have this scale each, so that their product has its square.
    const double share = 1 / (static_cast<double>(k + 2) * sum);
    taste[k] = std::sqrt(spread * std::sqrt(share)) * random.gaussian();
  }
  return taste;
}

std::vector<Side> draw_movies(Random& random) {
  std::vector<Side> movies;
  for (double quantile : shuffled_quantiles(kMovies, random)) {
    const double bias = kMovieBias * random.gaussian() + kPopularIsBetter * (quantile - 0.5);
    movies.push_back({kOdds * odds(quantile), bias, draw_taste(kTaste, random)});
  }
  return movies;
}

std::vector<Side> draw_users(Random& random) {
  std::vector<Side> users;
  for (double quantile : shuffled_quantiles(kUsers, random)) {
    const double bias = kUserBias * random.gaussian();
    // To the power 3/4: users differ less than movies do.
    users.push_back({std::sqrt(odds(quantile) * std::sqrt(odds(quantile))), bias, draw_taste(kTaste, random)});
  }
  return users;
}

int8_t rating_of(const Side& movie, const Side& user, double noise) {
  double value = kMean + movie.bias + user.bias + kNoise * noise;
  for (size_t k = 0; k < kRank; ++k) value += movie.taste[k] * user.taste[k];
  return static_cast<int8_t>(std::clamp(value + 0.5, 1.0, 5.0));  // to the nearest, as far as there are stars
}

}  // namespace

Tensor stand_in_ratings(uint64_t seed) {
  Random random(seed);
  const std::vector<Side> movies = draw_movies(random);
  const std::vector<Side> users = draw_users(random);
  Tensor A = at::zeros({kMovies, kUsers}, at::TensorOptions(at::kChar));
  auto* rating = A.mutable_data_ptr<int8_t>();
  for (const Side& movie : movies) {
    for (const Side& user : users) {
      // One draw a cell: its low half decides whether the user rates, its high half how the rating strays.
      const uint64_t bits = random.bits();
      const double chance = static_cast<double>(static_cast<uint32_t>(bits)) * 0x1p-32;
      const double odds_here = movie.frequency * user.frequency;
      // chance < odds / (1 + odds), without the division
      if (chance * (1 + odds_here) < odds_here) {
        *rating = rating_of(movie, user, noise_of(static_cast<uint32_t>(bits >> 32)));
      }
      ++rating;
    }
  }
  A[kAskedMovie][kAskedUser] = 0;
  return A;
}

}  // namespace factorise
