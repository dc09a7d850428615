// Entries, the best of a column, and distances: each as the whole product U Vᵀ has it.

#include <ATen/Context.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <factorise/predict.h>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

Factors drawn(int64_t m, int64_t n, int64_t rank, uint64_t seed) {
  at::manual_seed(seed);
  return {at::randn({m, rank}), at::randn({n, rank})};
}

Tensor whole(const Factors& factors) { return factors.U.to(at::kDouble).mm(factors.V.to(at::kDouble).t()); }

Tensor indices(std::vector<int64_t> values) { return at::tensor(values); }

}  // namespace

TEST_CASE("an entry predicted is the product's", "[predict]") {
  const Factors factors = drawn(7, 5, 3, 1);
  const Tensor A = whole(factors);
  const Tensor entries = predict(factors, indices({6, 0, 6}), indices({4, 0, 1}));
  CHECK(entries.scalar_type() == at::kDouble);
  // Sums of three products, in whatever order.
  CHECK(entries[0].item<double>() == Approx(A[6][4].item<double>()).epsilon(1e-12));
  CHECK(entries[1].item<double>() == Approx(A[0][0].item<double>()).epsilon(1e-12));
  CHECK(entries[2].item<double>() == Approx(A[6][1].item<double>()).epsilon(1e-12));
  CHECK(predict(factors, indices({}), indices({})).numel() == 0);
  CHECK_THROWS_WITH(predict(factors, indices({7}), indices({0})), contains("rows must be from 0 to 6, but one was 7"));
  CHECK_THROWS_WITH(predict(factors, indices({0}), indices({-1})), contains("columns must be from 0 to 4"));
  CHECK_THROWS_WITH(predict(factors, indices({0}), indices({0, 1})), contains("of one length, but were 1 and 2"));
}

TEST_CASE("more entries than are taken at a time are predicted as a few are", "[predict]") {
  const Factors factors = drawn(7, 5, 3, 1);
  const int64_t count = (int64_t{1} << 20) + 3;
  const Tensor rows = at::arange(count).remainder(7), columns = at::arange(count).remainder(5);
  const Tensor entries = predict(factors, rows, columns);
  for (const int64_t i : {int64_t{0}, count - 4, count - 3, count - 1}) {
    CHECK(entries[i].item<double>() == predict(factors, indices({i % 7}), indices({i % 5})).item<double>());
  }
}

TEST_CASE("the best rows are the sorted column's, without those seen", "[predict]") {
  const Factors factors{at::tensor({2.0, 5.0, 1.0, 5.0, 3.0}).view({5, 1}), at::tensor({0.0, 1.0, -1.0}).view({3, 1})};
  const auto rows = [&](int64_t column, int64_t count, const std::optional<Tensor>& seen = std::nullopt) {
    std::vector<int64_t> found;
    for (const RankedRow& row : best_rows(factors, column, count, seen)) found.push_back(row.row);
    return found;
  };
  CHECK(rows(1, 3) == std::vector<int64_t>{1, 3, 4});
  CHECK(rows(2, 2) == std::vector<int64_t>{2, 0});
  CHECK(rows(1, 9) == std::vector<int64_t>{1, 3, 4, 0, 2});
  CHECK(rows(1, 0).empty());
  CHECK(rows(1, 2, at::tensor({0, 4, 0, 0, 1})) == std::vector<int64_t>{3, 0});
  CHECK(best_rows(factors, 1, 1)[0].value == 5);
  CHECK_THROWS_WITH(rows(3, 1), contains("column must be from 0 to 2, but was 3"));
  CHECK_THROWS_WITH(rows(1, 1, at::tensor({1, 0})), contains("each of the 5 rows"));
}

TEST_CASE("the largest difference is the products'", "[predict]") {
  const Factors a = drawn(1500, 1000, 3, 2), b = drawn(1500, 1000, 4, 3);  // two strips
  const double expected = (whole(a) - whole(b)).abs().max().item<double>();
  CHECK(largest_difference(a, b) == Approx(expected).epsilon(1e-12));
  CHECK(largest_difference(a, a) == 0);
  CHECK_THROWS_WITH(largest_difference(a, drawn(1500, 999, 3, 4)), contains("1500 x 1000, the other 1500 x 999"));
}
