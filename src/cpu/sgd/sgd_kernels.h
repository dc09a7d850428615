#pragma once
// The interface of the SGD kernels of an instruction set. A worker (one a thread) takes a block of rows through its
// positions; U and V are rows of `stride` numbers, zeros from the rank on.

#include <cstddef>
#include <cstdint>

#include "contract/sgd.h"
#include "cpu/isa.h"
#include "cpu/sgd/sgd_layout.h"

namespace factorise::cpu {

/// Numbers that a row of U or V takes: whole vectors of eight, or of four at small ranks.
constexpr int64_t sgd_stride(int64_t rank) { return rank <= 4 ? 4 : (rank + 7) / 8 * 8; }

/// A block at work.
template <class T>
struct SgdBlock {
  const SgdLayout* layout;
  const uint8_t* ratings;  ///< the packed ratings
  T* U;                    ///< the block's rows
  T* V;                    ///< all columns
  int64_t stride;
  int64_t block;  ///< its number
  int64_t rows;   ///< its height: layout->block_rows, less in the last block
  SgdStep<T> step;
  T* lanes;  ///< wavefront: scratch of sgd_lanes() numbers
};

/// Where the entries of a block lie that have the positions [from, to): in the lists, at [begin, end).
template <class T>
struct SgdEntries {
  const T* values;
  const uint32_t* columns;
  const uint8_t* rows;  ///< within the block
  int64_t begin, end;

  SgdEntries(const SgdBlock<T>& block, int64_t from, int64_t to) {
    const SgdLayout& layout = *block.layout;
    values = reinterpret_cast<const T*>(block.ratings + layout.cells);
    columns = reinterpret_cast<const uint32_t*>(block.ratings + layout.entry_columns);
    rows = block.ratings + layout.entry_rows;
    const auto* chunks = reinterpret_cast<const int64_t*>(block.ratings + layout.entry_chunks);
    chunks += block.block * (layout.chunks() + 1);
    begin = chunks[from / layout.chunk];
    end = chunks[(to + layout.chunk - 1) / layout.chunk];
  }
};

template <class T>
struct SgdKernels {
  void (*begin)(const SgdBlock<T>&);
  void (*advance)(const SgdBlock<T>&, int64_t from, int64_t to);
  void (*end)(const SgdBlock<T>&);
};

/// How the rows of a block of the wavefront lie on lanes.
struct SgdShape {
  int64_t block_rows = 1;
  int64_t lane_rows = 1;  ///< rows that follow each other on one lane
};
template <class T>
SgdShape wavefront_shape(Isa isa, int64_t rank, int64_t rows, int64_t columns);

/// Numbers of scratch that a worker of the wavefront needs.
inline int64_t sgd_lanes(const SgdLayout& layout) { return 2 * layout.rank * layout.block_rows; }

/// Nanoseconds that a cell of the wavefront and an entry of a list take on one thread, measured; their ratio decides
/// between the two.
struct SgdCost {
  double cell, entry;
};
template <class T>
SgdCost sgd_cost(Isa isa, int64_t rank);

/// The kernels for a path, a rank and a type.
template <class T>
SgdKernels<T> wavefront_kernels(Isa isa, const SgdLayout& layout, bool decay);
template <class T>
SgdKernels<T> entry_kernels(Isa isa, int64_t rank, bool decay);

}  // namespace factorise::cpu
