// The CUDA kernel for exact SGD has the referee's bits, whatever the order in which warps take their turns, and none of
// them waits for ever or reads what is not written: on simulated warps.

#include "cpu/referee.h"
#include "catch.h"
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
  CHECK(ours.diverged[0] == cuda::SgdJob<float>::kNever);
}

}  // namespace

TEST_CASE("simulated warps have the referee's bits: shapes, ranks, types, densities", "[sgd_schedule]") {
  const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 1},  {1, 70}, {70, 1},  {3, 3},   {31, 33},
                                                        {32, 32}, {33, 31}, {65, 140}, {100, 67}, {5, 300}};
  const std::vector<int64_t> ranks{1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 32, 33, 70};
  const std::vector<Hyper> hypers{{.lr = 0.01},
                                  {.lr = 0.01, .weight_decay = 0.1, .lr_decay = 0.9},
                                  {.lr = 0.02, .lr_decay = 0.5, .epochs = 3},
                                  {.lr = 0.005, .weight_decay = 0.02, .epochs = 1}};
  constexpr Density kDensities[] = {Density::third, Density::all, Density::few, Density::gaps, Density::no_mask};
  constexpr int kResident[] = {1, 2, 3, 8};
  uint64_t i = 0;
  for (const auto& [m, n] : shapes) {
    for (const int64_t rank : ranks) {
      for (const auto type : {at::kFloat, at::kDouble}) {
        ++i;
        const at::Tensor M = mask_of(kDensities[i / 2 % 5], m, n), A = ratings_of(m, n, i / 3 % 2 == 0, type, M);
        Factors start = factors_of(m, n, rank, type);
        if (rank > 8) start = {start.U / rank, start.V / rank};
        INFO(m << " x " << n << ", rank " << rank << ", " << type << ", case " << i);
        check(A, M, start, hypers[i % 4], {i, 8, kResident[i / 7 % 4]});
      }
    }
  }
}

}  // namespace factorise::tests
