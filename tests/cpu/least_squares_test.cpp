// The kernels of least squares and of draws from posteriors: the contract's bits, as docs/contract.md has them and a
// plain loop repeats them, on every instruction set and number of threads, over numbers of unknowns around vectors and
// tiles, and rows around panels and segments.

#include "cpu/least_squares/least_squares.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_cholesky.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "catch.h"
#include "cpu/isa.h"
#include "sandbox.h"

namespace factorise::cpu {

using at::Tensor;
using tests::Variable;

namespace {

/// Rows of so many entries each, over `columns` columns, with random features.
template <class T>
struct Sample {
  int64_t unknowns, columns;
  bool whole;  // whether the values are whole numbers
  std::vector<int64_t> starts{0};
  std::vector<int32_t> indices;
  std::vector<T> values;
  Tensor features;  // columns x feature_stride
  Tensor offsets;   // one for each column, or undefined

  static constexpr c10::ScalarType kType = c10::CppTypeToScalarType<T>::value;

  Sample(int64_t unknowns_, const std::vector<int64_t>& counts, int64_t columns_, bool whole_ = false)
      : unknowns(unknowns_), columns(columns_), whole(whole_) {
    at::manual_seed(static_cast<uint64_t>(unknowns * 31 + columns));
    for (const int64_t count : counts) {
      // Ascending, without two that are equal, spread over the columns.
      for (int64_t k = 0; k < count; ++k) indices.push_back(static_cast<int32_t>(k * columns / count));
      starts.push_back(starts.back() + count);
    }
    const Tensor drawn = at::randint(1, 6, {starts.back()}, at::TensorOptions(kType)) + (whole ? 0 : 0.375);
    values.assign(drawn.const_data_ptr<T>(), drawn.const_data_ptr<T>() + drawn.numel());
    features = at::zeros({columns, feature_stride(unknowns)}, at::TensorOptions(kType));
    features.narrow(1, 0, unknowns).copy_(at::randn({columns, unknowns}, at::TensorOptions(kType)));
  }

  int64_t rows() const { return std::ssize(starts) - 1; }

  EntryLists<T> lists() const { return {rows(), columns, starts.data(), indices.data(), values.data()}; }

  LeastSquares<T> problem(Tensor& solutions, double regularisation, bool weighted) const {
    solutions = at::zeros({rows(), feature_stride(unknowns)}, at::TensorOptions(kType));
    return {lists(),
            {},
            unknowns,
            features.const_data_ptr<T>(),
            offsets.defined() ? offsets.const_data_ptr<T>() : nullptr,
            regularisation,
            last(regularisation),
            weighted,
            solutions.mutable_data_ptr<T>()};
  }

  /// Offsets, as biases make them, and a last feature of 1.
  Sample with_offsets() const {
    Sample result = *this;
    result.features = features.clone();
    result.features.select(1, unknowns - 1).fill_(1);
    result.offsets = at::randn({columns}, at::TensorOptions(kType));
    return result;
  }

  /// The regularisation of the last unknown.
  double last(double regularisation) const { return offsets.defined() ? 3 * regularisation : regularisation; }
};

/// A prior for draws, and room for what a draw of all rows writes.
template <class T>
struct SampleDraw {
  Tensor precision, shift, deviates, terms;
  T alpha = T(1.375);
  DeviateSource source{0x123456789abcdefULL, 7, DrawOf::columns};

  explicit SampleDraw(const Sample<T>& sample) {
    const int64_t d = sample.unknowns, stride = feature_stride(d);
    const auto options = at::TensorOptions(Sample<T>::kType);
    const Tensor B = at::randn({d, d}, options);
    precision = at::zeros({d, stride}, options);
    precision.narrow(1, 0, d).copy_(B.mm(B.t()));
    precision.narrow(1, 0, d).diagonal().add_(1);
    shift = at::zeros({stride}, options);
    shift.narrow(0, 0, d).copy_(at::randn({d}, options));
    deviates = at::zeros({sample.rows(), stride}, options);
    terms = at::zeros({sample.rows()}, options);
  }

  Draw<T> draw() {
    return {{alpha, precision.const_data_ptr<T>(), shift.const_data_ptr<T>(), precision.size(1)},
            source,
            deviates.mutable_data_ptr<T>(),
            terms.mutable_data_ptr<T>()};
  }
};

/// docs/contract.md, "Least squares" and "Gibbs sampling", as the plainest loops: the solution of row r, or nothing
/// where there is none; with `draw` the draw, and after it its term.
template <class T>
std::vector<T> referee(const Sample<T>& sample, int64_t r, double regularisation, bool weighted,
                       const SampleDraw<T>* draw = nullptr) {
  const auto d = static_cast<size_t>(sample.unknowns);
  const int64_t first = sample.starts[r], count = sample.starts[r + 1] - first;
  if (count == 0 && !draw) return std::vector<T>(d, 0);
  const auto w = [&](int64_t k, size_t i) {
    return sample.features.template const_data_ptr<T>()[sample.indices[first + k] * feature_stride(sample.unknowns) +
                                                        static_cast<int64_t>(i)];
  };
  const auto t = [&](int64_t k) {
    const T value = sample.values[first + k];
    return sample.offsets.defined() ? value - sample.offsets.template const_data_ptr<T>()[sample.indices[first + k]]
                                    : value;
  };
  // With the right-hand side as column d.
  std::vector<std::vector<T>> S(d, std::vector<T>(d + 1, 0));
  for (size_t i = 0; i < d; ++i) {
    for (size_t j = i; j <= d; ++j) {
      for (int64_t segment = 0; segment < count; segment += 1024) {
        T chains[4] = {0, 0, 0, 0};
        for (int64_t k = 0; k < 1024 && segment + k < count; ++k) {
          const int64_t e = segment + k;
          T& chain = chains[d <= 8 ? k % 4 : 0];
          if (j == d) {
            chain = std::fma(w(e, i), t(e), chain);
          } else if (d > 8) {
            chain = std::fma(w(e, i), w(e, j), chain);
          } else {
            const T product = w(e, i) * w(e, j);
            chain = chain + product;
          }
        }
        const T even = chains[0] + chains[2], odd = chains[1] + chains[3];
        S[i][j] = segment == 0 ? even + odd : S[i][j] + (even + odd);
      }
    }
  }
  for (size_t i = 0; i < d; ++i) {
    if (draw) {
      for (size_t j = i; j <= d; ++j) {
        const auto prior = j < d ? draw->precision[i][j].template item<T>() : draw->shift[i].template item<T>();
        S[i][j] = std::fma(draw->alpha, S[i][j], prior);
      }
      continue;
    }
    const double lambda = i + 1 < d ? regularisation : sample.last(regularisation);
    S[i][i] += static_cast<T>(weighted ? lambda * static_cast<double>(count) : lambda);
  }
  std::vector<std::vector<T>> R = S;
  std::vector<T> inverse(d);
  for (size_t i = 0; i < d; ++i) {
    for (size_t j = i; j <= d; ++j) {
      T x = S[i][j];
      for (size_t k = 0; k < i; ++k) x = std::fma(-R[k][i], R[k][j], x);
      if (i == j) {
        const T smallest = static_cast<T>(d) * std::numeric_limits<T>::epsilon() * S[i][i];
        if (!(x > smallest)) return {};
        inverse[i] = T(1) / std::sqrt(x);
      } else {
        R[i][j] = x * inverse[i];
      }
    }
  }
  std::vector<T> x(d);
  T term = 0;
  for (size_t i = 0; i < d; ++i) {
    x[i] = R[i][d];
    if (!draw) continue;
    const auto z = static_cast<T>(normals(draw->source, static_cast<uint32_t>(i / 4), static_cast<uint32_t>(r))[i % 4]);
    term = std::fma(z, z, std::fma(-x[i], x[i], term));
    x[i] += z;
  }
  for (size_t i = d; i-- > 0;) {
    x[i] = x[i] * inverse[i];
    for (size_t j = 0; j < i; ++j) x[j] = std::fma(-R[j][i], x[i], x[j]);
  }
  if (draw) x.push_back(term);
  return x;
}

template <class T>
void check_bits(const Sample<T>& sample, double regularisation, bool weighted) {
  const int64_t stride = feature_stride(sample.unknowns);
  std::vector<std::vector<T>> expected;
  for (int64_t r = 0; r < sample.rows(); ++r) expected.push_back(referee(sample, r, regularisation, weighted));
  for (const Isa isa : available_isas()) {
    const Variable variable("FACTORISE_ISA", to_string(isa).c_str());
    for (const int threads : {1, 2, 5}) {
      INFO(to_string(isa) << ", " << threads << " threads, " << sample.unknowns << " unknowns, "
                          << (sizeof(T) == 4 ? "float32" : "float64") << (weighted ? ", weighted" : ""));
      Tensor solutions;
      REQUIRE(solve_rows(sample.problem(solutions, regularisation, weighted), threads) == -1);
      const T* x = solutions.const_data_ptr<T>();
      int64_t different = 0;
      for (int64_t r = 0; r < sample.rows(); ++r) {
        for (int64_t i = 0; i < stride; ++i) {
          const auto row = static_cast<size_t>(r);
          different += x[r * stride + i] != (i < sample.unknowns ? expected[row][static_cast<size_t>(i)] : T(0));
        }
      }
      CHECK(different == 0);
      if (!sample.whole || !fits_narrow(sample.columns, true)) continue;
      std::vector<uint16_t> indices(sample.indices.size());
      std::vector<uint8_t> values(sample.values.size());
      narrow_entries(sample.lists(), indices.data(), values.data(), threads);
      Tensor again;
      LeastSquares<T> problem = sample.problem(again, regularisation, weighted);
      problem.narrow = {indices.data(), values.data()};
      REQUIRE(solve_rows(problem, threads) == -1);
      CHECK(at::equal(again, solutions));
    }
  }
}

template <class T>
void check_draws(const Sample<T>& sample) {
  const int64_t stride = feature_stride(sample.unknowns);
  SampleDraw<T> draws(sample);
  std::vector<std::vector<T>> expected;
  for (int64_t r = 0; r < sample.rows(); ++r) expected.push_back(referee(sample, r, 0, false, &draws));
  for (const Isa isa : available_isas()) {
    const Variable variable("FACTORISE_ISA", to_string(isa).c_str());
    for (const int threads : {1, 5}) {
      INFO(to_string(isa) << ", " << threads << " threads, " << sample.unknowns << " unknowns, "
                          << (sizeof(T) == 4 ? "float32" : "float64"));
      const Draw<T> draw = draws.draw();
      Tensor solutions;
      LeastSquares<T> problem = sample.problem(solutions, 0, false);
      problem.draw = &draw;
      REQUIRE(solve_rows(problem, threads) == -1);
      const T* x = solutions.const_data_ptr<T>();
      int64_t different = 0;
      for (int64_t r = 0; r < sample.rows(); ++r) {
        const std::vector<T>& row = expected[static_cast<size_t>(r)];
        REQUIRE(std::ssize(row) == sample.unknowns + 1);
        for (int64_t i = 0; i < sample.unknowns; ++i) different += x[r * stride + i] != row[static_cast<size_t>(i)];
        different += draw.terms[r] != row.back();
      }
      CHECK(different == 0);
    }
  }
}

/// Around vectors, tiles and the change of kernel; the largest rank with a bias.
constexpr int64_t kUnknowns[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 12,  15,  16,  17,
                                 23, 24, 25, 31, 32, 33, 40, 64, 70, 71, 128, 200, 256, 257};

}  // namespace

TEMPLATE_TEST_CASE("least squares has the contract's bits for every number of unknowns", "[least_squares][threads]",
                   float, double) {
  for (const int64_t unknowns : kUnknowns) {
    // Around the four chains, the rows side by side, a panel and a segment.
    std::vector<int64_t> counts{0, 1, 2, 3, 4, 5, 7, 8, 0, 15, 16, 17, 63, 64, 65, 100, 130, 3, 90};
    if (unknowns <= 40) counts.insert(counts.end(), {1023, 1024, 1025, 1100, 2048, 2050});
    const Sample<TestType> sample(unknowns, counts, 2100);
    check_bits(sample, 0.5, false);
    if (unknowns < 128) check_bits(sample.with_offsets(), 0.1, unknowns % 2 == 0);
    if (unknowns < 70) check_bits(sample, 0.01, true);
  }
}

TEMPLATE_TEST_CASE("draws have the contract's bits for every number of unknowns", "[least_squares][threads]", float,
                   double) {
  for (const int64_t unknowns : kUnknowns) {
    std::vector<int64_t> counts{0, 1, 2, 3, 4, 5, 7, 8, 0, 15, 16, 17, 63, 64, 65, 100, 130, 3, 0, 90};
    if (unknowns <= 40) counts.insert(counts.end(), {1023, 1024, 1025, 0, 2050});
    const Sample<TestType> sample(unknowns, counts, 2100);
    check_draws(sample);
    if (unknowns <= 40) check_draws(sample.with_offsets());
  }
}

TEMPLATE_TEST_CASE("a draw is around the solution, as far as the posterior's covariance says", "[least_squares]", float,
                   double) {
  // The exact posterior of one row given the features: mean G⁻¹ b and covariance G⁻¹. Many rows with the same entries
  // are draws from it.
  constexpr int64_t kRows = 20'000;
  for (const int64_t unknowns : {3, 12}) {
    Sample<TestType> sample(unknowns, std::vector<int64_t>(kRows, 8), 8);
    for (int64_t e = 8; e < std::ssize(sample.values); ++e) sample.values[e] = sample.values[e % 8];
    SampleDraw<TestType> draws(sample);
    const Draw<TestType> draw = draws.draw();
    Tensor solutions;
    LeastSquares<TestType> problem = sample.problem(solutions, 0, false);
    problem.draw = &draw;
    REQUIRE(solve_rows(problem, 2) == -1);
    const Tensor W = sample.features.narrow(1, 0, unknowns).to(at::kDouble);
    const Tensor t =
        at::from_blob(sample.values.data(), {8}, at::TensorOptions(Sample<TestType>::kType)).to(at::kDouble);
    const auto alpha = static_cast<double>(draws.alpha);
    const Tensor G = W.t().mm(W).mul(alpha).add(draws.precision.narrow(1, 0, unknowns).to(at::kDouble));
    const Tensor b = W.t().mv(t).mul(alpha).add(draws.shift.narrow(0, 0, unknowns).to(at::kDouble));
    // Whitened by G = L Lᵀ, the distance to the mean is standard normal in every direction.
    const Tensor x = solutions.narrow(1, 0, unknowns).to(at::kDouble) - at::linalg_solve(G, b);
    const Tensor white = x.mm(at::linalg_cholesky(G));
    const double error = 1 / std::sqrt(double{kRows});
    CHECK(white.mean(0).abs().max().item<double>() < 4.5 * error);
    const Tensor covariance = white.t().mm(white).div(kRows);
    CHECK((covariance.diagonal() - 1).abs().max().item<double>() < 4.5 * std::sqrt(2.0) * error);
    CHECK(covariance.triu(1).abs().max().item<double>() < 4.5 * error);
  }
}

TEMPLATE_TEST_CASE("least squares has the contract's bits on rows of many segments", "[least_squares]", float, double) {
  for (const int64_t unknowns : {3, 8, 20}) {
    check_bits(Sample<TestType>(unknowns, {30'000, 1, 7, 3 * 1024 + 1}, 40'000), 0.1, true);
  }
}

TEMPLATE_TEST_CASE("least squares has the contract's bits where rows go through blocks of columns together",
                   "[least_squares][threads]", float, double) {
  for (const int64_t unknowns : {1, 2, 3, 4, 5, 6, 7, 8}) {
    // Dense enough for blocks, over several of them; rows end in the middle of one, and some have no entry.
    const std::vector<int64_t> counts{2500, 1024, 0,   1, 1025, 3,    700, 4000, 2048, 5,
                                      511,  512,  513, 0, 3999, 1000, 2,   2047, 333};
    check_bits(Sample<TestType>(unknowns, counts, 4000, true), 0.1, true);
    check_bits(Sample<TestType>(unknowns, counts, 4000, true).with_offsets(), 0.1, true);
    check_bits(Sample<TestType>(unknowns, counts, 4000), 0.1, false);
  }
}

TEST_CASE("least squares solves to a bound from the condition number", "[least_squares]") {
  for (const int64_t unknowns : {1, 5, 8, 16, 33, 64}) {
    const Sample<double> sample(unknowns, {200, 300, 1500}, 1600);
    Tensor solutions;
    REQUIRE(solve_rows(sample.problem(solutions, 0.25, false), 2) == -1);
    for (int64_t r = 0; r < sample.rows(); ++r) {
      const int64_t first = sample.starts[r], count = sample.starts[r + 1] - first;
      const Tensor indices = at::from_blob(const_cast<int32_t*>(sample.indices.data() + first), {count}, at::kInt);
      const Tensor t = at::from_blob(const_cast<double*>(sample.values.data() + first), {count}, at::kDouble);
      const Tensor W = sample.features.index_select(0, indices).narrow(1, 0, unknowns);
      Tensor S = W.t().mm(W);
      S.diagonal().add_(0.25);
      const Tensor x = at::linalg_solve(S, W.t().mv(t)), ours = solutions[r].narrow(0, 0, unknowns);
      // Random features: the condition number is below 10; the sums have up to 1500 terms.
      CHECK((ours - x).norm().item<double>() <= 10 * 1500 * 1.2e-16 * x.norm().item<double>());
    }
  }
}

TEMPLATE_TEST_CASE("least squares names the first row that has no single solution", "[least_squares]", float, double) {
  for (const int64_t unknowns : {2, 5, 8, 9, 24, 64}) {
    for (const Isa isa : available_isas()) {
      const Variable variable("FACTORISE_ISA", to_string(isa).c_str());
      INFO(to_string(isa) << ", " << unknowns << " unknowns");
      std::vector<int64_t> counts(100, 2 * unknowns + 10);
      const Sample<TestType> good(unknowns, counts, 1000);
      Tensor solutions;
      CHECK(solve_rows(good.problem(solutions, 0, false), 3) == -1);
      // Far fewer entries than unknowns: with one fewer, rounding errors may hide it.
      counts[97] = counts[61] = counts[40] = std::max<int64_t>(1, unknowns / 3);
      counts[3] = 0;  // none at all is no failure
      const Sample<TestType> bad(unknowns, counts, 1000);
      for (const int threads : {1, 4}) {
        CHECK(solve_rows(bad.problem(solutions, 0, false), threads) == 40);
        CHECK(solve_rows(bad.problem(solutions, 1e-2, false), threads) == -1);
      }
      // A feature that is not finite.
      Sample<TestType> nan(unknowns, std::vector<int64_t>(5, 50), 50);
      nan.features[0][0].fill_(std::nan(""));
      CHECK(solve_rows(nan.problem(solutions, 1, false), 1) == 0);
    }
  }
}

}  // namespace factorise::cpu
