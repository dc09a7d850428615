// Exact SGD on a GPU has the CPU's bits: over the shapes, ranks, types and densities of the CPU's own tests.

#include <factorise/runs.h>
#include <factorise/sgd.h>

#include <cstring>

#include "catch.h"
#include "core/backend.h"
#include "cpu/referee.h"
#include "have_cuda.h"

namespace factorise::tests {
namespace {

SgdOptions options_of(const Hyper& hyper, const Factors& start) {
  return SgdOptions()
      .lr(hyper.lr)
      .weight_decay(hyper.weight_decay)
      .lr_decay(hyper.lr_decay)
      .num_epochs(hyper.epochs)
      .initial(start);
}

Factors on_gpu(const at::Tensor& A, const at::Tensor& M, const Factors& start, const Hyper& hyper) {
  const SgdOptions options = options_of(hyper, {start.U.cuda(), start.V.cuda()}).overcomplete(true);
  const int64_t rank = start.U.size(1);
  const Factors factors =
      M.defined() ? sgd_factorise_masked(A.cuda(), M.cuda(), rank, options) : sgd_factorise(A.cuda(), rank, options);
  CHECK(factors.U.is_cuda());
  return {factors.U.cpu(), factors.V.cpu()};
}

}  // namespace

TEST_CASE("exact SGD's bits on a GPU, on small matrices", "[sgd_cuda][sanitizer]") {
  if (!have_cuda_kernels()) return;
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{3, 3}, {40, 70}, {70, 40}}) {
    for (const int64_t rank : {2, 5, 8, 9, 33}) {
      const at::Tensor M = mask_of(Density::third, m, n), A = ratings_of(m, n, rank % 2, at::kFloat, M);
      const Factors start{at::rand({m, rank}) / rank, at::rand({n, rank}) / rank};
      INFO(m << " x " << n << ", rank " << rank);
      CHECK(same_bits(on_gpu(A, M, start, {}), referee(A, M, start, {})));
    }
  }
}

TEST_CASE("exact SGD's bits on a GPU, for all shapes, ranks, densities and types", "[sgd_cuda]") {
  if (!have_cuda_kernels()) return;
  const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 1},   {1, 70},    {70, 1},   {3, 2},    {31, 33},
                                                        {32, 32}, {33, 200},  {64, 64},  {129, 40}, {300, 7},
                                                        {5, 700}, {200, 311}, {1000, 64}};
  // Small enough that none of them diverges.
  const std::vector<Hyper> hypers{{.lr = 0.001},
                                  {.lr = 0.001, .weight_decay = 0.1, .lr_decay = 0.9},
                                  {.lr = 0.002, .lr_decay = 0.5, .epochs = 3},
                                  {.lr = 0.005, .weight_decay = 0.02, .epochs = 1}};
  size_t i = 0;
  for (const auto& [m, n] : shapes) {
    for (const int64_t rank : kRanks) {
      for (const auto type : {at::kFloat, at::kDouble}) {
        ++i;
        const at::Tensor M = mask_of(kDensities[i / 2 % 6], m, n), A = ratings_of(m, n, i / 3 % 2 == 0, type, M);
        const Factors start = start_of(m, n, rank, type);
        INFO(m << " x " << n << ", rank " << rank << ", " << type << ", settings " << i % 4);
        try {
          CHECK(same_bits(on_gpu(A, M, start, hypers[i % 4]), referee(A, M, start, hypers[i % 4])));
        } catch (const c10::Error& error) {
          // An H100 holds all of these, smaller GPUs do not.
          if (rank < 128 || !std::strstr(error.what(), "bytes of a GPU's shared memory")) throw;
        }
      }
    }
  }
}

TEST_CASE("a larger matrix over more epochs has the CPU's bits on a GPU, whatever else the GPU does", "[sgd_cuda]") {
  if (!have_cuda_kernels()) return;
  const int64_t m = 1000, n = 3000;
  for (const auto type : {at::kFloat, at::kDouble}) {
    const at::Tensor M = mask_of(Density::third, m, n), A = ratings_of(m, n, true, type, M);
    const Factors start = factors_of(m, n, 5, type);
    const Hyper hyper{.lr = 0.002, .epochs = 20};
    const Factors on_cpu = sgd_factorise_masked(A, M, 5, options_of(hyper, start));
    const Factors ours = on_gpu(A, M, start, hyper);
    CHECK(same_bits(ours, on_cpu));
    CHECK(same_bits(on_gpu(A, M, start, hyper), ours));
  }
}

TEST_CASE("runs from many seeds at once are each its own run on a GPU", "[sgd_cuda]") {
  if (!have_cuda_kernels()) return;
  const at::Tensor M = mask_of(Density::third, 60, 90), A = ratings_of(60, 90, true, at::kFloat, M);
  std::vector<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 50; ++seed) seeds.push_back(seed);
  const auto options = SgdOptions().num_epochs(30).lr(0.02);
  const std::vector<Run> gpu = fit_runs(Observed::masked(A.cuda(), M.cuda()), 3, seeds, options);
  const std::vector<Run> cpu = fit_runs(Observed::masked(A, M), 3, seeds, options);
  REQUIRE(gpu.size() == cpu.size());
  for (size_t i = 0; i < gpu.size(); ++i)
    CHECK(same_bits({gpu[i].factors.U.cpu(), gpu[i].factors.V.cpu()}, cpu[i].factors));
}

TEST_CASE("a divergence on a GPU is found at the CPU's epoch, and stop ends a run on a whole epoch", "[sgd_cuda]") {
  if (!have_cuda_kernels()) return;
  const at::Tensor M = mask_of(Density::third, 300, 400), A = ratings_of(300, 400, true, at::kFloat, M);
  const auto epoch_of = [&](const at::Tensor& ratings, const at::Tensor& mask) -> int64_t {
    try {
      sgd_factorise_masked(ratings, mask, 5, SgdOptions().lr(0.05).num_epochs(200).seed(0));
    } catch (const DivergenceError& error) {
      return error.epoch();
    }
    return 0;
  };
  const int64_t on_cpu = epoch_of(A, M);
  REQUIRE(on_cpu > 0);
  CHECK(epoch_of(A.cuda(), M.cuda()) == on_cpu);

  int asked = 0;
  const auto options =
      SgdOptions().lr(1e-3).seed(1).num_epochs(int64_t{1} << 40).stop([&](int64_t) { return ++asked > 6; });
  const Factors stopped = sgd_factorise_masked(A.cuda(), M.cuda(), 5, options);
  CHECK(stopped.U.isfinite().all().item<bool>());
  // How many epochs a step has depends on the GPU's speed; from one on they double or halve, so six of them are at most
  // 63.
  bool found = false;
  for (int64_t epochs = 6; !found && epochs < 64; ++epochs) {
    const Factors whole = sgd_factorise_masked(A, M, 5, SgdOptions().lr(1e-3).seed(1).num_epochs(epochs));
    found = same_bits({stopped.U.cpu(), stopped.V.cpu()}, whole);
  }
  CHECK(found);
}

TEST_CASE("the backend refuses ratings that were packed for something else", "[sgd_cuda]") {
  if (!have_cuda_kernels()) return;
  const at::Tensor A = ratings_of(40, 50, true, at::kFloat, {}).cuda();
  const Backend& backend = backend_of("test", A.device());
  const at::Tensor ratings = backend.pack_sgd(Observed::all(A), 5);
  const auto run = [&](const at::Tensor& U) {
    backend.sgd_epochs(ratings, U, at::rand({1, 50, 5}).cuda(), {0.01}, 0, 1, 1);
  };
  CHECK_THROWS_WITH(run(at::rand({1, 70, 5}).cuda()),
                    Catch::Matchers::StartsWith("[sgd_epochs] ratings must be what pack_sgd made for a 70 x 50"));
  CHECK_THROWS_WITH(run(at::rand({1, 40, 5})), Catch::Matchers::StartsWith("[sgd_epochs] U must be contiguous"));
}

}  // namespace factorise::tests
