// Counts, mean and range of what is observed, and what they change: predictions, rankings and judgements of rows and
// columns without an entry.

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <factorise/hold_out.h>
#include <factorise/observations.h>
#include <factorise/sgd.h>

#include <cmath>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

/// Row 2 and column 1 have no entry.
Tensor mask() { return at::tensor({1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1}).view({4, 3}); }
Tensor ratings() { return at::tensor({5.0, 0.0, 2.0, 4.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 1.0}).view({4, 3}); }

/// U Vᵀ is [[1, 2, 3], [2, 4, 6], [5, 10, 15], [3, 6, 9]].
Factors factors() { return {at::tensor({1.0, 2.0, 5.0, 3.0}).view({4, 1}), at::tensor({1.0, 2.0, 3.0}).view({3, 1})}; }

Tensor indices(std::vector<int64_t> values) { return at::tensor(values); }

bool same(const Observations& a, const Observations& b) {
  return at::equal(a.row_counts, b.row_counts) && at::equal(a.column_counts, b.column_counts) && a.mean == b.mean &&
         a.range.low == b.range.low && a.range.high == b.range.high;
}

}  // namespace

TEST_CASE("what is observed is counted, and nothing else", "[observations]") {
  const Observations observed = observations(ratings(), mask());
  CHECK(at::equal(observed.row_counts, indices({2, 1, 0, 1})));
  CHECK(at::equal(observed.column_counts, indices({2, 0, 2})));
  CHECK(observed.mean == 3);
  CHECK(observed.range.low == 1);
  CHECK(observed.range.high == 5);
  CHECK(count_unobserved(observed.row_counts) == 1);
  CHECK(count_unobserved(Tensor()) == 0);
  CHECK(same(observations(ratings().masked_fill(mask().eq(0), std::nan("")), mask()), observed));
  CHECK(same(observations(ratings().to(at::kInt), mask().to(at::kBool)), observed));
  const Tensor sparse = ratings().masked_fill(mask().eq(0), 0).to_sparse();
  CHECK(same(observations(sparse), observed));
  const Observations all = observations(at::tensor({1.0, 3.0}).view({2, 1}));
  CHECK(at::equal(all.row_counts, indices({1, 1})));
  CHECK(at::equal(all.column_counts, indices({2})));
  CHECK(all.mean == 2);
  CHECK(std::isnan(observations(at::tensor({1.0, std::nan("")}).view({2, 1})).mean));
  CHECK(std::isnan(observations(ratings(), mask().mul(0)).mean));
  CHECK_THROWS_WITH(observations(at::tensor({1.0, 2.0})), contains("[observations] A must be a matrix"));
  CHECK_THROWS_WITH(observations(ratings(), mask().narrow(0, 0, 2)), contains("[observations] M must have A's shape"));
}

TEST_CASE("observations of a large matrix are one sum for every thread count and form", "[observations]") {
  at::manual_seed(4);
  const Tensor A = at::randn({700, 1100}), M = at::randint(0, 2, {700, 1100});
  const Observations observed = observations(A, M);
  CHECK(at::equal(observed.row_counts, M.sum(1).to(at::kLong)));
  CHECK(at::equal(observed.column_counts, M.sum(0).to(at::kLong)));
  // A mean of 385,000 numbers of size 1, added up in another order.
  CHECK(observed.mean == Approx(A.to(at::kDouble).masked_select(M.ne(0)).mean().item<double>()).margin(1e-13));
  CHECK(same(observations(A.masked_fill(M.eq(0), 0).to_sparse()), observed));
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Observations serial = observations(A, M);
  at::set_num_threads(threads);
  CHECK(same(serial, observed));
}

TEST_CASE("the mean is predicted where nothing was observed", "[observations]") {
  const Observations observed = observations(ratings(), mask());
  const Predictions found = predict(factors(), observed, indices({0, 2, 3, -1, 1}), indices({2, 2, 1, 0, -1}));
  CHECK(at::equal(found.values, at::tensor({3.0, 3.0, 3.0, 3.0, 3.0}, at::kDouble)));
  CHECK(at::equal(found.fallback, at::tensor({0, 1, 1, 1, 1}).to(at::kBool)));
  const Predictions own = predict(factors(), observed, indices({3, 0}), indices({2, 0}));
  CHECK(at::equal(own.values, at::tensor({9.0, 1.0}, at::kDouble)));
  CHECK_FALSE(own.fallback.any().item<bool>());
  const auto clipped = predict(factors(), observed, indices({3, 0, 2}), indices({2, 0, 0}), Range{2, 2.5}).values;
  CHECK(at::equal(clipped, at::tensor({2.5, 2.0, 2.5}, at::kDouble)));
  // Without counts every row and column of the factors is theirs.
  const Observations uncounted{{}, {}, 7, {1, 9}};
  const Predictions open = predict(factors(), uncounted, indices({2, -1}), indices({1, 0}));
  CHECK(at::equal(open.values, at::tensor({10.0, 7.0}, at::kDouble)));
  CHECK_THROWS_WITH(predict(factors(), observed, indices({4}), indices({0})), contains("rows must be from -1 to 3"));
  CHECK_THROWS_WITH(predict(factors(), observed, indices({0}), indices({0}), Range{2, 1}), contains("clip.low"));
  const Observations other{indices({1}), observed.column_counts, 3, {1, 5}};
  CHECK_THROWS_WITH(predict(factors(), other, indices({0}), indices({0})), contains("row_counts must be"));
}

TEST_CASE("rows of which nothing was observed are not ranked", "[observations]") {
  const Observations observed = observations(ratings(), mask());
  const auto rows = [&](int64_t column, int64_t count, const std::optional<Tensor>& seen = std::nullopt) {
    std::vector<int64_t> found;
    for (const RankedRow& row : best_rows(factors(), observed, column, count, seen)) found.push_back(row.row);
    return found;
  };
  CHECK(rows(0, 9) == std::vector<int64_t>{3, 1, 0});  // row 2 has the largest product
  CHECK(rows(2, 1) == std::vector<int64_t>{3});
  CHECK(rows(2, 9, mask().select(1, 2)) == std::vector<int64_t>{1});
  CHECK(rows(1, 9).empty());
  CHECK_THROWS_WITH(rows(0, 1, at::tensor({1, 0})), contains("each of the 4 rows"));
  CHECK_THROWS_WITH(rows(3, 1), contains("column must be from 0 to 2"));
}

TEST_CASE("a judgement tells fallbacks from the factors' own entries", "[observations]") {
  const Predictions given{at::tensor({1.0, 5.0, 3.0}, at::kDouble), at::tensor({0, 0, 1}).to(at::kBool)};
  const Judgement judged = judge(given, at::tensor({2.0, 2.0, 7.0}, at::kDouble));
  CHECK(judged.entries == 3);
  CHECK(judged.fallbacks == 1);
  CHECK(judged.rmse == Approx(std::sqrt((1 + 9 + 16) / 3.0)).epsilon(1e-15));
  CHECK(judged.mae == Approx((1 + 3 + 4) / 3.0).epsilon(1e-15));
  CHECK(judged.known_rmse == Approx(std::sqrt(5.0)).epsilon(1e-15));
  CHECK(judged.known_mae == 2);
  const Predictions unknown{given.values.narrow(0, 2, 1), given.fallback.narrow(0, 2, 1)};
  const Judgement none = judge(unknown, at::tensor({7.0}, at::kDouble));
  CHECK(none.rmse == 4);
  CHECK(std::isnan(none.known_rmse));
  CHECK(std::isnan(none.known_mae));
  CHECK_THROWS_WITH(judge(given, at::tensor({1.0})), contains("there are 1 and 3 predictions"));
}

TEST_CASE("a hold-out is judged by what the run saw, whatever the start drew", "[observations]") {
  // The only entry of row 0 is set aside by one of the first seeds, so that the run sees nothing of it.
  at::manual_seed(8);
  const Tensor A = at::randint(1, 6, {12, 9}).to(at::kFloat);
  Tensor M = at::randint(0, 2, {12, 9}).to(at::kBool);
  M.select(0, 0).fill_(false);
  M.select(0, 0).narrow(0, 4, 1).fill_(true);
  uint64_t seed = 0;
  HoldOut aside = hold_out(A, M, 0.3, seed);
  while (aside.seen.select(0, 0).any().item<bool>()) aside = hold_out(A, M, 0.3, ++seed);
  const Observations observed = observations(A, aside.seen);
  Factors found = sgd_factorise_masked(A, aside.seen, 2, SgdOptions().seed(1).num_epochs(50));
  const Judgement judged = judge(aside, found, observed);
  CHECK(judged.entries == aside.rows.numel());
  CHECK(judged.fallbacks >= 1);
  CHECK(judged.rmse != judged.known_rmse);
  found.U.select(0, 0).fill_(1e6);
  const Judgement again = judge(aside, found, observed);
  CHECK(again.rmse == judged.rmse);
  CHECK(rmse(aside, found) > 1e4);
}
