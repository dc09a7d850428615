// Sparse tensors in .pt files: what is described is checked against itself and the file, and comes back from a round.

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/sparse_coo_tensor.h>
#include <ATen/ops/tensor.h>

#include "io/corpus.h"

namespace factorise {
namespace {

using namespace tests;
using namespace tests::pickle;

/// 3 x 2, with (0, 1) -> 1, (1, 0) -> 2 and (2, 1) -> 3.
Tensor sparse_matrix(bool as_double = false) {
  const Tensor indices = at::tensor({0, 1, 2, 1, 0, 1}).view({2, 3}).to(at::kLong);
  const Tensor values = at::arange(1, 4, at::kFloat);
  return at::sparse_coo_tensor(indices, as_double ? values.to(at::kDouble) : values, {3, 2}).coalesce();
}

std::string longs(const std::vector<int64_t>& values) {
  std::string bytes;
  for (const int64_t value : values) bytes += raw(value);
  return bytes;
}

std::string sizes(const std::vector<int64_t>& values) { return global("torch", "Size") + integers(values) + "\x85R"; }

std::string long_tensor(const std::string& key, int64_t elements, const std::vector<int64_t>& shape,
                        const std::vector<int64_t>& strides) {
  return tensor(storage("LongStorage", key, elements), 0, shape, strides);
}

/// A COO of three entries: storage 0 holds its indices, storage 1 its values.
std::string coo_file(const std::vector<int64_t>& indices, const std::vector<int64_t>& shape, bool coalesced = false) {
  const auto entries = static_cast<int64_t>(indices.size()) / 2;
  const std::string body = sparse("torch.sparse_coo", {long_tensor("0", 2 * entries, {2, entries}, {entries, 1}),
                                                       tensor(storage("FloatStorage", "1", entries), 0, {entries}, {1}),
                                                       sizes(shape), coalesced ? "\x88" : "\x89"});
  return zip_file(pickled(body), {longs(indices), floats(static_cast<size_t>(entries))});
}

/// A CSR or CSC: storage 0 holds where lines end, 1 the other index, 2 the values.
std::string compressed_file(const std::vector<int64_t>& ends, const std::vector<int64_t>& others,
                            const std::vector<int64_t>& shape, const std::string& layout = "torch.sparse_csr") {
  const auto lines = static_cast<int64_t>(ends.size()), entries = static_cast<int64_t>(others.size());
  const std::string body =
      sparse(layout, {long_tensor("0", lines, {lines}, {1}), long_tensor("1", entries, {entries}, {1}),
                      tensor(storage("FloatStorage", "2", entries), 0, {entries}, {1}), sizes(shape)});
  return zip_file(pickled(body), {longs(ends), longs(others), floats(others.size())});
}

}  // namespace

TEST_CASE("a sparse tensor comes back from a round in each of its layouts", "[sparse]") {
  const Folder folder("sparse_round");
  const auto path = folder.path() / "A.pt";
  for (const bool as_double : {false, true}) {
    const Tensor A = sparse_matrix(as_double);
    for (const Tensor& written : {A, A.to_sparse_csr(), A.to_sparse_csc()}) {
      save_pt(path, written);
      const Tensor read = load_tensor(path);
      CHECK(read.is_sparse());
      CHECK(read.scalar_type() == A.scalar_type());
      CHECK(read._nnz() == 3);
      CHECK(at::equal(read.to_dense(), A.to_dense()));
    }
  }
  const Tensor twice =
      at::sparse_coo_tensor(at::tensor({1, 1, 0, 0}).view({2, 2}).to(at::kLong), at::ones({2}), {2, 2});
  save_pt(path, {{"A", twice}, {"n", int64_t{5}}});
  const Tensor read = load_tensor(path, "A");
  CHECK_FALSE(read.is_coalesced());
  CHECK(read._nnz() == 2);
}

TEST_CASE("whether entries ascend is found, not believed", "[sparse]") {
  Corpus corpus("sparse");
  CHECK(corpus.read(coo_file({0, 1, 2, 1, 0, 1}, {3, 2}, true)).empty());
  corpus.refused(coo_file({0, 0, 2, 1, 0, 1}, {3, 2}, true), "out of order", "once and in order, but has not");
  corpus.refused(coo_file({0, 0, 2, 1, 1, 1}, {3, 2}, true), "twice", "once and in order, but has not");
  CHECK(corpus.read(coo_file({0, 0, 2, 1, 1, 1}, {3, 2})).empty());
  const Folder folder("sparse_order");
  CHECK(load_tensor(folder.write("a.pt", coo_file({0, 1, 2, 1, 0, 1}, {3, 2}))).is_coalesced());
  CHECK_FALSE(load_tensor(folder.write("b.pt", coo_file({0, 0, 2, 1, 0, 1}, {3, 2}))).is_coalesced());
  CHECK(load_tensor(folder.write("c.pt", compressed_file({0, 1, 2, 3}, {1, 0, 1}, {3, 2}))).is_coalesced());
}

TEST_CASE("sparse tensors that lie are refused", "[sparse]") {
  Corpus corpus("sparse_lies");
  corpus.refused(coo_file({0, 1, 3, 1, 0, 1}, {3, 2}), "a row beyond", "from 0 to 2 in dimension 0, but is 3");
  corpus.refused(coo_file({0, 1, 2, 1, -1, 1}, {3, 2}), "a negative column", "from 0 to 1 in dimension 1, but is -1");
  corpus.refused(coo_file({0, 1, 2, 1, 0, 1}, {3}), "one size", "a value and 1 indices for each entry");
  corpus.refused(coo_file({0, 1, 2, 1, 0, 1}, {3, 2, 2}), "three sizes", "a value and 3 indices for each entry");
  corpus.refused(coo_file({0, 1, 2, 1, 0, 1}, {int64_t{1} << 62, 4}), "a huge size", "fewer than 2^63 elements");
  CHECK(corpus.read(coo_file({}, {0, 0})).empty());
  corpus.refused(compressed_file({0, 1, 3}, {1, 0, 1}, {3, 2}), "too few rows", "where the entries of each end");
  corpus.refused(compressed_file({0, 2, 1, 3}, {1, 0, 1}, {3, 2}), "rows that end before", "each end");
  corpus.refused(compressed_file({1, 1, 2, 3}, {1, 0, 1}, {3, 2}), "a begin after 0", "each end");
  corpus.refused(compressed_file({0, 1, 2, 2}, {1, 0, 1}, {3, 2}), "entries of no row", "each end");
  corpus.refused(compressed_file({0, 1, 2, int64_t{1} << 40}, {1, 0, 1}, {3, 2}), "a far end", "each end");
  corpus.refused(compressed_file({0, 1, 2, 3}, {1, 2, 1}, {3, 2}), "a column beyond", "in dimension 1, but is 2");
  corpus.refused(compressed_file({0, 1, 2, 3}, {1, 3, 1}, {2, 3}, "torch.sparse_csc"), "a row beyond", "but is 3");
  corpus.refused(compressed_file({0, 1, 2, 3}, {1, 0, 1}, {3, 2, 1}), "a CSR of 3 dimensions", "must be a matrix");
  corpus.refused(compressed_file({0, 1, 2, 3}, {1, 0, 1}, {3, 2}, "torch.sparse_bsr"), "blocks", "to_sparse_coo()");
  corpus.refused(compressed_file({0, 1, 2, 3}, {1, 0, 1}, {3, 2}, "torch.sparse_coo"), "a CSR called COO", "3 parts");
  corpus.refused(compressed_file({0, 1, 2, 3}, {1, 0, 1}, {3, 2}, "\x1b[1m"), "a layout of its own", "is \\x1b[1m:");
}

TEST_CASE("sparse tensors of the wrong parts are refused", "[sparse]") {
  Corpus corpus("sparse_parts");
  const std::string indices = long_tensor("0", 6, {2, 3}, {3, 1}), shape = sizes({3, 2});
  const std::string values = tensor(storage("FloatStorage", "1", 3), 0, {3}, {1});
  const auto file = [&](const std::string& body) {
    return zip_file(pickled(body), {longs({0, 1, 2, 1, 0, 1}), floats(3)});
  };
  const auto coo = [&](const std::vector<std::string>& parts) { return file(sparse("torch.sparse_coo", parts)); };
  CHECK(corpus.read(coo({indices, values, shape})).empty());  // as before torch 2.1
  corpus.refused(coo({indices, values}), "no sizes", "must have 3 parts, but has 2");
  corpus.refused(coo({indices, values, shape, "\x88", "\x88"}), "more parts", "must have 3 parts, but has 5");
  corpus.refused(coo({indices, values, shape, "N"}), "no flag", "3 parts");
  corpus.refused(coo({indices, "N", shape}), "no values", "values must be a dense tensor, but are not");
  corpus.refused(coo({"N", values, shape}), "no indices", "indices must be a dense tensor, but are not");
  corpus.refused(coo({indices, values, "N"}), "no tuple", "sizes must be a tuple");
  corpus.refused(coo({values, values, shape}), "indices of floats", "a value and 2 indices");
  corpus.refused(coo({sparse("torch.sparse_coo", {indices, values, shape}), values, shape}), "sparse indices", "dense");
  corpus.refused(file(global("torch._utils", "_rebuild_sparse_tensor") + ")R"), "nothing", "its layout and its parts");
  corpus.refused(file(global("torch._utils", "_rebuild_sparse_tensor") + "NN\x86R"), "no layout", "its layout");
  // A number that is repeated without end would make much of a small file.
  const std::string expanded = long_tensor("0", 6, {2, int64_t{1} << 40}, {0, 0});
  const std::string ones = tensor(storage("FloatStorage", "1", 3), 0, {int64_t{1} << 40}, {0});
  corpus.refused(coo({expanded, ones, shape}), "repeated indices", "must not be numbers that are repeated");
  corpus.refused(coo({indices, ones, shape}), "repeated values", "must not be numbers that are repeated");
}

TEST_CASE("many sparse tensors of the same numbers are refused in time", "[sparse]") {
  Corpus corpus("sparse_many");
  const int64_t entries = 5000;
  std::string body = "](";
  for (int i = 0; i < 2000; ++i) {
    body += sparse("torch.sparse_csr",
                   {long_tensor("0", 2, {2}, {1}), long_tensor("1", entries, {entries}, {1}),
                    tensor(storage("FloatStorage", "2", entries), 0, {entries}, {1}), sizes({1, entries})});
  }
  std::vector<int64_t> columns;
  for (int64_t i = 0; i < entries; ++i) columns.push_back(i);
  corpus.refused(zip_file(pickled(body + "e"), {longs({0, entries}), longs(columns), floats(entries)}), "many",
                 "sparse tensors would take far more memory");
}

}  // namespace factorise
