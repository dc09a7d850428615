// Lab 1's exercises, in calls of the library.

#include "programs/lab1_exercises.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "factorise/hold_out.h"
#include "programs/command_line.h"

namespace factorise::programs::lab1 {
namespace {

constexpr int64_t kRank = 2;
constexpr int64_t kBeautifulMind = 124;  // the sheet's row of "A Beautiful Mind"

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Exercise 4.1 by `factorise`, with its epochs timed and its answers read from the factors. The clock starts with the
/// first epoch: checks and conversions are set-up.
template <class Factorise>
Completed complete(const Ratings& ratings, c10::Device device, const Query& query, int64_t epochs,
                   const StopRequest& stop, Factorise factorise) {
  const Tensor A = ratings.A.to(device), M = A.gt(0);
  Completed result{};
  auto start = std::chrono::steady_clock::now();
  std::optional<int64_t> stopped_at;
  const Factors& factors = result.factors = factorise(A, M, [&](int64_t epoch) {
    if (epoch == 0) start = std::chrono::steady_clock::now();
    if (!stop || !stop(epoch)) return false;
    stopped_at = epoch;
    return true;
  });
  if (device.is_cuda()) factors.U.cpu();  // copying the result waits for the GPU
  result.seconds = seconds_since(start);
  result.epochs_done = stopped_at.value_or(epochs);
  result.observed = count_observed(M);
  result.sse = squared_error(A, factors, M);
  result.sse_all = squared_error(A, factors);
  result.rmse = std::sqrt(result.sse / static_cast<double>(result.observed));
  result.row = row_of(query.movie, ratings);
  if (result.row && query.user < A.size(1)) {
    result.prediction = factors.U[*result.row].dot(factors.V[query.user]).template item<double>();
  }
  return result;
}

}  // namespace

Factorised factorise_whole(uint64_t seed, const Tensor& A) {
  const auto start = std::chrono::steady_clock::now();
  const Factors factors = sgd_factorise(A, kRank, SgdOptions().seed(seed).engine(engine_on(A.device())));
  const double seconds = seconds_since(start);
  return {factors, squared_error(A, factors), seconds};
}

Factorised factorise_masked(uint64_t seed, const Tensor& A, const Tensor& M) {
  const auto start = std::chrono::steady_clock::now();
  const Factors factors = sgd_factorise_masked(A, M, kRank, SgdOptions().seed(seed).engine(engine_on(A.device())));
  const double seconds = seconds_since(start);
  return {factors, squared_error(A, factors), seconds};
}

std::vector<Run> whole_runs(at::ArrayRef<uint64_t> seeds, const Tensor& A, const StopRequest& stop,
                            const RunsCallback& on_runs) {
  return fit_runs(Observed::all(A), kRank, seeds, SgdOptions().stop(stop), on_runs);
}

std::vector<Run> masked_runs(at::ArrayRef<uint64_t> seeds, const Tensor& A, const Tensor& M, const StopRequest& stop,
                             const RunsCallback& on_runs) {
  return fit_runs(Observed::masked(A, M), kRank, seeds, SgdOptions().stop(stop), on_runs);
}

std::optional<int64_t> row_of(const std::string& movie, const Ratings& ratings) {
  const auto& titles = ratings.titles;
  if (titles.empty()) {
    if (movie == Query().movie && ratings.A.size(0) > kBeautifulMind) return kBeautifulMind;
    return std::nullopt;
  }
  const auto found = std::find(titles.begin(), titles.end(), movie);
  if (found == titles.end()) return std::nullopt;
  return found - titles.begin();
}

Completed complete_ratings(const Ratings& ratings, int64_t rank, const GdOptions& options, c10::Device device,
                           const Query& query) {
  const auto run = [&](const Tensor& A, const Tensor& M, StopRequest timed) {
    return gd_factorise_masked(A, M, rank, GdOptions(options).engine(engine_on(device)).stop(std::move(timed)));
  };
  return complete(ratings, device, query, options.num_epochs(), options.stop(), run);
}

Completed complete_ratings_exactly(const Ratings& ratings, int64_t rank, const SgdOptions& options, c10::Device device,
                                   const Query& query) {
  const auto run = [&](const Tensor& A, const Tensor& M, StopRequest timed) {
    return sgd_factorise_masked(A, M, rank, SgdOptions(options).stop(std::move(timed)));
  };
  return complete(ratings, device, query, options.num_epochs(), options.stop(), run);
}

double hold_out_rmse(const Ratings& ratings, int64_t rank, const SgdOptions& options, c10::Device device,
                     uint64_t seed) {
  const Tensor A = ratings.A.to(device);
  const HoldOut aside = hold_out(A, A.gt(0), kHoldOut, seed);
  return rmse(aside, sgd_factorise_masked(A, aside.seen, rank, options));
}

}  // namespace factorise::programs::lab1
