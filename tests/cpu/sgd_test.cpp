// Fused SGD has the referee's bits: on every instruction set, number of threads and path, for every shape around the
// vectors and blocks, every rank, density and type.

#include "cpu/sgd/sgd.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <limits>
#include <random>

#include "catch.h"
#include "cpu/isa.h"
#include "cpu/referee.h"
#include "cpu/sgd/sgd_kernels.h"
#include "sandbox.h"

namespace factorise::cpu {
namespace {

using namespace tests;

at::Tensor packed(const at::Tensor& A, const at::Tensor& M, int64_t rank, c10::ScalarType type, SgdPath path) {
  const auto mask = M.defined() ? std::optional(M) : std::nullopt;
  return type == at::kDouble ? pack_sgd<double>(A, mask, rank, path, count_entries<double>(A, mask, 2), 2)
                             : pack_sgd<float>(A, mask, rank, path, count_entries<float>(A, mask, 2), 2);
}

Factors fused(const at::Tensor& ratings, const Factors& start, const Hyper& hyper, int threads,
              int64_t* diverged = nullptr) {
  const Factors factors{start.U.clone(), start.V.clone()};
  const int64_t epoch =
      run_sgd(ratings, factors.U, factors.V, hyper.lr, hyper.weight_decay, hyper.lr_decay, hyper.epochs, threads);
  if (diverged) *diverged = epoch;
  return factors;
}

constexpr int kThreads[] = {1, 2, 3, 7};
constexpr SgdPath kPaths[] = {SgdPath::wavefront, SgdPath::entries};

/// Every instruction set and both paths, on so many threads.
void check_everywhere(const at::Tensor& A, const at::Tensor& M, const Factors& start, const Hyper& hyper, int threads) {
  const Factors expected = referee(A, M, start, hyper);
  for (const Isa isa : available_isas()) {
    const Variable force("FACTORISE_ISA", to_string(isa));
    for (const SgdPath path : kPaths) {
      INFO(to_string(isa) << (path == SgdPath::wavefront ? " wavefront, " : " entries, ") << threads << " threads");
      const at::Tensor ratings = packed(A, M, start.U.size(1), start.U.scalar_type(), path);
      CHECK(same_bits(fused(ratings, start, hyper, threads), expected));
    }
  }
}

}  // namespace

TEST_CASE("the referee's bits, for shapes around vectors and blocks, all ranks, densities and types", "[sgd]") {
  const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 1},   {1, 70},  {70, 1},  {2, 3},    {3, 2},   {7, 9},
                                                        {8, 8},   {15, 17}, {16, 16}, {17, 15},  {31, 33}, {32, 200},
                                                        {63, 65}, {64, 64}, {65, 63}, {129, 40}, {300, 7}, {5, 700}};
  const std::vector<Hyper> hypers{{.lr = 0.01},
                                  {.lr = 0.01, .weight_decay = 0.1, .lr_decay = 0.9},
                                  {.lr = 0.02, .lr_decay = 0.5, .epochs = 3},
                                  {.lr = 0.005, .weight_decay = 0.02, .epochs = 1}};
  size_t i = 0;
  for (const auto& [m, n] : shapes) {
    for (const int64_t rank : kRanks) {
      // Each shape and rank with the next of the other settings: their numbers have no common factor with each other's.
      for (const auto type : {at::kFloat, at::kDouble}) {
        ++i;
        const Density density = kDensities[i / 2 % 6];
        const at::Tensor M = mask_of(density, m, n);
        const at::Tensor A = ratings_of(m, n, i / 3 % 2 == 0, type, M);
        INFO(m << " x " << n << ", rank " << rank << ", " << type << ", density " << static_cast<int>(density)
               << ", settings " << i % 4);
        const Factors start = start_of(m, n, rank, type);
        check_everywhere(A, M, start, hypers[i % 4], kThreads[i / 5 % 4]);
      }
    }
  }
}

TEST_CASE("the referee's bits for blocks of every height", "[sgd]") {
  // A block's height is chosen by the rows: up to 12 vectors of up to 8 numbers with AVX2.
  const int64_t n = 130;
  for (int64_t m = 3; m <= 105; m += 4) {
    for (const int64_t rank : {int64_t{3}, int64_t{8}, int64_t{11}}) {
      const auto type = m / 4 % 2 == 0 ? at::kFloat : at::kDouble;
      const at::Tensor M = mask_of(Density::third, m, n), A = ratings_of(m, n, m % 3 != 0, type, M);
      INFO(m << " rows, rank " << rank << ", " << type);
      check_everywhere(A, M, factors_of(m, n, rank, type), {.lr = 0.003, .weight_decay = m % 5 == 0 ? 0.1 : 0}, 2);
    }
  }
}

TEST_CASE("a block's cells have a place each, and blocks hold all rows", "[sgd]") {
  for (const Isa isa : available_isas()) {
    if (isa == Isa::scalar) continue;
    const Variable force("FACTORISE_ISA", to_string(isa));
    for (const int64_t rank : kRanks) {
      for (const int64_t m : {1, 8, 9, 50, 100, 640, 1000}) {
        const at::Tensor ratings = packed(at::ones({m, 20}), {}, rank, at::kFloat, SgdPath::wavefront);
        const SgdLayout& layout = sgd_layout(ratings);
        CHECK(is_for_this_isa(layout));
        CHECK(layout.blocks() * layout.block_rows >= m);
        std::vector<int> times(static_cast<size_t>(layout.block_rows));
        for (int64_t i = 0; i < layout.block_rows; ++i) ++times.at(static_cast<size_t>(layout.cell_of(i)));
        CHECK(std::all_of(times.begin(), times.end(), [](int count) { return count == 1; }));
        SgdLayout other = layout;
        ++other.lane_rows;
        CHECK_FALSE(is_for_this_isa(other));
      }
    }
  }
}

TEST_CASE("the referee's bits on a larger matrix, for every number of threads", "[sgd][threads]") {
  const int64_t m = 333, n = 1111;
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const int64_t rank : {int64_t{5}, int64_t{16}}) {
      const at::Tensor M = mask_of(Density::third, m, n), A = ratings_of(m, n, true, type, M);
      const Factors start = factors_of(m, n, rank, type);
      for (const int threads : kThreads) check_everywhere(A, M, start, {.lr = 0.003, .epochs = 4}, threads);
    }
  }
}

TEST_CASE("the referee's bits with zeros, -0, denormals and large values in the start", "[sgd]") {
  const int64_t m = 40, n = 90, rank = 5;
  for (const auto type : {at::kFloat, at::kDouble}) {
    const bool single = type == at::kFloat;
    const double tiny = single ? std::numeric_limits<float>::denorm_min() : std::numeric_limits<double>::denorm_min();
    const at::Tensor M = mask_of(Density::third, m, n), A = ratings_of(m, n, false, type, M);
    for (const double value : {0.0, -0.0, tiny, -3 * tiny, 1e4, -7e5}) {
      Factors start = factors_of(m, n, rank, type);
      start.U.slice(0, 0, m, 3).fill_(value);
      start.V.select(1, 2).fill_(value);
      INFO(value);
      // So small a step that large values do not leave the numbers.
      check_everywhere(A, M, start, {.lr = 1e-13, .epochs = 2}, 2);
      check_everywhere(A, M, start, {.lr = 1e-13, .weight_decay = 1e3, .epochs = 2}, 1);
    }
    // All of it denormal: what flushes them to zero is found out.
    const Factors start{at::full({m, rank}, 3 * tiny, at::TensorOptions(type)),
                        at::full({n, rank}, 5 * tiny, at::TensorOptions(type))};
    const Factors expected = referee(A, M, start, {.lr = 0.5, .epochs = 1});
    REQUIRE_FALSE(expected.U.eq(0).all().item<bool>());
    check_everywhere(A, M, start, {.lr = 0.5, .epochs = 1}, 2);
  }
}

TEST_CASE("ratings and masks of every type and any strides", "[sgd]") {
  const int64_t m = 37, n = 50, rank = 3;
  const at::Tensor whole = at::randint(1, 6, {m, n}), M = mask_of(Density::third, m, n);
  const Factors start = factors_of(m, n, rank, at::kFloat);
  for (const auto type :
       {at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16, at::kFloat}) {
    INFO(type);
    check_everywhere(whole.to(type), M, start, {}, 2);
    check_everywhere(whole.to(type).t().contiguous().t(), M.to(type), start, {}, 2);
  }
  check_everywhere(whole.eq(2), M.t().contiguous().t(), start, {}, 2);
  check_everywhere(whole.to(at::kInt) - 3, M, start, {}, 1);  // zero and negative ratings are ratings
  check_everywhere(whole * 100, M, start, {.lr = 1e-4}, 1);   // beyond a byte
  check_everywhere(whole.select(0, 0).expand({m, n}), M.select(1, 1).unsqueeze(1).expand({m, n}).logical_or(M), start,
                   {}, 1);
}

TEST_CASE("random problems, from a printed seed", "[sgd][threads]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); };
  for (int i = 0; i < 150; ++i) {
    const auto type = below(2) ? at::kFloat : at::kDouble;
    const int64_t m = 1 + below(below(2) ? 20 : 200), n = 1 + below(below(2) ? 30 : 400),
                  rank = 1 + below(below(3) ? 10 : 80);
    const at::Tensor M = mask_of(static_cast<Density>(below(6)), m, n);
    const at::Tensor A = ratings_of(m, n, below(2) == 0, type, M);
    Factors start = factors_of(m, n, rank, type);
    start = {start.U / std::sqrt(rank), start.V / std::sqrt(rank)};
    const Hyper hyper{.lr = 0.001 * static_cast<double>(1 + below(10)),
                      .weight_decay = below(2) ? 0 : 0.05,
                      .lr_decay = below(2) ? 1 : 0.8,
                      .epochs = 1 + below(5)};
    const int threads = static_cast<int>(1 + below(9));
    INFO("case " << i << ": " << m << " x " << n << ", rank " << rank << ", " << type);
    check_everywhere(A, M, start, hyper, threads);
  }
}

TEST_CASE("every path and number of threads finds the epoch of a divergence that the referee finds", "[sgd][threads]") {
  const int64_t m = 100, n = 300, rank = 4;
  const at::Tensor M = mask_of(Density::third, m, n), A = ratings_of(m, n, true, at::kFloat, M);
  const Factors start = factors_of(m, n, rank, at::kFloat);
  for (const double lr : {0.08, 0.2, 3.0}) {
    int64_t expected = 0;
    for (int64_t epochs = 1; epochs <= 60 && expected == 0; ++epochs) {
      const Factors after = referee(A, M, start, {.lr = lr, .epochs = epochs});
      if (!after.U.isfinite().all().item<bool>() || !after.V.isfinite().all().item<bool>()) expected = epochs;
    }
    REQUIRE(expected > 0);
    for (const Isa isa : available_isas()) {
      const Variable force("FACTORISE_ISA", to_string(isa));
      for (const SgdPath path : kPaths) {
        for (const int threads : kThreads) {
          INFO(lr << ", " << to_string(isa) << ", " << threads << " threads");
          int64_t diverged = 0;
          fused(packed(A, M, rank, at::kFloat, path), start, {.lr = lr, .epochs = 200}, threads, &diverged);
          CHECK(diverged == expected);
        }
      }
    }
  }
}

TEST_CASE("epochs in one call or in several have the same bits", "[sgd]") {
  const at::Tensor M = mask_of(Density::third, 70, 90), A = ratings_of(70, 90, true, at::kFloat, M);
  const Factors start = factors_of(70, 90, 6, at::kFloat);
  for (const SgdPath path : kPaths) {
    const at::Tensor ratings = packed(A, M, 6, at::kFloat, path);
    const Factors once = fused(ratings, start, {.epochs = 7}, 2);
    const Factors twice = fused(ratings, fused(ratings, start, {.epochs = 3}, 3), {.epochs = 4}, 1);
    CHECK(same_bits(once, twice));
  }
}

TEST_CASE("each path is chosen where it is the cheaper one, and can be forced", "[sgd]") {
  const auto path_at = [](double density, SgdPath wanted) {
    const at::Tensor A = at::randint(1, 6, {200, 2000}), M = at::rand({200, 2000}).lt(density);
    return sgd_layout(packed(A, M, 5, at::kFloat, wanted)).path;
  };
  for (const Isa isa : available_isas()) {
    const Variable force("FACTORISE_ISA", to_string(isa));
    INFO(to_string(isa));
    CHECK(path_at(0.5, SgdPath::entries) == SgdPath::entries);
    CHECK(path_at(0.002, SgdPath::automatic) == SgdPath::entries);
    // Without vectors there is nothing for the wavefront to run on.
    const SgdPath wavefront = isa == Isa::scalar ? SgdPath::entries : SgdPath::wavefront;
    CHECK(path_at(0.002, SgdPath::wavefront) == wavefront);
    CHECK(path_at(0.9, SgdPath::automatic) == wavefront);
  }
}

TEST_CASE("packed ratings take a byte a cell where they are small whole numbers, else a number", "[sgd]") {
  const int64_t m = 640, n = 5000;
  const at::Tensor A = at::randint(1, 6, {m, n});
  constexpr int64_t kHeader = (sizeof(SgdLayout) + 63) / 64 * 64;
  for (const Isa isa : available_isas()) {
    const Variable force("FACTORISE_ISA", to_string(isa));
    for (const bool whole : {true, false}) {
      for (const auto type : {at::kFloat, at::kDouble}) {
        INFO(to_string(isa) << ", " << type << (whole ? ", whole numbers" : ", others"));
        const int64_t value = type == at::kFloat ? 4 : 8;
        const at::Tensor values = whole ? A : A + 0.5;
        // A block is filled up to its height, and its last row ends as many steps later as there are rows above it.
        if (isa != Isa::scalar) {
          const at::Tensor ratings = packed(values, {}, 5, type, SgdPath::wavefront);
          const auto shape_of = type == at::kFloat ? wavefront_shape<float> : wavefront_shape<double>;
          const int64_t H = shape_of(isa, 5, m, n).block_rows;
          const int64_t cells = (m + H - 1) / H * H * (n + H - 1);
          CHECK(sgd_layout(ratings).block_rows == H);
          CHECK(ratings.numel() - kHeader - cells * (whole ? 1 : value) >= 0);
          CHECK(ratings.numel() - kHeader - cells * (whole ? 1 : value) < 64);
        }
        // An entry's value, its column (4 bytes) and its row (1); where a strip's chunks begin; what is read ahead.
        const at::Tensor ratings = packed(values, {}, 5, type, SgdPath::entries);
        const SgdLayout& layout = sgd_layout(ratings);
        const int64_t index = 8 * layout.blocks() * (layout.chunks() + 1), entries = m * n * (value + 5);
        CHECK(ratings.numel() - kHeader - entries - index >= 4 * kSgdLookahead);
        CHECK(ratings.numel() - kHeader - entries - index < 4 * kSgdLookahead + 4 * 64);
        CHECK(index < entries / 50);
      }
    }
  }
}

TEST_CASE("what is no packed ratings is refused", "[sgd]") {
  for (const at::Tensor& wrong : {at::Tensor(), at::zeros({10}), at::zeros({1000}, at::TensorOptions(at::kByte))}) {
    CHECK_THROWS_WITH(sgd_layout(wrong), contains("must be what sgd_ratings made"));
  }
}

}  // namespace factorise::cpu
