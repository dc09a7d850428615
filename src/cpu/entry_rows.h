#pragma once
// Where the packers get a row's observed entries from: a matrix and its mask, or lists. One a thread.

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/lists.h"
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
        values_(static_cast<size_t>(columns_)),
        marks_(static_cast<size_t>(columns_)),
        indices_(static_cast<size_t>(columns_) + 1) {}

  /// A row's values and marks; the marks are null where all of A is observed. Valid until the next call.
  struct Row {
    const T* values;
    const uint8_t* observed;
  };
  Row row(int64_t row) {
    last_ = {reader_.row(row, values_.data()), mask_.is_masked() ? mask_.row(row, marks_.data()) : nullptr};
    return last_;
  }

  /// Of the row that was read last, which has marks: how many are set, and how many of these are NaN.
  int64_t count_observed() const { return columns_ - count_marks(0); }
  int64_t nan_marks() const { return count_marks(2); }

  /// A row's observed entries, left to right.
  void list(int64_t row, int32_t* indices, T* values) {
    const auto [from, observed] = this->row(row);
    if (!observed) {
      std::memcpy(values, from, static_cast<size_t>(columns_) * sizeof(T));
      for (int64_t c = 0; c < columns_; ++c) indices[c] = static_cast<int32_t>(c);
      return;
    }
    // Every entry is written, and the next one over it where it is not observed: without a branch, which would be
    // mispredicted. At the end that is one past the last, so that it is done beside the lists.
    if (listed_.empty()) listed_.resize(static_cast<size_t>(columns_) + 1);
    size_t count = 0;
    for (int64_t c = 0; c < columns_; ++c) {
      indices_[count] = static_cast<int32_t>(c);
      listed_[count] = from[c];
      count += observed[c] != 0;
    }
    std::memcpy(indices, indices_.data(), count * sizeof(int32_t));
    std::memcpy(values, listed_.data(), count * sizeof(T));
  }

  /// Calls visit(column, value) for a row's observed entries, left to right.
  template <class Visit>
  void visit(int64_t row, Visit visit) {
    const auto [from, observed] = this->row(row);
    if (!observed) {
      for (int64_t c = 0; c < columns_; ++c) visit(c, from[c]);
      return;
    }
    size_t count = 0;
    for (int64_t c = 0; c < columns_; ++c) {
      indices_[count] = static_cast<int32_t>(c);
      count += observed[c] != 0;
    }
    for (size_t i = 0; i < count; ++i) visit(indices_[i], from[indices_[i]]);
  }

  /// A row's cells, `absent` where not observed: what is there may be no number that a Cell can be.
  template <class Cell>
  void fill(int64_t row, Cell absent, Cell* cells) {
    const auto [from, observed] = this->row(row);
    for (int64_t c = 0; c < columns_; ++c) {
      cells[c] = !observed || observed[c] ? static_cast<Cell>(from[c]) : absent;
    }
  }

 private:
  int64_t count_marks(uint8_t mark) const { return std::count(last_.observed, last_.observed + columns_, mark); }

  int64_t columns_;
  RowReader<T> reader_;
  MaskReader mask_;
  Row last_{};
  std::vector<T> values_, listed_;
  std::vector<uint8_t> marks_;
  std::vector<int32_t> indices_;
};

/// The same of lists.
template <class T>
class ListRows {
 public:
  explicit ListRows(const EntryLists<T>& lists) : lists_(lists) {}

  template <class Visit>
  void visit(int64_t row, Visit visit) const {
    for (int64_t e = lists_.starts[row]; e < lists_.starts[row + 1]; ++e) visit(lists_.indices[e], lists_.values[e]);
  }

  template <class Cell>
  void fill(int64_t row, Cell absent, Cell* cells) const {
    std::fill(cells, cells + lists_.columns, absent);
    visit(row, [&](int64_t c, T value) { cells[c] = static_cast<Cell>(value); });
  }

 private:
  EntryLists<T> lists_;
};

}  // namespace factorise::cpu
