// The CUDA kernel for exact SGD has the referee's bits, whatever the order in which warps take their turns, and none of
// them waits for ever or reads what is not written: on simulated warps.

#include "catch.h"
#include "cpu/referee.h"
#include "simulated_sgd.h"

namespace factorise::tests {
namespace {

void check(const at::Tensor& A, const at::Tensor& M, const Factors& start, const Hyper& hyper, const Machine& machine) {
  const Factors expected = referee(A, M, start, hyper);
  const bool in_double = start.U.scalar_type() == at::kDouble;
  const int64_t rank = start.U.size(1);
  const SimulatedRuns ours = in_double ? SimulatedSgd<double>(A, M, rank).run({start}, {hyper}, machine)
                                       : SimulatedSgd<float>(A, M, rank).run({start}, {hyper}, machine);
  CHECK(same_bits(ours.factors[0], expected));
  CHECK(ours.diverged[0] == cuda::kNeverDiverged);
}

bool is_finite(const Factors& factors) {
  return factors.U.isfinite().all().item<bool>() && factors.V.isfinite().all().item<bool>();
}

}  // namespace

TEST_CASE("simulated warps have the referee's bits: shapes, ranks, types, densities", "[sgd_schedule]") {
  const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 1},   {1, 70},  {70, 1},   {3, 3},    {31, 33},
                                                        {32, 32}, {33, 31}, {65, 140}, {100, 67}, {5, 300}};
  const std::vector<int64_t> ranks{1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 32, 33, 70};
  const std::vector<Hyper> hypers{{.lr = 0.01},
                                  {.lr = 0.01, .weight_decay = 0.1, .lr_decay = 0.9},
                                  {.lr = 0.02, .lr_decay = 0.5, .epochs = 3},
                                  {.lr = 0.005, .weight_decay = 0.02, .epochs = 1}};
  constexpr Density kMixed[] = {Density::third, Density::all, Density::few, Density::gaps, Density::no_mask};
  constexpr int kResident[] = {1, 2, 3, 8};
  uint64_t i = 0;
  for (const auto& [m, n] : shapes) {
    for (const int64_t rank : ranks) {
      for (const auto type : {at::kFloat, at::kDouble}) {
        ++i;
        const at::Tensor M = mask_of(kMixed[i / 2 % 5], m, n), A = ratings_of(m, n, i / 3 % 2 == 0, type, M);
        const Factors start = start_of(m, n, rank, type);
        INFO(m << " x " << n << ", rank " << rank << ", " << type << ", case " << i);
        check(A, M, start, hypers[i % 4], {i, 8, kResident[i / 7 % 4]});
      }
    }
  }
}

TEST_CASE("thousands of orders of turns give one result", "[sgd_schedule]") {
  const at::Tensor M = mask_of(Density::third, 40, 45), A = ratings_of(40, 45, true, at::kFloat, M);
  const Factors start = factors_of(40, 45, 2, at::kFloat);
  const Hyper hyper{.lr = 0.02, .epochs = 3};
  const Factors expected = referee(A, M, start, hyper);
  SimulatedSgd<float> sgd(A, M, 2);
  REQUIRE(sgd.is_bytes());
  int equal = 0, turns_taken = 0;
  constexpr int kSeeds = 2000;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SimulatedRuns ours = sgd.run({start}, {hyper}, {seed, 5, static_cast<int>(1 + seed % 5)});
    equal += same_bits(ours.factors[0], expected);
    turns_taken += ours.switches > 100;
  }
  CHECK(equal == kSeeds);
  CHECK(turns_taken > kSeeds / 2);
}

TEST_CASE("many runs in one launch have each its own run's bits", "[sgd_schedule]") {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{3, 3}, {50, 40}, {33, 90}}) {
    const at::Tensor M = mask_of(Density::third, m, n), A = ratings_of(m, n, false, at::kDouble, M);
    std::vector<Factors> starts;
    std::vector<Hyper> hypers;
    for (int run = 0; run < 7; ++run) {
      starts.push_back(factors_of(m, n, 3, at::kDouble));
      hypers.push_back({.lr = 0.01 * (run + 1), .weight_decay = 0.01 * run, .lr_decay = 0.9, .epochs = 4});
    }
    const SimulatedRuns ours = SimulatedSgd<double>(A, M, 3).run(starts, hypers, {99, 6, 4});
    for (size_t run = 0; run < starts.size(); ++run) {
      INFO(m << " x " << n << ", run " << run);
      CHECK(same_bits(ours.factors[run], referee(A, M, starts[run], hypers[run])));
    }
  }
}

TEST_CASE("a run that diverges says at which epoch, and leaves the others alone", "[sgd_schedule]") {
  const at::Tensor M = mask_of(Density::third, 70, 60), A = ratings_of(70, 60, true, at::kFloat, M);
  const Factors start = factors_of(70, 60, 5, at::kFloat);
  const auto first_divergence = [&](Hyper hyper) -> uint32_t {
    const int64_t last = hyper.epochs;
    for (hyper.epochs = 1; hyper.epochs <= last; ++hyper.epochs) {
      if (!is_finite(referee(A, M, start, hyper))) return static_cast<uint32_t>(hyper.epochs);
    }
    return cuda::kNeverDiverged;
  };
  const std::vector<Hyper> hypers{{.lr = 0.01, .epochs = 12}, {.lr = 0.3, .epochs = 12}, {.lr = 0.2, .epochs = 12}};
  const uint32_t expected[] = {first_divergence(hypers[0]), first_divergence(hypers[1]), first_divergence(hypers[2])};
  REQUIRE(expected[0] == cuda::kNeverDiverged);
  REQUIRE(expected[1] < 12);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const SimulatedRuns ours =
        SimulatedSgd<float>(A, M, 5).run({start, start, start}, hypers, {seed, 9, static_cast<int>(1 + seed % 9)});
    for (size_t run = 0; run < 3; ++run) CHECK(ours.diverged[run] == expected[run]);
    CHECK(same_bits(ours.factors[0], referee(A, M, start, hypers[0])));
  }
}

TEST_CASE("zeros, -0, denormals and large numbers at the start", "[sgd_schedule]") {
  const at::Tensor M = mask_of(Density::third, 35, 37), A = ratings_of(35, 37, false, at::kFloat, M);
  for (const double special : {0.0, -0.0, 1e-42, 3e18}) {
    Factors start = factors_of(35, 37, 5, at::kFloat);
    start.U.select(0, 3).fill_(special);
    start.V.select(0, 4).fill_(-special);
    start.V.select(1, 2).fill_(special > 1 ? 0.5 : special);
    const Hyper hyper{.lr = 1e-3, .epochs = 1};
    const SimulatedRuns ours = SimulatedSgd<float>(A, M, 5).run({start}, {hyper}, {7, 3, 2});
    const Factors expected = referee(A, M, start, hyper);
    if (is_finite(expected)) {
      CHECK(same_bits(ours.factors[0], expected));
    } else {
      CHECK(ours.diverged[0] == 1);
    }
  }
}

}  // namespace factorise::tests
