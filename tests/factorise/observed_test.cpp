// Observed matrices: what is refused, what is counted, and the lists by row and by column.

#include <factorise/observed.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/sparse_coo_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <vector>

#include "catch.h"
#include "methods.h"
#include "threads.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

/// The definition: the marked entries of a matrix, row by row.
void check_lists(const EntryLists& lists, const Tensor& A, const Tensor& M) {
  const Tensor marked = M.ne(0);
  REQUIRE(lists.starts.numel() == A.size(0) + 1);
  CHECK(lists.starts[0].item<int64_t>() == 0);
  CHECK(at::equal(lists.starts.diff(), marked.sum(1)));
  CHECK(lists.indices.scalar_type() == at::kInt);
  CHECK(at::equal(lists.indices.to(at::kLong), marked.nonzero().select(1, 1)));
  const auto type = A.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  CHECK(lists.values.scalar_type() == type);
  CHECK(at::equal(lists.values, A.to(type).masked_select(marked)));
}

void check_both(const Observed& observed, const Tensor& A, const Tensor& M) {
  CHECK(observed.rows() == A.size(0));
  CHECK(observed.columns() == A.size(1));
  CHECK(observed.count() == M.ne(0).sum().item<int64_t>());
  check_lists(observed.by_row(), A, M);
  check_lists(observed.by_column(), A.t(), M.t());
}

Tensor shuffled(const Tensor& sparse) {
  const Tensor order = at::randperm(sparse._values().numel(), at::TensorOptions(at::kLong));
  return at::sparse_coo_tensor(sparse._indices().index_select(1, order), sparse._values().index_select(0, order),
                               sparse.sizes());
}

}  // namespace

TEST_CASE("lists hold the observed entries by row and by column, for any type, shape and number of threads",
          "[observed]") {
  at::manual_seed(3);
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{1, 1}, {7, 11}, {40, 3}, {300, 500}}) {
    for (const auto type : {at::kFloat, at::kDouble, at::kLong, at::kByte, at::kHalf}) {
      INFO(m << " x " << n << " " << type);
      const Tensor A = at::randint(1, 100, {m, n}, at::TensorOptions(at::kLong)).to(type);
      Tensor M = at::rand({m, n}).lt(0.4);
      M[0][0] = true;
      for (const int threads : {1, 2, 5}) {
        const Threads set(threads);
        check_both(Observed::all(A), A, at::ones_like(M));
        check_both(Observed::masked(A, M), A, M);
        check_both(Observed::masked(A, M.to(at::kFloat)), A, M);
        check_both(Observed::masked(A.t(), M.t().to(at::kDouble)), A.t(), M.t());
        const Tensor sparse = A.masked_fill(M.logical_not(), 0).to_sparse();
        check_both(Observed::entries(sparse), A, M);
        check_both(Observed::entries(shuffled(sparse)), A, M);
        check_both(Observed::entries(sparse.to_sparse_csr()), A, M);
      }
    }
  }
}

TEST_CASE("shuffled entries are listed by blocks of rows in any shape: wide, tall, and most of them in a few rows",
          "[observed]") {
  at::manual_seed(4);
  const auto longs = at::TensorOptions(at::kLong);
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{1, 250'000},
                             {2, 130'000},
                             {250'000, 1},
                             {130'000, 2},
                             {1500, 2000},
                             {2'000'000, 3'000'000}}) {
    for (const double skew : {1.0, 12.0}) {
      INFO(m << " x " << n << ", skew " << skew);
      const auto drawn = [&](int64_t below) {
        return at::rand({200'000}, at::kDouble).pow(skew).mul(static_cast<double>(below)).floor().to(at::kLong);
      };
      const Tensor drawn_rows = drawn(m);
      const Tensor indices = at::stack({drawn_rows, drawn(n)});
      // torch's coalesce() adds repeated entries up and sorts: the definition.
      const Tensor sorted = at::sparse_coo_tensor(indices, at::rand({200'000}), {m, n}).coalesce();
      const int64_t count = sorted._values().numel();
      const Tensor row = sorted.indices().select(0, 0);
      const Tensor starts = at::searchsorted(row, at::arange(m + 1, longs));
      for (const int threads : {1, 3}) {
        const Threads set(threads);
        const Observed observed = Observed::entries(shuffled(sorted));
        CHECK(observed.count() == count);
        CHECK(at::equal(observed.by_row().starts, starts));
        CHECK(at::equal(observed.by_row().indices.to(at::kLong), sorted.indices().select(0, 1)));
        CHECK(at::equal(observed.by_row().values, sorted.values()));
        const Tensor transposed = sorted.t().coalesce();
        CHECK(at::equal(observed.by_column().indices.to(at::kLong), transposed.indices().select(0, 1)));
        CHECK(at::equal(observed.by_column().values, transposed.values()));
      }
    }
  }
}

TEST_CASE("zeros of a sparse matrix are observed, as all that it holds", "[observed]") {
  const Tensor indices = at::tensor({2, 0, 1, 3}, at::TensorOptions(at::kLong)).view({2, 2});
  const Observed observed = Observed::entries(at::sparse_coo_tensor(indices, at::tensor({0.0, 5.0}), {3, 4}));
  CHECK(observed.count() == 2);
  CHECK(at::equal(observed.by_row().indices, at::tensor({3, 1}, at::TensorOptions(at::kInt))));
  CHECK(at::equal(observed.by_row().values, at::tensor({5.0, 0.0})));
}

TEST_CASE("what is not observed never matters to the lists", "[observed]") {
  const Tensor A = at::rand({6, 9}), M = at::rand({6, 9}).lt(0.5);
  M[0][0] = true;
  for (const double junk : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const Observed observed = Observed::masked(A.masked_fill(M.logical_not(), junk), M);
    check_both(observed, A, M);
  }
}

TEST_CASE("matrices that cannot be factorised are refused with a sentence", "[observed]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto all = [](const Tensor& A) { return sentence_of([&] { Observed::all(A); }); };
  CHECK(all({}) == "[Observed::all] A must be a tensor, but was undefined.");
  CHECK_THAT(all(at::rand({3, 4, 5})), contains("A must be a matrix, m x n, but was 3 x 4 x 5."));
  CHECK_THAT(all(at::rand({0, 4})), contains("A must have rows and columns, but was 0 x 4."));
  CHECK_THAT(all(at::rand({3, 4}).to_sparse()), contains("A must be dense, but was of layout Sparse"));
  CHECK_THAT(all(at::tensor({1.0, nan}).view({1, 2})), contains("A must be finite, but holds NaN or infinity."));
  const Tensor A = at::rand({2, 2});
  const auto masked = [&](const Tensor& M) { return sentence_of([&] { Observed::masked(A, M); }); };
  CHECK_THAT(masked(at::zeros({2, 2})), contains("M must mark at least one entry as observed"));
  CHECK_THAT(masked(at::tensor({1.0, nan, 0.0, 1.0}).view({2, 2})), contains("but holds NaN."));
  CHECK_THAT(masked(at::zeros({2, 3})), contains("M must have A's shape 2 x 2, but was 2 x 3."));
  const auto entries = [](std::vector<int64_t> indices, std::vector<double> values) {
    const Tensor sparse = at::sparse_coo_tensor(
        at::tensor(indices, at::TensorOptions(at::kLong)).view({2, -1}), at::tensor(values), {3, 4},
        at::TensorOptions(at::kDouble).layout(at::kSparse), /*is_coalesced=*/std::nullopt);
    return sentence_of([&] { Observed::entries(sparse); });
  };
  CHECK_THAT(entries({2, 0, 2, 1, 1, 1}, {1, 2, 3}), contains("but holds (2, 1) more than once."));
  CHECK_THAT(entries({2, 0, 1, 1}, {1, nan}), contains("its entry (0, 1) is nan."));
  CHECK_THAT(sentence_of([] { Observed::entries(at::rand({2, 2})); }), contains("A must be a sparse COO matrix"));
  CHECK_THAT(sentence_of([] {
               Observed::entries(at::zeros({2, 2}).to_sparse());
             }),
             contains("A must hold at least one entry, but holds none."));
}
