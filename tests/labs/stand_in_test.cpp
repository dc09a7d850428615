// The stand-in for the course's ratings: its bits, and what makes it like ratings.

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/where.h>
#include <factorise/datasets.h>

#include "catch.h"

using namespace factorise;

namespace {

std::string blob_id_of(const Tensor& A) {
  return git_blob_id(std::string(static_cast<const char*>(A.const_data_ptr()), A.nbytes()));
}

/// The share of all ratings that the most frequent tenth holds. counts: 1-D.
double share_of_top_tenth(const Tensor& counts) {
  const Tensor sorted = std::get<0>(counts.sort(0, /*descending=*/true)).to(at::kDouble);
  return (sorted.slice(0, 0, counts.numel() / 10).sum() / sorted.sum()).item<double>();
}

}  // namespace

TEST_CASE("seed 0 has the same bits on every machine and thread count", "[stand_in]") {
  const Tensor A = stand_in_ratings(0);
  CHECK(A.sizes() == at::IntArrayRef({1000, 10000}));
  CHECK(A.scalar_type() == at::kChar);
  CHECK(A.gt(0).sum().item<int64_t>() == 3998979);
  CHECK(blob_id_of(A) == "ea3ab1691271db1f923aa94d94a552ca42d18ce4");
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  CHECK(at::equal(stand_in_ratings(), A));
  at::set_num_threads(threads);
  CHECK_FALSE(at::equal(stand_in_ratings(1), A));
}

TEST_CASE("about 40 % are observed, of every movie and user some, and long-tailed", "[stand_in]") {
  for (uint64_t seed : {0, 1, 2}) {
    const Tensor observed = stand_in_ratings(seed).gt(0);
    const Tensor of_movie = observed.sum(1), of_user = observed.sum(0);
    const double density = of_movie.sum().item<double>() / 1e7;
    CHECK(density > 0.395);
    CHECK(density < 0.405);
    CHECK(of_movie.min().item<int64_t>() >= 1);
    CHECK(of_user.min().item<int64_t>() >= 1);
    // No more than 0.1 / 0.4 = 0.25 is possible: then the top tenth has rated, or is rated by, everything.
    CHECK(share_of_top_tenth(of_movie) > 0.20);
    CHECK(share_of_top_tenth(of_user) > 0.17);
    CHECK_FALSE(observed[124][4].item<bool>());  // what exercise 4.1 predicts was not given
  }
}

TEST_CASE("ratings are spread as ratings are", "[stand_in]") {
  const Tensor A = stand_in_ratings(0);
  const Tensor ratings = A.masked_select(A.gt(0)).to(at::kDouble);
  CHECK(ratings.min().item<double>() == 1);
  CHECK(ratings.max().item<double>() == 5);
  CHECK(ratings.mean().item<double>() == Approx(3.6).margin(0.05));
  CHECK(ratings.std().item<double>() == Approx(1.1).margin(0.05));
  for (int stars = 1; stars <= 5; ++stars) {
    const double share = ratings.eq(stars).to(at::kDouble).mean().item<double>();
    CHECK(share > 0.03);
    CHECK(share < 0.35);
  }
}

TEST_CASE("beyond the biases there are eight directions of taste, and then noise", "[stand_in]") {
  const Tensor A = stand_in_ratings(0).slice(0, 0, 400);  // fewer movies, as this grows with their square
  const Tensor M = A.gt(0).to(at::kFloat);
  // The observed entries without the mean, the movies' means and then the users'; 0 elsewhere.
  Tensor R = (A - A.sum() / M.sum()) * M;
  R = (R - R.sum(1, true) / M.sum(1, true)) * M;
  R = (R - R.sum(0, true) / M.sum(0, true)) * M;
  // The singular values are the roots of the Gram matrix's eigenvalues (ascending).
  const Tensor values = at::linalg_eigvalsh(R.mm(R.t())).clamp_min(0).sqrt().flip(0);
  const auto value = [&](int64_t k) { return values[k].item<double>(); };
  // Noise of n columns and m rows reaches about sigma * sqrt(density) * (sqrt(m) + sqrt(n)) and falls off smoothly.
  CHECK(value(7) > 1.3 * value(8));
  for (int64_t k = 8; k < 20; ++k) CHECK(value(k) < 1.1 * value(k + 1));
}
