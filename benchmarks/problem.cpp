// Ratings made up entry by entry, so that a sparse problem costs what its entries cost.

#include "benchmarks/problem.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <random>

namespace factorise::benchmarks {
namespace {

constexpr int kTasteRank = 8;
constexpr double kMean = 3.6, kTaste = 0.6, kNoise = 0.85;

using Taste = std::array<float, kTasteRank>;

std::vector<Taste> draw_tastes(int64_t count, std::mt19937_64& random) {
  const double scale = std::sqrt(kTaste / std::sqrt(static_cast<double>(kTasteRank)));
  std::normal_distribution<float> normal(0, static_cast<float>(scale));
  std::vector<Taste> tastes(static_cast<size_t>(count));
  for (Taste& taste : tastes) {
    for (float& value : taste) value = normal(random);
  }
  return tastes;
}

float rating_of(const Taste& row, const Taste& column, double noise) {
  double value = kMean + noise;
  for (size_t k = 0; k < kTasteRank; ++k) value += static_cast<double>(row[k] * column[k]);
  return static_cast<float>(std::clamp(std::floor(value + 0.5), 1.0, 5.0));
}

/// Noise of standard deviation kNoise from 64 bits: the sum of four 16-bit uniforms.
double noise_of(uint64_t bits) {
  double sum = 0;
  for (int shift = 0; shift < 64; shift += 16) sum += static_cast<double>((bits >> shift) & 0xFFFF);
  return kNoise * (sum / 65535 - 2) * std::sqrt(3.0);
}

[[noreturn]] void refuse(const std::filesystem::path& path, const char* what) {
  C10_THROW_ERROR(ValueError, path.string() + " " + what);
}

}  // namespace

Problem random_problem(int64_t rows, int64_t columns, double density, uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::vector<Taste> row_tastes = draw_tastes(rows, random), column_tastes = draw_tastes(columns, random);
  // Observed cells by the gaps between them.
  std::geometric_distribution<int64_t> gap(std::min(density, 1 - 1e-12));
  Problem problem{rows, columns, {0}, {}, {}};
  for (const Taste& row : row_tastes) {
    for (int64_t c = density < 1 ? gap(random) : 0; c < columns; c += density < 1 ? 1 + gap(random) : 1) {
      problem.column.push_back(static_cast<int32_t>(c));
      problem.rating.push_back(rating_of(row, column_tastes[static_cast<size_t>(c)], noise_of(random())));
    }
    problem.row_start.push_back(problem.observed());
  }
  return problem;
}

void write_problem(const Problem& problem, const std::filesystem::path& path) {
  std::vector<float> triples;
  triples.reserve(3 * problem.rating.size());
  for (int64_t r = 0; r < problem.rows; ++r) {
    for (auto i = static_cast<size_t>(problem.row_start[r]); i < static_cast<size_t>(problem.row_start[r + 1]); ++i) {
      triples.insert(triples.end(), {static_cast<float>(r), static_cast<float>(problem.column[i]), problem.rating[i]});
    }
  }
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(triples.data()),
             static_cast<std::streamsize>(triples.size() * sizeof(float)));
  if (!file.flush()) refuse(path, "cannot be written.");
}

Problem read_problem(const std::filesystem::path& path, int64_t rows, int64_t columns) {
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, "cannot be read.");
  Problem problem{rows, columns, std::vector<int64_t>(static_cast<size_t>(rows) + 1), {}, {}};
  int64_t last = -1;
  std::array<float, 3> triple;
  while (file.read(reinterpret_cast<char*>(triple.data()), sizeof triple)) {
    const auto r = static_cast<int64_t>(triple[0]), c = static_cast<int64_t>(triple[1]);
    if (r < 0 || r >= rows || c < 0 || c >= columns) refuse(path, "holds an entry outside --rows x --columns.");
    if (r * columns + c <= last) refuse(path, "does not hold its entries row by row, left to right.");
    last = r * columns + c;
    problem.column.push_back(static_cast<int32_t>(c));
    problem.rating.push_back(triple[2]);
    problem.row_start[static_cast<size_t>(r) + 1] = problem.observed();
  }
  for (size_t r = 1; r < problem.row_start.size(); ++r) {  // rows without entries
    problem.row_start[r] = std::max(problem.row_start[r], problem.row_start[r - 1]);
  }
  return problem;
}

Tensor dense(const Problem& problem, at::ScalarType type) {
  const bool bytes = type == at::kChar;
  TORCH_CHECK_VALUE(bytes || type == at::kFloat, "[dense] type must be int8 or float32, but was ", type, ".");
  Tensor A = at::zeros({problem.rows, problem.columns}, at::TensorOptions(type));
  const auto fill = [&](auto* cell) {
    for (int64_t r = 0; r < problem.rows; ++r, cell += problem.columns) {
      for (auto i = static_cast<size_t>(problem.row_start[r]); i < static_cast<size_t>(problem.row_start[r + 1]); ++i) {
        cell[problem.column[i]] = static_cast<std::remove_reference_t<decltype(*cell)>>(problem.rating[i]);
      }
    }
  };
  bytes ? fill(A.mutable_data_ptr<int8_t>()) : fill(A.mutable_data_ptr<float>());
  return A;
}

Factors start(const Problem& problem, int64_t rank, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(0,
                                                static_cast<float>(std::sqrt(4 * kMean / static_cast<double>(rank))));
  const auto draw = [&](int64_t count) {
    Tensor factor = at::empty({count, rank}, at::TensorOptions(at::kFloat));
    auto* value = factor.mutable_data_ptr<float>();
    std::generate(value, value + factor.numel(), [&] { return uniform(random); });
    return factor;
  };
  Tensor U = draw(problem.rows), V = draw(problem.columns);
  return {U, V};
}

double squared_error(const Problem& problem, const Factors& factors) {
  const int64_t rank = factors.U.size(1);
  const auto* u = factors.U.const_data_ptr<float>();
  const auto* V = factors.V.const_data_ptr<float>();
  double sum = 0;
  for (int64_t r = 0; r < problem.rows; ++r, u += rank) {
    for (auto i = static_cast<size_t>(problem.row_start[r]); i < static_cast<size_t>(problem.row_start[r + 1]); ++i) {
      const float* v = V + problem.column[i] * rank;
      double error = static_cast<double>(problem.rating[i]);
      for (int64_t k = 0; k < rank; ++k) error -= static_cast<double>(u[k]) * static_cast<double>(v[k]);
      sum += error * error;
    }
  }
  return sum;
}

}  // namespace factorise::benchmarks
