// A sparse matrix has the bits of the dense one with the mask of its entries: factors, losses and what is held out; and
// nothing of the size of m x n is made.

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/sparse_coo_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <factorise/hold_out.h>
#include <factorise/predict.h>
#include <factorise/sgd.h>

#include <cmath>

#include "catch.h"
#include "cpu/isa.h"
#include "cpu/referee.h"
#include "sandbox.h"

namespace factorise {
namespace {

using namespace tests;

/// A's entries where M is not zero, in the serial order, or shuffled.
Tensor sparse(const Tensor& A, const Tensor& M, bool shuffled) {
  Tensor indices = M.nonzero().t().contiguous();
  Tensor values = A.reshape({-1}).index_select(0, indices[0] * A.size(1) + indices[1]);
  if (shuffled) {
    const Tensor order = at::randperm(values.numel(), at::TensorOptions(at::kLong));
    indices = indices.index_select(1, order);
    values = values.index_select(0, order);
  }
  return at::sparse_coo_tensor(indices, values, A.sizes(), values.options().layout(at::kSparse));
}

/// `M` undefined: all observed.
Tensor mask(Density density, int64_t m, int64_t n) {
  const Tensor M = mask_of(density, m, n);
  return M.defined() ? M : at::ones({m, n}, at::TensorOptions(at::kBool));
}

constexpr SgdPath kPaths[] = {SgdPath::automatic, SgdPath::wavefront, SgdPath::entries};

/// Every instruction set and path has the bits of the dense matrix.
void check_everywhere(const Tensor& A, const Tensor& M, const SgdOptions& options, int64_t rank, bool shuffled) {
  const Factors expected = sgd_factorise_masked(A, M, rank, options);
  const Tensor entries = sparse(A, M, shuffled);
  for (const cpu::Isa isa : cpu::available_isas()) {
    const Variable force("FACTORISE_ISA", to_string(isa));
    for (const SgdPath path : kPaths) {
      INFO(to_string(isa) << ", path " << static_cast<int>(path));
      CHECK(same_bits(sgd_factorise_entries(entries, rank, SgdOptions(options).path(path)), expected));
    }
  }
}

Tensor entry_at(int64_t row, int64_t column) {
  return at::_sparse_coo_tensor_unsafe(at::tensor({row, column}).view({2, 1}), at::ones({1}), {4, 5},
                                       at::TensorOptions(at::kFloat).layout(at::kSparse));
}

}  // namespace

TEST_CASE("entries have the bits of the dense matrix, for shapes, ranks, densities and types", "[sgd_entries]") {
  const std::vector<std::pair<int64_t, int64_t>> shapes{{1, 1},   {1, 70},  {70, 1},   {3, 2},   {16, 16},
                                                        {17, 15}, {33, 31}, {129, 40}, {300, 7}, {5, 700}};
  const int before = at::get_num_threads();
  size_t i = 0;
  for (const auto& [m, n] : shapes) {
    for (const int64_t rank : kRanks) {
      ++i;
      const auto type = i % 2 ? at::kFloat : at::kDouble;
      const Density density = kDensities[i % 6];
      const Tensor M = mask(density, m, n), A = ratings_of(m, n, i / 3 % 2 == 0, type, M);
      INFO(m << " x " << n << ", rank " << rank << ", " << type << ", density " << static_cast<int>(density));
      at::set_num_threads(std::array{1, 2, 3, 7}[i / 5 % 4]);
      const auto options = SgdOptions()
                               .num_epochs(2)
                               .weight_decay(i % 3 ? 0 : 0.1)
                               .lr_decay(i % 4 ? 1 : 0.9)
                               .initial(start_of(m, n, rank, type));
      check_everywhere(A, M, options, rank, i % 2 == 0);
    }
  }
  at::set_num_threads(before);
}

TEST_CASE("entries of every type, on more rows than a strip has, for every number of threads", "[sgd_entries]") {
  const int before = at::get_num_threads();
  const int64_t m = 600, n = 900;
  const Tensor whole = at::randint(0, 6, {m, n});
  for (const Density density : {Density::few, Density::third}) {
    const Tensor M = mask(density, m, n);
    const auto options = SgdOptions().num_epochs(2).lr(0.002).seed(4);
    for (const int threads : {1, 2, 5}) {
      at::set_num_threads(threads);
      check_everywhere(whole.to(at::kFloat), M, options, 9, threads == 2);
    }
    for (const auto type : {at::kBool, at::kByte, at::kInt, at::kLong, at::kHalf, at::kBFloat16}) {
      INFO(type);
      const Tensor A = whole.to(type), entries = sparse(A, M, true);
      CHECK(same_bits(sgd_factorise_entries(entries, 3, options), sgd_factorise_masked(A, M, 3, options)));
    }
  }
  at::set_num_threads(before);
}

TEST_CASE("the reference engine takes entries to its own bits, and both report the dense losses", "[sgd_entries]") {
  const Tensor M = mask(Density::third, 13, 1100), A = ratings_of(13, 1100, false, at::kFloat, M);
  for (const Engine engine : {Engine::reference, Engine::fused}) {
    std::vector<double> dense, listed;
    const auto options = [&](std::vector<double>& losses) {
      return SgdOptions().num_epochs(3).lr(0.002).weight_decay(0.1).seed(1).engine(engine).on_epoch(
          [&](int64_t, double loss) { return losses.push_back(loss), true; });
    };
    const Factors expected = sgd_factorise_masked(A, M, 4, options(dense));
    CHECK(same_bits(sgd_factorise_entries(sparse(A, M, true), 4, options(listed)), expected));
    CHECK(dense.size() == 3);
    CHECK(dense == listed);
  }
}

TEST_CASE("the squared error of entries has the bits of the matrix and its mask", "[sgd_entries]") {
  for (const Density density : kDensities) {
    for (const auto type : {at::kFloat, at::kDouble, at::kInt}) {
      const Tensor M = mask(density, 21, 1300), A = ratings_of(21, 1300, type == at::kInt, at::kDouble, M);
      const Tensor values = type == at::kInt ? A.nan_to_num() : A;
      const Factors factors = factors_of(21, 1300, 5, type == at::kDouble ? at::kDouble : at::kFloat);
      CHECK(squared_error(sparse(values.to(type), M, true), factors) == squared_error(values.to(type), factors, M));
    }
  }
  const Tensor none = at::sparse_coo_tensor({4, 5}, at::TensorOptions(at::kFloat).layout(at::kSparse));
  CHECK(squared_error(none, factors_of(4, 5, 2, at::kFloat)) == 0);
}

TEST_CASE("what is held out of entries is what is held out of the matrix", "[sgd_entries]") {
  const int64_t m = 350, n = 470;
  at::manual_seed(5);
  // Down to gaps of some thousand cells, several times what the generator makes at once.
  for (const auto& [density, seed] : std::vector<std::pair<double, uint64_t>>{
           {0.0003, 1}, {0.01, 0}, {0.35, 7}, {1, 7}, {0.01, (uint64_t{1} << 40) + 7}}) {
    const Tensor M = at::rand({m, n}).lt(density), A = ratings_of(m, n, false, at::kFloat, M);
    const HoldOut dense = hold_out(A, M, 0.3, seed), listed = hold_out(sparse(A, M, true), std::nullopt, 0.3, seed);
    CHECK(at::equal(listed.rows, dense.rows));
    CHECK(at::equal(listed.columns, dense.columns));
    CHECK(at::equal(listed.values, dense.values));
    CHECK(at::equal(listed.seen._indices(), dense.seen.nonzero().t()));
    CHECK(at::equal(listed.seen._values(), A.masked_select(dense.seen)));
    const auto options = SgdOptions().num_epochs(2).lr(0.001).seed(0);
    CHECK(same_bits(sgd_factorise_entries(listed.seen, 2, options), sgd_factorise_masked(A, dense.seen, 2, options)));
  }
}

TEST_CASE("a matrix that would take 450 GB is factorised and judged", "[sgd_entries]") {
  const int64_t side = 300'000, count = 3'000;  // 9e10 cells
  at::manual_seed(2);
  const Tensor indices = at::arange(count, at::TensorOptions(at::kLong)) * 97;
  const Tensor A = at::sparse_coo_tensor(at::stack({indices, side - 1 - indices}), at::rand({count}) + 1, {side, side});
  const auto options = SgdOptions().num_epochs(40).lr(0.2).seed(0);
  const Factors factors = sgd_factorise_entries(A, 2, options);
  // No two entries share a row or a column, so each error shrinks by a factor of its own.
  CHECK(squared_error(A, factors) < 1e-3);
  const Tensor products = predict(factors, indices, side - 1 - indices);
  CHECK((products - A._values()).abs().max().item<double>() < 1e-2);
}

TEST_CASE("sparse matrices that cannot be taken are refused, and the entry is named", "[sgd_entries]") {
  const auto run = [](const Tensor& A) { return sgd_factorise_entries(A, 2, SgdOptions().num_epochs(1)); };
  const auto options = at::TensorOptions(at::kFloat).layout(at::kSparse);
  const auto entries = [&](std::vector<int64_t> indices, const Tensor& values) {
    return at::sparse_coo_tensor(at::tensor(indices).view({2, -1}), values, {4, 5},
                                 values.options().layout(at::kSparse));
  };
  CHECK_THROWS_WITH(run({}), contains("A must be a tensor, but was undefined."));
  CHECK_THROWS_WITH(run(at::ones({4, 5})), contains("must be a sparse COO matrix") && contains("Strided"));
  CHECK_THROWS_WITH(run(at::ones({4, 5}).to_sparse_csc()),
                    contains("must be a sparse COO matrix") && contains("SparseCsc"));
  CHECK_THROWS_WITH(run(at::ones({4, 5, 2}).to_sparse(2)), contains("a single number for each entry, but has 1 dense"));
  CHECK_THROWS_WITH(run(at::ones({4}).to_sparse()), contains("A must be a matrix, m x n, but was 4 (1-D)."));
  CHECK_THROWS_WITH(run(at::ones({2, 2}, at::TensorOptions(at::kComplexFloat)).to_sparse()),
                    contains("A must be real"));
  CHECK_THROWS_WITH(run(at::sparse_coo_tensor({4, 0}, options)), contains("must have rows and columns"));
  CHECK_THROWS_WITH(run(at::sparse_coo_tensor({4, 5}, options)), contains("at least one entry, but holds none."));
  CHECK_THROWS_WITH(run(entry_at(4, 1)), contains("from (0, 0) to (3, 4), but one entry is (4, 1)."));
  CHECK_THROWS_WITH(run(entry_at(0, -1)), contains("but one entry is (0, -1)."));
  CHECK_THROWS_WITH(run(entries({2, 1, 2, 3, 0, 3}, at::ones({3}))),
                    contains("must hold every entry once, but holds (2, 3) more than once."));
  CHECK_THROWS_WITH(run(entries({2, 1, 3, 0}, at::tensor({1.0, std::nan("")}))),
                    contains("must be finite, but its entry (1, 0) is nan."));
  CHECK_THROWS_WITH(sgd_factorise_entries(entry_at(0, 0), 0), contains("rank must be at least 1"));
  CHECK_THROWS_WITH(sgd_factorise_entries(entry_at(0, 0), 2, SgdOptions().lr(-1)), contains("lr must be"));
  CHECK_THROWS_WITH(squared_error(entry_at(0, 0), factors_of(4, 5, 2, at::kFloat), at::ones({4, 5})),
                    contains("M must be left out where A is sparse"));
  CHECK_THROWS_WITH(squared_error(entry_at(0, 0), factors_of(4, 6, 2, at::kFloat)), contains("U must have A's 4 rows"));
  CHECK_THROWS_WITH(hold_out(entry_at(0, 0), at::ones({4, 5}), 0.5, 0), contains("M must be left out"));
  CHECK_THROWS_WITH(hold_out(entry_at(0, 0), std::nullopt, 0.5, 0), contains("of 1 a fraction of 0.5"));
  // What was refused is as it was, and a rank above both sides is allowed.
  CHECK_NOTHROW(run(entries({2, 1, 3, 0}, at::ones({2}))));
}

}  // namespace factorise
