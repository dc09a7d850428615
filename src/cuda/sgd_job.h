#pragma once
// What exact SGD on a GPU works on: one launch for all epochs of one or several runs on one matrix.
//
// X is the factor whose rows stay with the lanes, of A's shorter side; Y the one whose rows move past them, a step a
// column. That is U and V, or V and U where A is `turned`, having more rows than columns: the longer a lane's way, the
// fewer warps stand one behind the other.
//
// Factors travel between warps as tagged words: 32 bits of a number and, above them, the count of tasks that have had
// it. A lane that waits for a number reads it until its tag is the right one. So no flag has to be ordered before or
// after the data, and a number is on its way as soon as it is known. (The idea is that of NCCL's LL protocol.)

#include <bit>
#include <cstdint>

#include "cuda/warp.h"

namespace factorise::cuda {

constexpr int kSgdChunk = 32;  ///< steps between two looks at what comes in
constexpr int kSgdGroup = 8;   ///< numbers of a row that are fetched at once; padded ranks above are multiples

/// The rank with zeros behind it, for which there is a kernel: they change no bit of the others.
constexpr int sgd_padded_rank(int rank) {
  for (const int padded : {2, 3, 5, 7, 8, 16, 32}) {
    if (rank <= padded) return padded;
  }
  return (rank + kSgdGroup - 1) / kSgdGroup * kSgdGroup;
}

/// Whether a step's row of Y is fetched a step ahead.
FACTORISE_HOST_DEVICE constexpr bool sgd_fetches_ahead(int padded_rank) { return padded_rank <= kSgdGroup; }

/// Columns that a lane is behind the one above. Odd, so that no two lanes' columns share a bank of shared memory; three
/// where what the lane above stored is fetched a step ahead, with a step's time to arrive.
FACTORISE_HOST_DEVICE constexpr int sgd_skew(int padded_rank) { return sgd_fetches_ahead(padded_rank) ? 3 : 1; }

/// Columns of Y that are with a warp: those between its first lane and its last, and a chunk that comes in.
FACTORISE_HOST_DEVICE constexpr int sgd_ring(int padded_rank) { return sgd_fetches_ahead(padded_rank) ? 128 : 64; }

/// Words of a number, and of a factor's row: an even number, as they are read in pairs.
template <class T>
constexpr int kSgdWords = static_cast<int>(sizeof(T) / 4);
template <class T>
FACTORISE_HOST_DEVICE constexpr int sgd_row_words(int padded_rank) {
  return (padded_rank * kSgdWords<T> + 1) / 2 * 2;
}

/// The i-th word of a number, tagged.
template <class T>
FACTORISE_HOST_DEVICE inline uint64_t sgd_word(T value, int i, uint32_t tag) {
  if constexpr (sizeof(T) == 4) {
    return static_cast<uint64_t>(tag) << 32 | std::bit_cast<uint32_t>(value);
  } else {
    return static_cast<uint64_t>(tag) << 32 | (std::bit_cast<uint64_t>(value) >> (32 * i) & 0xFFFFFFFFU);
  }
}

/// The number that stands in one word or two.
template <class T>
FACTORISE_HOST_DEVICE inline T sgd_number(const uint64_t* words) {
  if constexpr (sizeof(T) == 4) {
    return std::bit_cast<T>(static_cast<uint32_t>(words[0]));
  } else {
    return std::bit_cast<T>((words[1] & 0xFFFFFFFFU) << 32 | (words[0] & 0xFFFFFFFFU));
  }
}

/// The index-th word of a factor (rows x rank, contiguous) as a run begins, zeros beyond its rows and rank.
template <class T>
FACTORISE_HOST_DEVICE inline uint64_t sgd_packed_word(const T* factor, int64_t rows, int rank, int padded_rank,
                                                      int64_t index) {
  const int of_row = sgd_row_words<T>(padded_rank);
  const int64_t row = index / of_row;
  const int i = static_cast<int>(index % of_row), k = i / kSgdWords<T>;
  return sgd_word(row < rows && k < rank ? factor[row * rank + k] : T(0), i % kSgdWords<T>, 0);
}

/// The index-th number of a factor of that rank, out of its words.
template <class T>
FACTORISE_HOST_DEVICE inline T sgd_unpacked(const uint64_t* words, int rank, int padded_rank, int64_t index) {
  return sgd_number<T>(words + index / rank * sgd_row_words<T>(padded_rank) + index % rank * kSgdWords<T>);
}

/// lr and s of an epoch.
template <class T>
struct SgdRate {
  T lr, s;
};

/// A block of 32 rows of X passes once over all columns: a task. Tasks of a run are numbered epoch * blocks + block;
/// each needs the one before, column by column.
template <class T>
struct SgdJob {
  int64_t rows, columns;  ///< of X and of Y
  int32_t padded_rank;
  uint32_t epochs, runs;
  const std::byte* cells;   ///< see sgd_cells.h
  const SgdRate<T>* rates;  ///< [runs][epochs]
  uint64_t* X;              ///< [runs][blocks * 32][row words]; the tag is the count of epochs that the row has had
  uint64_t* Y;              ///< [runs][columns][row words]; that of tasks, modulo 2^32
  uint64_t* next;           ///< the next task that is not claimed, 0 at first
  uint32_t* diverged;  ///< [runs] the first epoch, from 1, after which a factor was not finite, else kNeverDiverged

  FACTORISE_HOST_DEVICE int64_t blocks() const { return (rows + kWarpLanes - 1) / kWarpLanes; }
  FACTORISE_HOST_DEVICE uint64_t tasks() const { return static_cast<uint64_t>(blocks()) * epochs * runs; }
};

}  // namespace factorise::cuda
