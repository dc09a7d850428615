#pragma once
// Ratings as exact SGD on a GPU reads them: every cell, skewed. Block b of 32 rows is a stream of chunks of 32 steps;
// lane i of step t is the block's row i in column t - skew * i (sgd_skew). A cell is a byte where all that is observed
// are whole numbers from 1 to 255 (0: not observed), else a number (NaN: not observed). Bytes of four steps make a
// word, so that a lane reads once for all four.

#include <cstdint>

#include "cuda/sgd_job.h"

namespace factorise::cuda {

/// Steps that a lane has in one word.
template <class Cell>
constexpr int kStepsOfWord = sizeof(Cell) == 1 ? 4 : 1;

template <class Cell>
constexpr int64_t kChunkBytes = int64_t{kSgdChunk} * kWarpLanes* static_cast<int64_t>(sizeof(Cell));

/// Chunks of a block whose last lane is `lag` columns behind the first.
FACTORISE_HOST_DEVICE constexpr int64_t sgd_chunks(int64_t columns, int64_t lag) {
  return (columns + lag + kSgdChunk - 1) / kSgdChunk;
}

/// Blocks lie one behind the other, each with the chunks of a whole one.
FACTORISE_HOST_DEVICE constexpr int64_t sgd_chunks_of_block(int64_t columns, int skew) {
  return sgd_chunks(columns, skew * (kWarpLanes - 1));
}

/// The matrix that the cells are packed from, A or its transpose by strides, in the computing type.
template <class T>
struct SgdMatrix {
  const T* values;
  const bool* observed;  ///< null: all are
  int64_t rows, columns;
  int64_t row_stride, column_stride;  ///< of both
  int32_t skew;

  FACTORISE_HOST_DEVICE int64_t blocks() const { return (rows + kWarpLanes - 1) / kWarpLanes; }
  FACTORISE_HOST_DEVICE int64_t cells() const {
    return blocks() * sgd_chunks_of_block(columns, skew) * kSgdChunk * kWarpLanes;
  }
};

/// Whether a rating can be a byte.
template <class T>
FACTORISE_HOST_DEVICE inline bool fits_byte(T value) {
  return value >= 1 && value <= 255 && value == static_cast<T>(static_cast<uint8_t>(value));
}

/// The index-th cell of the packed stream, in the order of memory.
template <class T, class Cell>
FACTORISE_HOST_DEVICE inline Cell packed_cell(const SgdMatrix<T>& A, int64_t index) {
  constexpr int n = kStepsOfWord<Cell>;
  constexpr int64_t of_chunk = int64_t{kSgdChunk} * kWarpLanes;
  const int64_t chunks = sgd_chunks_of_block(A.columns, A.skew);
  const int64_t chunk = index / of_chunk, within = index % of_chunk;
  const int64_t lane = within / n % kWarpLanes, step = within / n / kWarpLanes * n + within % n;
  const int64_t row = chunk / chunks * kWarpLanes + lane;
  const int64_t column = chunk % chunks * kSgdChunk + step - A.skew * lane;
  const Cell missing = sizeof(Cell) == 1 ? Cell(0) : static_cast<Cell>(__builtin_nanf(""));
  if (row >= A.rows || column < 0 || column >= A.columns) return missing;
  const int64_t at = row * A.row_stride + column * A.column_stride;
  if (A.observed && !A.observed[at]) return missing;
  return static_cast<Cell>(A.values[at]);
}

}  // namespace factorise::cuda
