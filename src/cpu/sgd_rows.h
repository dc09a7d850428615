#pragma once
// Where the packers of SGD get a row's observed entries from: a matrix and its mask, or a list. One a thread.

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/entry_list.h"
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
        observed_(static_cast<size_t>((columns_ + 7) / 8 * 8)) {}

  /// Calls visit(column, value) for a row's observed entries, left to right.
  template <class Visit>
  void visit(int64_t row, Visit visit) {
    read(row);
    for_observed([&](int64_t c) { visit(c, values_[static_cast<size_t>(c)]); });
  }

  /// How many entries a row has.
  int64_t count(int64_t row) {
    mask_.read(row, observed_.data());
    int64_t found = 0;
    for_observed([&](int64_t) { ++found; });
    return found;
  }

  /// A row's cells, `absent` where not observed: what is there may be no number that a Cell can be.
  template <class Cell>
  void fill(int64_t row, Cell absent, Cell* cells) {
    read(row);
    for (int64_t c = 0; c < columns_; ++c) {
      const auto at = static_cast<size_t>(c);
      cells[c] = observed_[at] ? static_cast<Cell>(values_[at]) : absent;
    }
  }

  /// How many marks of the mask are NaN in the row that was visited last.
  int64_t nan_marks() const { return std::count(observed_.begin(), observed_.end(), 2); }

 private:
  void read(int64_t row) {
    reader_.read(row, values_.data());
    mask_.read(row, observed_.data());
  }

  /// Eight columns at a time are passed over where none is observed.
  template <class Visit>
  void for_observed(Visit visit) const {
    for (int64_t c = 0; c < columns_; c += 8) {
      uint64_t eight = 0;
      std::memcpy(&eight, observed_.data() + c, 8);
      if (eight == 0) continue;
      const int64_t end = std::min<int64_t>(columns_, c + 8);
      for (int64_t i = c; i < end; ++i) {
        if (observed_[static_cast<size_t>(i)]) visit(i);
      }
    }
  }

  int64_t columns_;
  RowReader<T> reader_;
  MaskReader mask_;
  std::vector<T> values_;
  std::vector<uint8_t> observed_;  ///< padded with zeros, so that it can be looked at eight at a time
};

/// The same of a list whose values are of type T.
template <class T>
class ListRows {
 public:
  explicit ListRows(const EntryList& list)
      : columns_(list.columns),
        starts_(list.starts()),
        column_of_(list.column_of()),
        values_(list.values.const_data_ptr<T>()) {}

  template <class Visit>
  void visit(int64_t row, Visit visit) const {
    for (int64_t e = starts_[row]; e < starts_[row + 1]; ++e) visit(column_of_[e], values_[e]);
  }

  int64_t count(int64_t row) const { return starts_[row + 1] - starts_[row]; }

  template <class Cell>
  void fill(int64_t row, Cell absent, Cell* cells) const {
    std::fill(cells, cells + columns_, absent);
    visit(row, [&](int64_t c, T value) { cells[c] = static_cast<Cell>(value); });
  }

 private:
  int64_t columns_;
  const int64_t *starts_, *column_of_;
  const T* values_;
};

}  // namespace factorise::cpu
