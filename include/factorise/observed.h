#pragma once
// What is known of a matrix: all of it, the entries that a mask marks, or the entries of a sparse matrix. It is checked
// once, where it is made, and lists its entries by row and by column for methods that go along one side at a time.
//
//   const auto observed = factorise::Observed::masked(A, M);       // A, M: m x n
//   const factorise::EntryLists& rows = observed.by_row();         // row r: entries starts[r] to starts[r + 1] - 1
//   use(rows.indices, rows.values);                                // their columns and their values

#include <ATen/core/Tensor.h>
#include <factorise/export.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace factorise {

using at::Tensor;

/// Observed entries, grouped by row, or by column.
struct EntryLists {
  Tensor starts;   ///< int64, one more than there are rows: row r has the entries starts[r] to starts[r + 1] - 1
  Tensor indices;  ///< int32: the entries' columns, ascending in a row
  Tensor values;   ///< float32 or float64, the type that the matrix is computed in
};

/// The observed entries of an m x n matrix. A copy shares what it refers to; neither A nor M is copied or written to,
/// and they must not change while one lives.
class Observed {
 public:
  /// All of A: m x n, strided, real, finite; m, n from 1 to 2^31 - 1; on the CPU or a CUDA device. Integers, bool and
  /// half precision compute in float32. Throws c10::ValueError for others.
  FACTORISE_EXPORT static Observed all(const Tensor& A);

  /// The entries of A where M, m x n of any real type, on A's device, is not zero. What is not observed may hold
  /// anything, NaN too. Throws c10::ValueError also where M marks nothing or holds NaN.
  FACTORISE_EXPORT static Observed masked(const Tensor& A, const Tensor& M);

  /// The entries of a sparse matrix, COO or CSR, on the CPU, in any order, zeros among them too. Throws c10::ValueError
  /// also for an entry that is outside, held twice or not finite, and where there is none.
  FACTORISE_EXPORT static Observed entries(const Tensor& A);

  FACTORISE_EXPORT int64_t rows() const;          ///< m
  FACTORISE_EXPORT int64_t columns() const;       ///< n
  FACTORISE_EXPORT int64_t count() const;         ///< observed entries
  FACTORISE_EXPORT c10::ScalarType type() const;  ///< that it is computed in: float64 where A is, else float32
  FACTORISE_EXPORT c10::Device device() const;    ///< A's

  /// The entries by row, on A's device. Made at the first call; safe to call from several threads.
  FACTORISE_EXPORT const EntryLists& by_row() const;
  /// The same by column: `starts` is by columns, and `indices` are rows.
  FACTORISE_EXPORT const EntryLists& by_column() const;

  struct Data;                                                                     ///< for the library itself
  explicit Observed(std::shared_ptr<const Data> data) : data_(std::move(data)) {}  ///< for the library itself
  const Data& data() const { return *data_; }                                      ///< for the library itself

 private:
  std::shared_ptr<const Data> data_;
};

}  // namespace factorise
