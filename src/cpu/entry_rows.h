#pragma once
// The observed entries of a row, for the packers: from a matrix and its mask, or from lists. One object for each
// thread.

#include <algorithm>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include "cpu/lists.h"
#include "cpu/row_kernels.h"
#include "cpu/rows.h"

namespace factorise::cpu {

/// Rows of A as T, where M (left out: everywhere) is not zero.
template <class T>
class MatrixRows {
 public:
  MatrixRows(const at::Tensor& A, const std::optional<at::Tensor>& M)
      : columns_(A.size(1)),
        reader_(A),
        mask_(M, columns_),
        isa_(chosen_isa()),
        values_(static_cast<size_t>(columns_)),
        marks_(static_cast<size_t>(columns_)) {}

  /// A row's values and marks; the marks are null where all of A is observed. Valid until the next call.
  struct Row {
    const T* values;
    const uint8_t* marks;
  };
  Row row(int64_t row) {
    last_ = {reader_.row(row, values_.data()), mask_.is_masked() ? mask_.row(row, marks_.data()) : nullptr};
    return last_;
  }

  /// The values and marks of the row that was read last.
  RowFacts facts() const { return row_kernels<T>(isa_).look_at(last_.values, last_.marks, columns_); }
  int64_t count_observed() const { return last_.marks ? columns_ - count_marks(0) : columns_; }
  int64_t nan_marks() const { return last_.marks ? count_marks(2) : 0; }

  /// A row's observed entries, left to right, to lists that have room for `room` of them, which are not fewer. Returns
  /// how many they are.
  int64_t list(int64_t row, int64_t room, int32_t* indices, T* values) {
    const auto [from, marks] = this->row(row);
    if (marks) return row_kernels<T>(isa_).list(from, marks, columns_, room, indices, values);
    std::iota(indices, indices + columns_, 0);
    std::copy_n(from, columns_, values);
    return columns_;
  }

  /// A row's cells, 0 where not observed if they are bytes, else NaN.
  void fill(int64_t row, uint8_t* cells) {
    const auto [from, marks] = this->row(row);
    row_kernels<T>(isa_).to_bytes(from, marks, columns_, cells);
  }
  void fill(int64_t row, T* cells) {
    const auto [from, marks] = this->row(row);
    for (int64_t c = 0; c < columns_; ++c) {
      cells[c] = !marks || marks[c] ? from[c] : std::numeric_limits<T>::quiet_NaN();
    }
  }

 private:
  int64_t count_marks(uint8_t mark) const { return row_kernels<T>(isa_).count_marks(last_.marks, columns_, mark); }

  int64_t columns_;
  RowReader<T> reader_;
  MaskReader mask_;
  Isa isa_;
  Row last_{};
  std::vector<T> values_;
  std::vector<uint8_t> marks_;
};

/// The same of lists.
template <class T>
class ListRows {
 public:
  explicit ListRows(const EntryLists<T>& lists) : lists_(lists) {}

  int64_t list(int64_t row, int64_t, int32_t* indices, T* values) const {
    const int64_t begin = lists_.starts[row], count = lists_.starts[row + 1] - begin;
    std::copy_n(lists_.indices + begin, count, indices);
    std::copy_n(lists_.values + begin, count, values);
    return count;
  }

  template <class Cell>
  void fill(int64_t row, Cell* cells) const {
    std::fill(cells, cells + lists_.columns,
              std::is_same_v<Cell, uint8_t> ? Cell(0) : std::numeric_limits<Cell>::quiet_NaN());
    for (int64_t e = lists_.starts[row]; e < lists_.starts[row + 1]; ++e) {
      cells[lists_.indices[e]] = static_cast<Cell>(lists_.values[e]);
    }
  }

 private:
  EntryLists<T> lists_;
};

}  // namespace factorise::cpu
