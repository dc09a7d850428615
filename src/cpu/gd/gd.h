#pragma once
// Full-batch descent as two passes over A that never store U Vᵀ: one sums err Y into the row factor's direction, one
// errᵀ X into the column factor's, each with err = A - X Yᵀ computed in registers. X belongs to A's rows, Y to its
// columns, which lie on the vector's lanes; a caller whose A is tall passes its transpose.
//
// Numeric contract, the same bits on every instruction set and thread count. T is the factors' type; fma rounds once:
//   err:    e = a; for each k: e = fma(-x[k], y[k], e); 0 where not observed
//   gather: per segment of kSegment cells, lane j: s = 0; for columns c = j, j + kLanes, ... : s = fma(e[c], y[c], s);
//           lanes folded in halves, s[j] += s[j + half]; segments added in order
//   scatter: s = 0; for rows in order: s = fma(e[r], x[r], s)
//   Σ err²: per row and tile of kTileCells cells a lane's chain as in gather, in T; tiles added in order, lane by lane,
//           in float64; lanes folded in halves; then segments of a row, then rows, in order
//   step:   x = fma(c, s, x)

#include <cstdint>

#include "cpu/isa.h"

namespace factorise::cpu {

constexpr int64_t kBlockRows = 8;  ///< rows of X that lie together
template <class T>
constexpr int64_t kLanes = 64 / sizeof(T);  ///< columns of a cell: the widest vector, or several narrower ones
constexpr int64_t kTileCells = 16;          ///< cells whose errors are kept in the first-level cache
constexpr int64_t kSegment = 1024;          ///< cells of a row that one task gathers
constexpr int64_t kLargestRank = 256;       ///< of all methods

/// A byte that stands for "not observed".
constexpr int8_t kMissing = -128;

/// A as the kernels read it, in one of three forms: values alone, values with `observed`, or bytes.
template <class T>
struct GdRatings {
  const T* values = nullptr;
  const bool* observed = nullptr;  ///< beside values; null where all are
  const int8_t* bytes = nullptr;   ///< in place of values: small integers, kMissing where not observed
  int64_t rows = 0, columns = 0;
  int64_t stride = 0;  ///< elements from one row to the next, in each of them

  int64_t blocks() const { return (rows + kBlockRows - 1) / kBlockRows; }
  int64_t cells() const { return (columns + kLanes<T> - 1) / kLanes<T>; }
};

/// Cells [begin, end) of the columns.
struct CellRange {
  int64_t begin, end;
};

/// The kernels of one instruction set. Factors lie in groups of `width` rows, [groups][rank][width], zero beyond their
/// last row: X and what belongs to it with width kBlockRows, Y with kLanes. All are aligned to 64 bytes.
template <class T>
struct GdKernels {
  /// One block of rows: sums of err Y_times over the cells (one segment at most) to `direction`, [rank][kBlockRows],
  /// and of err² to `squares`, one for each row of the block. Either may be null, and is then left out.
  void (*gather)(const GdRatings<T>& A, int64_t rank, int64_t block, CellRange cells, const T* X, const T* Y,
                 const T* Y_times, T* direction, double* squares);
  /// Some cells of columns, all rows: sums of errᵀ X_times to `direction`, which lies as Y does.
  void (*scatter)(const GdRatings<T>& A, int64_t rank, CellRange cells, const T* X, const T* X_times, const T* Y,
                  T* direction);
  /// to[i] = fma(c, direction[i], from[i]); `to` may be either.
  void (*advance)(int64_t count, T c, const T* direction, const T* from, T* to);
};

/// The kernels for an instruction set that this machine has.
template <class T>
const GdKernels<T>& gd_kernels(Isa isa);

/// The contract's loops without vectors. The vector kernels have the same bits; these loops run where the processor has
/// no vectors that fuse.
template <class T>
const GdKernels<T>& scalar_gd_kernels();

/// The sum over the lanes, in halves.
template <class T>
T fold(T* lanes, int64_t count = kLanes<T>) {
  for (int64_t half = count / 2; half > 0; half /= 2) {
    for (int64_t j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  }
  return lanes[0];
}

}  // namespace factorise::cpu
