#pragma once
// The observed entries as the SGD kernels read them, in one piece of memory: a layout, then its parts. Made once a run.
//
// Wavefront: every cell, skewed. A block of H rows is a stream of n + H - 1 steps of H cells; of step t, they are those
// of the block's rows i in columns t - i, in the order of the kernel's lanes. A byte each where all observed entries
// are whole numbers from 1 to 255 (0: not observed), else a number each (NaN: not observed).
//
// Entries: the observed ones alone. Within a strip of R rows, entry (i, c) has the position t = c + skew * i, and
// entries are sorted by t, then i. For every skew >= 1 that keeps the order within each row and each column, so the
// result is that of the serial order. Neighbours in the list are mostly of different rows and columns, so a processor
// that executes out of order works on several at once.

#include <cstdint>

#include "cpu/threads/wave.h"

namespace factorise::cpu {

enum class SgdPath : int32_t { automatic, wavefront, entries };

/// How many entries an entry kernel reads ahead, to fetch the V of their columns; as many zeros follow the last entry's
/// column.
constexpr int64_t kSgdLookahead = 16;

/// The head of packed ratings. Offsets are in bytes from its start, all multiples of 64.
struct SgdLayout {
  uint64_t magic;
  int64_t rows, columns, observed;
  int64_t rank;         ///< that it was made for
  int64_t value_bytes;  ///< of the computing type: 4 or 8
  SgdPath path;
  int32_t is_bytes;                                 ///< wavefront: whether a cell is a byte
  int64_t block_rows;                               ///< H or R
  int64_t lane_rows;                                ///< wavefront: rows that follow each other on one lane
  int64_t skew;                                     ///< 1 in a wavefront
  int64_t chunk;                                    ///< positions of a chunk; a strip's entries are indexed by chunks
  int64_t cells;                                    ///< wavefront: the streams; entries: their values
  int64_t entry_columns, entry_rows, entry_chunks;  ///< entries alone: uint32, uint8, int64
  int64_t bytes;                                    ///< altogether

  int64_t blocks() const { return (rows + block_rows - 1) / block_rows; }
  /// Wavefront: where in a step the cell of a block's row is. The rows of a lane are stored last row first, in the
  /// order of the work, so that memory is read forwards.
  int64_t cell_of(int64_t row) const {
    return (lane_rows - 1 - row % lane_rows) * (block_rows / lane_rows) + row / lane_rows;
  }
  /// The row whose cell is there.
  int64_t row_at(int64_t cell) const {
    const int64_t lanes = block_rows / lane_rows;
    return cell % lanes * lane_rows + lane_rows - 1 - cell / lanes;
  }
  int64_t lag() const { return skew * (block_rows - 1); }
  Wave wave() const { return {blocks(), columns, lag(), chunk}; }
  /// Entries: chunks of a strip.
  int64_t chunks() const { return (columns + lag() + chunk - 1) / chunk; }
};

}  // namespace factorise::cpu
