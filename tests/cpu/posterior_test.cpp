// The random numbers of Gibbs sampling: their bits on every instruction set, and their distributions, over so many
// draws that a wrong constant or a wrong digit is seen.

#include <ATen/ATen.h>
#include <ATen/core/PhiloxRNGEngine.h>

#include <cmath>
#include <vector>

#include "catch.h"
#include "contract/deviates.h"
#include "cpu/isa.h"
#include "cpu/least_squares/hyperparameters.h"
#include "cpu/least_squares/least_squares.h"
#include "sandbox.h"

namespace factorise::cpu {

using at::Tensor;
using tests::Variable;

namespace {

const auto kF64 = at::TensorOptions(at::kDouble);

/// The largest distance of the empirical distribution of many draws to another, times the root of their number:
/// above 2.2 with a probability of 1e-4 (Kolmogorov). `of_draws`: the distribution function at the draws.
double kolmogorov(const Tensor& of_draws) {
  const Tensor sorted = std::get<0>(of_draws.sort());
  const int64_t n = sorted.numel();
  const Tensor rank = at::arange(n, kF64);
  const double above = (sorted - rank / n).max().item<double>(), below = ((rank + 1) / n - sorted).max().item<double>();
  return std::max(above, below) * std::sqrt(static_cast<double>(n));
}
constexpr double kUnlikely = 2.2;

Tensor normal_distribution(const Tensor& x) { return at::special_ndtr(x); }
Tensor chi_squared_distribution(const Tensor& x, double degrees) {
  return at::special_gammainc(at::full_like(x, degrees / 2), x / 2);
}

}  // namespace

TEST_CASE("Philox has the words of its authors' implementation, and of torch's", "[posterior]") {
  CHECK(philox(0, {0, 0, 0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  for (uint32_t i = 0; i < 100; ++i) {
    const uint64_t seed = 0x9e3779b97f4a7c15 * (i + 1);
    const Words counter{i, 7 * i, 1000 - i, i % 5};
    // torch's counter: offset, then subsequence.
    at::Philox4_32 engine(seed, uint64_t{counter[3]} << 32 | counter[2], uint64_t{counter[1]} << 32 | counter[0]);
    Words words;
    for (uint32_t& word : words) word = engine();
    CHECK(philox(seed, counter) == words);
  }
}

TEST_CASE("normals are Box and Muller's of the words, to single precision", "[posterior]") {
  at::manual_seed(1);
  double furthest = 0;
  std::vector<uint32_t> words{0,          1,          2,          0x3fffffff, 0x40000000,
                              0x7fffffff, 0x80000000, 0xbfffffff, 0xc0000000, 0xffffffff};
  const Tensor drawn = at::randint(int64_t{1} << 32, {2000}, at::TensorOptions(at::kLong));
  for (int64_t i = 0; i < drawn.numel(); ++i) words.push_back(static_cast<uint32_t>(drawn[i].item<int64_t>()));
  for (size_t i = 0; i < words.size(); ++i) {
    for (const uint32_t angle : {words[i], words[words.size() - 1 - i]}) {
      const auto [x, y] = normal_pair(words[i], angle);
      // The uniform number has 24 bits: its own rounding counts, near 1.
      const float u = std::fma(static_cast<float>(static_cast<int32_t>(words[i] >> 1)), 0x1p-31f, 0x1p-32f);
      const double radius = std::sqrt(-2 * std::log(static_cast<double>(u)));
      const double turn =
          (static_cast<double>(angle >> 30) + static_cast<double>(angle & 0x3fffffff) * 0x1p-30 - 0.5) / 4;
      const double pi = std::acos(-1.0);
      furthest = std::max({furthest, std::abs(x - radius * std::cos(2 * pi * turn)) / (1 + radius),
                           std::abs(y - radius * std::sin(2 * pi * turn)) / (1 + radius)});
    }
  }
  CHECK(furthest < 4e-7);
}

TEMPLATE_TEST_CASE("the deviates of rows have the contract's bits on every instruction set", "[posterior]", float,
                   double) {
  const DeviateSource source{0xfedcba9876543210, 123, DrawOf::columns};
  for (const int64_t unknowns : {1, 3, 4, 5, 8, 9, 16, 17, 21, 33, 64, 257}) {
    const int64_t begin = 5, end = 5 + 37, stride = feature_stride(unknowns);
    for (const Isa isa : available_isas()) {
      INFO(to_string(isa) << ", " << unknowns << " unknowns");
      const Variable variable("FACTORISE_ISA", to_string(isa).c_str());
      std::vector<TestType> found(static_cast<size_t>((end - begin) * stride), -99);
      draw_normals(source, begin, end, unknowns, found.data());
      int64_t different = 0;
      for (int64_t row = begin; row < end; ++row) {
        for (int64_t i = 0; i < unknowns; ++i) {
          const float z =
              normals(source, static_cast<uint32_t>(i / 4), static_cast<uint32_t>(row))[static_cast<size_t>(i % 4)];
          different += found[static_cast<size_t>((row - begin) * stride + i)] != static_cast<TestType>(z);
        }
      }
      CHECK(different == 0);
    }
  }
}

TEST_CASE("the deviates of rows are normal: moments, tails and distribution over 10 million", "[posterior]") {
  constexpr int64_t kRows = 625'000, kUnknowns = 16;
  Tensor drawn = at::empty({kRows, kUnknowns}, at::TensorOptions(at::kFloat));
  draw_normals(DeviateSource{42, 1, DrawOf::rows}, 0, kRows, kUnknowns, drawn.mutable_data_ptr<float>());
  const Tensor z = drawn.to(at::kDouble).flatten();
  const auto n = static_cast<double>(z.numel());
  const auto mean_of_power = [&](int power) { return z.pow(power).mean().item<double>(); };
  // The moments of powers: E z^k, variance E z^2k - (E z^k)^2.
  CHECK(std::abs(mean_of_power(1)) < 4.5 * std::sqrt(1 / n));
  CHECK(std::abs(mean_of_power(2) - 1) < 4.5 * std::sqrt(2 / n));
  CHECK(std::abs(mean_of_power(3)) < 4.5 * std::sqrt(15 / n));
  CHECK(std::abs(mean_of_power(4) - 3) < 4.5 * std::sqrt(96 / n));
  CHECK(std::abs(mean_of_power(6) - 15) < 4.5 * std::sqrt((10395 - 225) / n));
  for (const double limit : {1.0, 2.0, 3.0, 4.0, 5.0}) {
    const double share = std::erfc(limit / std::sqrt(2.0)), found = z.abs().gt(limit).sum().item<double>();
    CHECK(std::abs(found - share * n) < 4.5 * std::sqrt(share * n) + 1);
  }
  CHECK(kolmogorov(normal_distribution(z.slice(0, 0, 2'000'000))) < kUnlikely);
  // Those of a row, of neighbouring rows and of one unknown are independent.
  const Tensor first = drawn.to(at::kDouble);
  const Tensor correlations = first.t().mm(first).div(kRows) - at::eye(kUnknowns, kF64);
  CHECK(correlations.triu(1).abs().max().item<double>() < 5 / std::sqrt(double{kRows}));
  const Tensor next = first.slice(0, 1), before = first.slice(0, 0, kRows - 1);
  CHECK((next * before).mean(0).abs().max().item<double>() < 4.5 / std::sqrt(double{kRows}));
  CHECK((next.square() * before.square()).mean().sub(1).abs().item<double>() < 4.5 * std::sqrt(8 / n));
}

TEST_CASE("the logarithm is right to two units in the last place", "[posterior]") {
  at::manual_seed(2);
  const Tensor exponents = at::rand({200'000}, kF64) * 200 - 100;
  const Tensor x =
      at::cat({exponents.exp2(), at::rand({200'000}, kF64) + 0.5, at::tensor({1.0, 0x1p-52, 2.0, 0.5}, kF64)});
  double furthest = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double value = x.const_data_ptr<double>()[i], expected = std::log(value);
    const double unit = std::max(std::abs(std::nextafter(expected, 1e9) - expected), 0x1p-1022);
    furthest = std::max(furthest, std::abs(logarithm(value) - expected) / unit);
  }
  CHECK(furthest <= 2);
  CHECK(logarithm(1) == 0);
}

TEST_CASE("the float64 deviates have their distributions", "[posterior]") {
  constexpr int64_t kDraws = 1'000'000;
  Deviates deviates({7, 3, DrawOf::noise});
  const auto drawn = [&](auto draw) {
    Tensor result = at::empty({kDraws}, kF64);
    for (int64_t i = 0; i < kDraws; ++i) result.mutable_data_ptr<double>()[i] = draw();
    return result;
  };
  const Tensor uniform = drawn([&] { return deviates.uniform(); });
  CHECK(kolmogorov(uniform) < kUnlikely);
  CHECK(uniform.min().item<double>() > 0);
  CHECK(uniform.max().item<double>() < 1);
  const Tensor normal = drawn([&] { return deviates.normal(); });
  CHECK(kolmogorov(normal_distribution(normal)) < kUnlikely);
  CHECK(std::abs(normal.slice(0, 0, kDraws, 2).mul(normal.slice(0, 1, kDraws, 2)).mean().item<double>()) <
        4.5 / std::sqrt(kDraws / 2.0));
  CHECK(std::abs(normal.pow(4).mean().item<double>() - 3) < 4.5 * std::sqrt(96.0 / kDraws));
  for (const double shape : {1.0, 1.5, 4.0, 50.5, 1'720'000.5}) {
    INFO("shape " << shape);
    const Tensor gamma = drawn([&] { return deviates.gamma(shape); });
    CHECK(std::abs(gamma.mean().item<double>() - shape) < 4.5 * std::sqrt(shape / kDraws));
    // The variance of a squared distance: the fourth central moment is 3 k (k + 2).
    const double variance = (gamma - shape).square().mean().item<double>();
    CHECK(std::abs(variance - shape) < 4.5 * std::sqrt((3 * shape * (shape + 2) - shape * shape) / kDraws));
    if (shape < 1000) CHECK(kolmogorov(chi_squared_distribution(2 * gamma, 2 * shape)) < kUnlikely);
  }
}

TEMPLATE_TEST_CASE("sums of products have the same bits on several threads", "[posterior][threads]", float, double) {
  at::manual_seed(3);
  const Tensor x = at::randn({500, 16}, at::TensorOptions(c10::CppTypeToScalarType<TestType>::value));
  std::vector<double> alone(13 * 14, 0), together(13 * 14, 0);
  sum_products(x.const_data_ptr<TestType>(), 500, 13, 16, alone.data(), 1);
  sum_products(x.const_data_ptr<TestType>(), 500, 13, 16, together.data(), 3);
  CHECK(alone == together);
}

TEMPLATE_TEST_CASE("sums of products have the contract's bits on every instruction set", "[posterior]", float, double) {
  at::manual_seed(3);
  for (const int64_t unknowns : {1, 2, 3, 4, 5, 8, 9, 16, 17, 21, 33, 64}) {
    for (const int64_t rows : {1, 5, 1024, 1025, 3000}) {
      const int64_t stride = feature_stride(unknowns), width = unknowns + 1;
      const Tensor x = at::zeros({rows, stride}, at::TensorOptions(c10::CppTypeToScalarType<TestType>::value));
      x.narrow(1, 0, unknowns).normal_();
      const auto at_place = [&](int64_t row, int64_t i) {
        return i == unknowns ? 1.0 : static_cast<double>(x.const_data_ptr<TestType>()[row * stride + i]);
      };
      for (const Isa isa : available_isas()) {
        const Variable variable("FACTORISE_ISA", to_string(isa).c_str());
        INFO(to_string(isa) << ", " << unknowns << " unknowns, " << rows << " rows");
        std::vector<double> sums(static_cast<size_t>(unknowns * width), -99);
        sum_products(x.const_data_ptr<TestType>(), rows, unknowns, stride, sums.data(), 3);
        int64_t different = 0;
        for (int64_t i = 0; i < unknowns; ++i) {
          for (int64_t j = i; j < width; ++j) {
            double total = 0;
            for (int64_t from = 0; from < rows; from += 1024) {
              double chain = 0;
              for (int64_t row = from; row < std::min(rows, from + 1024); ++row) {
                chain = std::fma(at_place(row, i), at_place(row, j), chain);
              }
              total = from == 0 ? chain : total + chain;
            }
            different += sums[static_cast<size_t>(i * width + j)] != total;
          }
        }
        CHECK(different == 0);
      }
    }
  }
}

TEST_CASE("the prior of vectors is drawn from its normal-Wishart posterior", "[posterior]") {
  at::manual_seed(4);
  constexpr int64_t kDraws = 20'000;
  for (const auto& [unknowns, count] : {std::pair<int64_t, int64_t>{1, 1}, {3, 2}, {4, 30}, {6, 1}}) {
    INFO(unknowns << " unknowns, " << count << " vectors");
    const Tensor X = at::randn({count, unknowns}, kF64) + 2;
    const Tensor with_one = at::cat({X, at::ones({count, 1}, kF64)}, 1);
    const Tensor sums = X.t().mm(with_one).contiguous();
    std::vector<double> scatter;
    for (int64_t i = 0; i < unknowns; ++i) scatter.push_back(0.5 + static_cast<double>(i));
    // The posterior by the textbook (Salakhutdinov and Mnih, equation 14), from the centred scatter.
    const Tensor mean = X.mean(0), centred = X - mean;
    const auto n = static_cast<double>(count), d = static_cast<double>(unknowns);
    const Tensor inverse_scale = at::tensor(scatter, kF64).diag() + centred.t().mm(centred) +
                                 at::outer(mean, mean) * (kMeanWeight * n / (kMeanWeight + n));
    const Tensor scale = at::linalg_inv(inverse_scale), location = mean * (n / (kMeanWeight + n));
    const double degrees = d + n;
    const Tensor along = at::randn({unknowns}, kF64);
    Tensor precisions = at::empty({kDraws}, kF64), variances = at::empty({kDraws}, kF64),
           means = at::empty({kDraws}, kF64);
    for (int64_t draw = 0; draw < kDraws; ++draw) {
      const auto drawn = draw_prior(count, unknowns, sums.const_data_ptr<double>(), scatter,
                                    {11, static_cast<uint32_t>(draw), DrawOf::prior_of_rows});
      REQUIRE(drawn);
      const NormalPrior& prior = *drawn;
      const Tensor precision = at::tensor(prior.precision, kF64).view({unknowns, unknowns});
      const Tensor covariance = at::linalg_inv(precision);
      REQUIRE(at::equal(precision, precision.t()));
      precisions[draw].copy_(along.dot(precision.mv(along)));
      variances[draw].copy_(along.dot(covariance.mv(along)));
      const Tensor from = covariance.mv(at::tensor(prior.shift, kF64)) - location;
      means[draw].copy_(from.dot(along) * std::sqrt(kMeanWeight + n) / variances[draw].sqrt());
    }
    // a'La / a'Wa is chi-squared with the Wishart's degrees of freedom, a'W^-1a / a'L^-1a with d - 1 fewer, and the
    // mean along a is normal given L.
    CHECK(kolmogorov(chi_squared_distribution(precisions / along.dot(scale.mv(along)), degrees)) < kUnlikely);
    CHECK(kolmogorov(chi_squared_distribution(along.dot(inverse_scale.mv(along)) / variances, degrees - d + 1)) <
          kUnlikely);
    CHECK(kolmogorov(normal_distribution(means)) < kUnlikely);
  }
}

TEST_CASE("a prior is not drawn given vectors that are not finite", "[posterior]") {
  const std::vector<double> sums(2 * 3, std::nan("")), scatter(2, 1.0);
  CHECK_FALSE(draw_prior(5, 2, sums.data(), scatter, {1, 1, DrawOf::prior_of_rows}));
}

TEST_CASE("the noise precision is drawn from its gamma posterior", "[posterior]") {
  constexpr int64_t kDraws = 100'000;
  for (const auto& [count, error, variance] : {std::tuple<int64_t, double, double>{1, 0.0, 2.0}, {9, 30.0, 0.5}}) {
    Tensor drawn = at::empty({kDraws}, kF64);
    for (int64_t i = 0; i < kDraws; ++i) {
      drawn.mutable_data_ptr<double>()[i] =
          draw_noise_precision(count, error, variance, {5, static_cast<uint32_t>(i), DrawOf::noise});
    }
    // Gamma with shape (count + 1) / 2 and rate (error + variance) / 2.
    CHECK(kolmogorov(chi_squared_distribution(drawn * (error + variance), static_cast<double>(count + 1))) < kUnlikely);
  }
}

TEMPLATE_TEST_CASE("the sums of predictions have the same bits on every instruction set, and are means and squares",
                   "[posterior][threads]", float, double) {
  at::manual_seed(6);
  const auto options = at::TensorOptions(c10::CppTypeToScalarType<TestType>::value);
  // Two blocks, and few enough for torch's own operators to stay on this thread.
  const int64_t count = 4'600, width = 7, draws = 6;
  const Tensor rows = at::randint(50, {count}, at::TensorOptions(at::kLong)),
               columns = at::randint(70, {count}, at::TensorOptions(at::kLong));
  std::vector<Tensor> U, V, products;
  for (int64_t i = 0; i < draws; ++i) {
    U.push_back(at::randn({50, width}, options));
    V.push_back(at::randn({70, width}, options));
    products.push_back(
        (U.back().to(at::kDouble).index_select(0, rows) * V.back().to(at::kDouble).index_select(0, columns)).sum(1));
  }
  std::vector<Tensor> all_means, all_squares;
  for (const Isa isa : available_isas()) {
    const Variable variable("FACTORISE_ISA", to_string(isa).c_str());
    const Tensor means = at::zeros({count}, kF64), squares = at::zeros({count}, kF64);
    for (int64_t i = 0; i < draws; ++i) {
      add_predictions<TestType>({rows.const_data_ptr<int64_t>(), columns.const_data_ptr<int64_t>(), count,
                                 U[static_cast<size_t>(i)].template const_data_ptr<TestType>(),
                                 V[static_cast<size_t>(i)].template const_data_ptr<TestType>(), width, i + 1,
                                 means.mutable_data_ptr<double>(), squares.mutable_data_ptr<double>()},
                                3);
    }
    all_means.push_back(means);
    all_squares.push_back(squares);
    CHECK(at::equal(means, all_means[0]));
    CHECK(at::equal(squares, all_squares[0]));
  }
  const Tensor every = at::stack(products), mean = every.mean(0), squares = (every - mean).square().sum(0);
  const double unit = sizeof(TestType) == 4 ? 1e-5 : 1e-13;
  CHECK((all_means[0] - mean).abs().max().item<double>() < unit);
  CHECK(((all_squares[0] - squares) / (1 + squares)).abs().max().item<double>() < 10 * unit);
}

}  // namespace factorise::cpu
