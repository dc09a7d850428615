// The MLP's kernels: every instruction set has the bits of the scalar one, whatever the shape, and those compute what
// the formulas say.

#include "cpu/mlp.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "catch.h"

namespace factorise::cpu {
namespace {

struct Shape {
  size_t rows, batch, features, hidden, classes;
  bool scalar_biases;
};

std::string to_string(const Shape& s) {
  return std::to_string(s.rows) + " rows in batches of " + std::to_string(s.batch) + ", " + std::to_string(s.features) +
         "-" + std::to_string(s.hidden) + "-" + std::to_string(s.classes) + (s.scalar_biases ? ", scalar biases" : "");
}

/// A data set and the weights to start from, the same on every call.
template <class T>
struct Problem {
  std::vector<T> X, first, second;
  std::vector<int64_t> y;

  explicit Problem(const Shape& s) {
    std::mt19937 generator(7);
    const auto numbers = [&](size_t count) {
      std::vector<T> values(count);
      // Of the generator's own bits: the standard library's distributions differ between systems.
      for (T& value : values) value = static_cast<T>(generator()) / T(1u << 31) - 1;
      return values;
    };
    X = numbers(s.rows * s.features);
    first = numbers((s.features + 1) * s.hidden);
    second = numbers((s.hidden + 1) * s.classes);
    if (s.scalar_biases) {
      std::fill_n(first.end() - static_cast<ptrdiff_t>(s.hidden), s.hidden, T(0.25));
      std::fill_n(second.end() - static_cast<ptrdiff_t>(s.classes), s.classes, T(-0.5));
    }
    for (size_t r = 0; r < s.rows; ++r) y.push_back(static_cast<int64_t>(generator() % s.classes));
  }
};

/// What two epochs make of it.
template <class T>
struct Outcome {
  std::vector<T> first, second;
  std::vector<double> losses;
  int64_t right;
  bool operator==(const Outcome&) const = default;
};

template <class T>
Outcome<T> train(Isa isa, const Shape& s, double lr) {
  const Problem<T> problem(s);
  const Batches<T> data(problem.X.data(), problem.y.data(), s.rows, s.features, s.batch);
  Network<T> network(s.features, s.hidden, s.classes, s.scalar_biases, data.widest());
  std::copy(problem.first.begin(), problem.first.end(), network.first.weights.data());
  std::copy(problem.second.begin(), problem.second.end(), network.second.weights.data());
  const MlpKernels<T> kernels = mlp_kernels<T>(isa);
  Outcome<T> outcome;
  for (int i = 0; i < 2; ++i) {
    const MlpEpoch epoch = kernels.epoch(network, data, lr);
    outcome.losses.push_back(epoch.loss);
    CHECK(epoch.finite);
  }
  outcome.right = kernels.count_right(network, data);
  outcome.first.assign(network.first.weights.data(), network.first.weights.data() + network.first.size());
  outcome.second.assign(network.second.weights.data(), network.second.weights.data() + network.second.size());
  return outcome;
}

/// The same by the formulas, row by row in double.
Outcome<double> by_formula(const Shape& s, double lr) {
  Problem<double> p(s);
  Outcome<double> outcome{p.first, p.second, {}, 0};
  std::vector<double>&W1 = outcome.first, &W2 = outcome.second;
  std::vector<double> h(s.hidden), q(s.classes);
  const auto forward = [&](size_t r) {
    for (size_t j = 0; j < s.hidden; ++j) {
      double sum = W1[s.features * s.hidden + j];
      for (size_t f = 0; f < s.features; ++f) sum += p.X[r * s.features + f] * W1[f * s.hidden + j];
      h[j] = std::max(0.0, sum);
    }
    double total = 0;
    for (size_t c = 0; c < s.classes; ++c) {
      double sum = W2[s.hidden * s.classes + c];
      for (size_t j = 0; j < s.hidden; ++j) sum += h[j] * W2[j * s.classes + c];
      total += q[c] = std::exp(sum);
    }
    for (double& share : q) share /= total;
  };
  for (int epoch = 0; epoch < 2; ++epoch) {
    double losses = 0, batches = 0;
    for (size_t begin = 0; begin < s.rows; begin += s.batch, ++batches) {
      const size_t end = std::min(begin + s.batch, s.rows);
      std::vector<double> G1(W1.size()), G2(W2.size());
      double loss = 0;
      for (size_t r = begin; r < end; ++r) {
        forward(r);
        loss -= std::log(q[static_cast<size_t>(p.y[r])]);
        q[static_cast<size_t>(p.y[r])] -= 1;
        for (size_t j = 0; j <= s.hidden; ++j) {
          for (size_t c = 0; c < s.classes; ++c) G2[j * s.classes + c] += (j < s.hidden ? h[j] : 1) * q[c];
        }
        for (size_t j = 0; j < s.hidden; ++j) {
          double delta = 0;
          for (size_t c = 0; c < s.classes; ++c) delta += h[j] > 0 ? q[c] * W2[j * s.classes + c] : 0;
          for (size_t f = 0; f < s.features; ++f) G1[f * s.hidden + j] += p.X[r * s.features + f] * delta;
          G1[s.features * s.hidden + j] += delta;
        }
      }
      for (auto [G, units] : {std::pair(&G1, s.hidden), std::pair(&G2, s.classes)}) {
        if (!s.scalar_biases) continue;
        const auto biases = G->end() - static_cast<ptrdiff_t>(units);
        std::fill(biases, G->end(), std::accumulate(biases, G->end(), 0.0));
      }
      const double height = static_cast<double>(end - begin);
      for (size_t k = 0; k < W1.size(); ++k) W1[k] -= lr * G1[k] / height;
      for (size_t k = 0; k < W2.size(); ++k) W2[k] -= lr * G2[k] / height;
      losses += loss / height;
    }
    outcome.losses.push_back(losses / batches);
  }
  for (size_t r = 0; r < s.rows; ++r) {
    forward(r);
    outcome.right += std::max_element(q.begin(), q.end()) - q.begin() == p.y[r];
  }
  return outcome;
}

/// Shapes around the lanes (8 and 16), the tiles (2 and 4) and the sums at once (256).
std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const size_t batch : {1, 7, 8, 9, 15, 16, 17, 33}) {
    all.push_back({batch, batch, 4, 12, 3, true});
    all.push_back({2 * batch + 1, batch, 3, 5, 2, false});
  }
  for (size_t hidden = 1; hidden <= 70; ++hidden) all.push_back({19, 19, 1 + hidden % 5, hidden, 3, hidden % 2 == 0});
  for (size_t classes = 1; classes <= 10; ++classes) all.push_back({20, 16, 2, 6, classes, classes % 2 == 0});
  all.push_back({9, 9, 300, 2, 2, false});
  all.push_back({9, 4, 3, 300, 290, true});
  return all;
}

template <class T>
void check_all(double tolerance) {
  for (const Shape& shape : shapes()) {
    INFO(to_string(shape) << ", " << 8 * sizeof(T) << " bits");
    const Outcome<T> scalar = train<T>(Isa::scalar, shape, 0.1);
    for (const Isa isa : available_isas()) {
      INFO(cpu::to_string(isa));
      CHECK(train<T>(isa, shape, 0.1) == scalar);
    }
    // The start differs with the type by its rounding alone.
    const Outcome<double> formula = by_formula(shape, 0.1);
    const auto near = [&](const auto& ours, const auto& theirs) {
      for (size_t k = 0; k < theirs.size(); ++k) CHECK(std::abs(ours[k] - theirs[k]) < tolerance);
    };
    near(scalar.first, formula.first);
    near(scalar.second, formula.second);
    near(scalar.losses, formula.losses);
    CHECK(scalar.right == formula.right);
  }
}

}  // namespace

TEST_CASE("two epochs have the same bits on every instruction set, and are those of the formulas", "[mlp]") {
  // Sums of up to 300 products below 1, and two epochs of steps by them: 50 epsilon.
  check_all<float>(50 * 1.2e-7);
  check_all<double>(50 * 2.3e-16);
}

TEST_CASE("an epoch says when a weight has left the finite numbers", "[mlp]") {
  const Shape shape{20, 16, 4, 12, 3, false};
  const Problem<float> problem(shape);
  for (const Isa isa : available_isas()) {
    INFO(cpu::to_string(isa));
    const auto finite_with = [&](float weight, size_t place, bool in_first, double lr) {
      const Batches<float> data(problem.X.data(), problem.y.data(), shape.rows, shape.features, shape.batch);
      Network<float> network(shape.features, shape.hidden, shape.classes, false, data.widest());
      std::copy(problem.first.begin(), problem.first.end(), network.first.weights.data());
      std::copy(problem.second.begin(), problem.second.end(), network.second.weights.data());
      (in_first ? network.first : network.second).weights.data()[place] = weight;
      return mlp_kernels<float>(isa).epoch(network, data, lr).finite;
    };
    CHECK(finite_with(1, 0, true, 0.1));
    for (const float bad : {INFINITY, -INFINITY, NAN}) {
      for (const size_t place : {size_t{0}, size_t{17}, problem.first.size() - 1}) {
        CHECK_FALSE(finite_with(bad, place, true, 0.1));
      }
      for (const size_t place : {size_t{0}, size_t{17}, problem.second.size() - 1}) {
        CHECK_FALSE(finite_with(bad, place, false, 0.1));
      }
    }
    CHECK_FALSE(finite_with(1, 0, true, 1e42));  // a step that float32 cannot hold
  }
}

}  // namespace factorise::cpu
