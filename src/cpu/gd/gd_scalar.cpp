// Full-batch descent without vectors: the numeric contract of gd.h as plain loops. Slow where std::fma is a call.

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/gd/gd.h"

namespace factorise::cpu {
namespace {

template <class T>
bool is_observed(const GdRatings<T>& A, int64_t row, int64_t column) {
  const int64_t at = row * A.stride + column;
  if (A.bytes) return A.bytes[at] != kMissing;
  return !A.observed || A.observed[at];
}

/// x and y point to the row's and the column's first number, in their groups.
template <class T>
T residual(const GdRatings<T>& A, int64_t rank, int64_t row, int64_t column, const T* x, const T* y) {
  if (!is_observed(A, row, column)) return 0;
  const int64_t at = row * A.stride + column;
  T e = A.bytes ? static_cast<T>(A.bytes[at]) : A.values[at];
  for (int64_t k = 0; k < rank; ++k) e = std::fma(-x[k * kBlockRows], y[k * kLanes<T>], e);
  return e;
}

/// Where a row of X, or a column of Y, begins.
template <class T>
const T* row_of(const T* X, int64_t rank, int64_t row) {
  return X + row / kBlockRows * rank * kBlockRows + row % kBlockRows;
}
template <class T>
const T* column_of(const T* Y, int64_t rank, int64_t column) {
  return Y + column / kLanes<T> * rank * kLanes<T> + column % kLanes<T>;
}

template <class T>
void gather_row(const GdRatings<T>& A, int64_t rank, int64_t row, CellRange cells, const T* X, const T* Y,
                const T* Y_times, T* direction, double* square) {
  constexpr int64_t L = kLanes<T>;
  std::vector<T> sums(rank * L);
  double totals[L] = {};
  for (int64_t tile = cells.begin; tile < cells.end; tile += kTileCells) {
    T squares[L] = {};
    const int64_t end = std::min({(tile + kTileCells) * L, cells.end * L, A.columns});
    for (int64_t c = tile * L; c < end; ++c) {
      const T e = residual(A, rank, row, c, row_of(X, rank, row), column_of(Y, rank, c));
      squares[c % L] = std::fma(e, e, squares[c % L]);
      const T* y = column_of(Y_times, rank, c);
      for (int64_t k = 0; k < rank; ++k) sums[k * L + c % L] = std::fma(e, y[k * L], sums[k * L + c % L]);
    }
    for (int64_t j = 0; j < L; ++j) totals[j] += static_cast<double>(squares[j]);
  }
  if (square) *square = fold(totals, L);
  if (!direction) return;
  for (int64_t k = 0; k < rank; ++k) direction[k * kBlockRows] = fold(&sums[k * L]);
}

template <class T>
void gather(const GdRatings<T>& A, int64_t rank, int64_t block, CellRange cells, const T* X, const T* Y,
            const T* Y_times, T* direction, double* squares) {
  if (direction) std::fill_n(direction, rank * kBlockRows, T(0));
  for (int64_t h = 0; h < kBlockRows; ++h) {
    if (squares) squares[h] = 0;
    if (block * kBlockRows + h >= A.rows) continue;
    gather_row(A, rank, block * kBlockRows + h, cells, X, Y, Y_times, direction ? direction + h : nullptr,
               squares ? squares + h : nullptr);
  }
}

template <class T>
void scatter(const GdRatings<T>& A, int64_t rank, CellRange cells, const T* X, const T* X_times, const T* Y,
             T* direction) {
  constexpr int64_t L = kLanes<T>;
  std::fill(direction + cells.begin * rank * L, direction + cells.end * rank * L, T(0));
  for (int64_t row = 0; row < A.rows; ++row) {
    const T* times = row_of(X_times, rank, row);
    for (int64_t c = cells.begin * L; c < std::min(cells.end * L, A.columns); ++c) {
      const T e = residual(A, rank, row, c, row_of(X, rank, row), column_of(Y, rank, c));
      T* s = const_cast<T*>(column_of(direction, rank, c));
      for (int64_t k = 0; k < rank; ++k) s[k * L] = std::fma(e, times[k * kBlockRows], s[k * L]);
    }
  }
}

template <class T>
void advance(int64_t count, T c, const T* direction, const T* from, T* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = std::fma(c, direction[i], from[i]);
}

}  // namespace

template <class T>
const GdKernels<T>& scalar_gd_kernels() {
  static constexpr GdKernels<T> kernels{gather<T>, scatter<T>, advance<T>};
  return kernels;
}

template const GdKernels<float>& scalar_gd_kernels<float>();
template const GdKernels<double>& scalar_gd_kernels<double>();

}  // namespace factorise::cpu
