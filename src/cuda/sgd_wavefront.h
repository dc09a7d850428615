#pragma once
// Exact SGD as a wavefront of warps. A lane keeps a row of X and walks along A's columns, some behind the lane above; a
// column's row of Y waits in a ring in shared memory until the next lane comes. At low ranks X is in registers and what
// a step needs of Y is fetched a step ahead, so that the chain from one step to the next is the contract's own: the dot
// product, the difference, the step and one multiply-add. Columns that all lanes have passed go to global memory, where
// the block below, or the first block of the next epoch, fetches them (docs/contract.md says why the bits are the
// serial loop's).
//
// Tasks are claimed in order, and each waits for the one before it alone. So the task that is waited for was claimed
// earlier, by a warp that runs: there is no deadlock, however few warps are resident.

#include <cmath>
#include <utility>

#include "cuda/sgd_cells.h"
#include "cuda/sgd_job.h"

namespace factorise::cuda {

template <class T>
FACTORISE_HOST_DEVICE inline bool is_observed(T cell) {
  return cell == cell;
}
FACTORISE_HOST_DEVICE inline bool is_observed(uint8_t cell) { return cell != 0; }

/// The shared memory of a warp: the ring, rows of X where they are not in registers, two chunks of cells.
template <class T, class Cell>
struct SgdShared {
  int64_t rows, cells, bytes;  ///< where the latter two begin, and all of it

  FACTORISE_HOST_DEVICE constexpr SgdShared(int padded_rank, bool rows_too)
      : rows(int64_t{padded_rank} * sgd_ring(padded_rank) * static_cast<int64_t>(sizeof(T))),
        cells(rows + (rows_too ? int64_t{padded_rank} * kWarpLanes * static_cast<int64_t>(sizeof(T)) : 0)),
        bytes(cells + 2 * kChunkBytes<Cell>) {}
};

/// One block of rows, all columns, once. P is the warp, Cell a byte or T, kRank the padded rank, or 0 for those that
/// keep X in shared memory: multiples of kSgdGroup.
template <class P, class T, int kRank, class Cell, bool kTurned, bool kDecay>
class SgdBlock {
 public:
  static constexpr int kGroup = kRank > 0 && kRank < kSgdGroup ? kRank : kSgdGroup;
  static constexpr int kGroupWords = sgd_row_words<T>(kGroup);
  static constexpr bool kAhead = kRank > 0 && sgd_fetches_ahead(kRank);
  static constexpr int kSkew = kAhead ? sgd_skew(1) : sgd_skew(kSgdGroup + 1);
  static constexpr int kRing = kAhead ? sgd_ring(1) : sgd_ring(kSgdGroup + 1);

  FACTORISE_DEVICE SgdBlock(P& warp, const SgdJob<T>& job, int64_t run, int64_t epoch, int64_t block)
      : warp_(warp),
        job_(job),
        run_(run),
        epoch_(static_cast<uint32_t>(epoch)),
        rows_(job.rows - block * kWarpLanes < kWarpLanes ? static_cast<int>(job.rows - block * kWarpLanes)
                                                         : kWarpLanes),
        lag_(kSkew * (rows_ - 1)),
        tag_(static_cast<uint32_t>(epoch * job.blocks() + block)),
        is_last_(block + 1 == job.blocks()),
        X_(job.X + (run * job.blocks() + block) * kWarpLanes * row_words()),
        Y_(job.Y + run * job.columns * row_words()),
        cells_(job.cells + block * sgd_chunks_of_block(job.columns, kSkew) * kChunkBytes<Cell>),
        rate_(job.rates[run * job.epochs + epoch]) {}

  /// Abandons the block where the run has diverged in an epoch before this one.
  FACTORISE_DEVICE void run() {
    if (has_diverged_before()) return;
    const int64_t chunks = sgd_chunks(job_.columns, lag_);
    fetch_cells(0);
    clear_ring();
    if (!fetch_rows()) return settle();
    if constexpr (kAhead) {
      begin_entering(0);
    }
    FACTORISE_UNROLL_NONE for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      if (!enter(chunk)) return settle();
      fetch_cells(chunk + 1);
      if constexpr (kAhead) begin_entering(chunk + 1);
      warp_.template await_groups<1>();
      warp_.sync();
      const int64_t steps = job_.columns + lag_ - chunk * kSgdChunk;
      walk(chunk, steps < kSgdChunk ? static_cast<int>(steps) : kSgdChunk);
      warp_.sync();
      leave(chunk * kSgdChunk - lag_);
      warp_.sync();
    }
    store_rows();
    settle();
  }

 private:
  struct Lane {
    T x[kRank > 0 ? kRank : 1];
    T next[kAhead ? kRank : 1];   // of Y, for the step that comes
    uint64_t words[kGroupWords];  // of Y, for the chunk that comes
    uint32_t quad, next_quad;     // bytes of four steps
  };

  FACTORISE_DEVICE int padded_rank() const { return kRank > 0 ? kRank : job_.padded_rank; }
  FACTORISE_DEVICE int groups() const { return padded_rank() / kGroup; }
  FACTORISE_DEVICE int row_words() const { return sgd_row_words<T>(padded_rank()); }

  /// Nothing is on its way to shared memory when the next block begins.
  FACTORISE_DEVICE void settle() {
    warp_.template await_groups<0>();
    warp_.sync();
  }

  // ---- words between warps

  /// Words of a group; true where all have the tag.
  FACTORISE_DEVICE bool fetch(int lane, const uint64_t* group, uint32_t tag, uint64_t (&words)[kGroupWords]) {
    bool all = true;
    FACTORISE_UNROLL_ALL for (int i = 0; i < kGroupWords; i += 2) {
      const WordPair pair = warp_.load_pair(lane, group + i);
      words[i] = pair.first;
      words[i + 1] = pair.second;
      all = all && pair.first >> 32 == tag && pair.second >> 32 == tag;
    }
    return all;
  }

  FACTORISE_DEVICE void store(int lane, uint64_t* group, uint32_t tag, const T (&numbers)[kGroup]) {
    FACTORISE_UNROLL_ALL for (int i = 0; i < kGroupWords; i += 2) {
      warp_.store_pair(lane, group + i, {word(numbers, i, tag), word(numbers, i + 1, tag)});
    }
  }
  static FACTORISE_DEVICE uint64_t word(const T (&numbers)[kGroup], int i, uint32_t tag) {
    if (i / kSgdWords<T> >= kGroup) return static_cast<uint64_t>(tag) << 32;
    return sgd_word(numbers[i / kSgdWords<T>], i % kSgdWords<T>, tag);
  }

  /// Calls again(lane) until it is true for all lanes; false where the run has diverged before this epoch meanwhile.
  template <class F>
  FACTORISE_DEVICE bool until_all(F again) {
    FACTORISE_UNROLL_NONE for (;;) {
      typename P::template PerLane<bool> ready;
      warp_.each([&](int lane) { ready[lane] = again(lane); });
      if (warp_.all(ready)) return true;
      if (has_diverged_before()) return false;
      warp_.pause();
    }
  }

  FACTORISE_DEVICE bool has_diverged_before() { return warp_.peek(job_.diverged + run_) <= epoch_; }

  FACTORISE_DEVICE void check(const typename P::template PerLane<bool>& finite) {
    if (!warp_.all(finite)) warp_.lower(job_.diverged + run_, epoch_ + 1);
  }

  // ---- X

  FACTORISE_DEVICE T x(int lane, int k) {
    if constexpr (kRank > 0)
      return lanes_[lane].x[k];
    else
      return warp_.template shared<T>(layout().rows).get(lane, k * kWarpLanes + lane);
  }
  FACTORISE_DEVICE void set_x(int lane, int k, T value) {
    if constexpr (kRank > 0)
      lanes_[lane].x[k] = value;
    else
      warp_.template shared<T>(layout().rows).set(lane, k * kWarpLanes + lane, value);
  }

  /// Lanes beyond the last row have zeros, and nothing observed.
  FACTORISE_DEVICE bool fetch_rows() {
    return until_all([&](int lane) {
      bool all = true;
      FACTORISE_UNROLL_ALL for (int group = 0; group < groups(); ++group) {
        uint64_t words[kGroupWords] = {};
        if (lane < rows_) all = fetch(lane, X_ + lane * row_words() + group * kGroupWords, epoch_, words) && all;
        FACTORISE_UNROLL_ALL for (int k = 0; k < kGroup; ++k) {
          set_x(lane, group * kGroup + k, sgd_number<T>(words + k * kSgdWords<T>));
        }
      }
      return all;
    });
  }

  FACTORISE_DEVICE void store_rows() {
    typename P::template PerLane<bool> finite;
    warp_.each([&](int lane) {
      finite[lane] = true;
      if (lane >= rows_) return;
      FACTORISE_UNROLL_ALL for (int group = 0; group < groups(); ++group) {
        T numbers[kGroup];
        FACTORISE_UNROLL_ALL for (int k = 0; k < kGroup; ++k) {
          numbers[k] = x(lane, group * kGroup + k);
          finite[lane] = finite[lane] && is_finite(numbers[k]);
        }
        store(lane, X_ + lane * row_words() + group * kGroupWords, epoch_ + 1, numbers);
      }
    });
    check(finite);
  }

  // ---- Y

  FACTORISE_DEVICE SgdShared<T, Cell> layout() const { return {padded_rank(), kRank == 0}; }
  FACTORISE_DEVICE T y(int lane, int k, int slot) { return warp_.template shared<T>(0).get(lane, k * kRing + slot); }
  FACTORISE_DEVICE void set_y(int lane, int k, int slot, T value) {
    warp_.template shared<T>(0).set(lane, k * kRing + slot, value);
  }
  /// Where a column is, whole numbers of rings beside it too.
  static FACTORISE_DEVICE int slot(int64_t column) { return static_cast<int>(column) & (kRing - 1); }

  /// Before a lane's first column it meets numbers that only have to be finite.
  FACTORISE_DEVICE void clear_ring() {
    warp_.each([&](int lane) {
      FACTORISE_UNROLL_NONE for (int k = 0; k < padded_rank(); ++k) {
        for (int i = lane; i < kRing; i += kWarpLanes) set_y(lane, k, i, T(0));
      }
    });
    warp_.sync();
  }

  /// A group of a column's row; true where there is none to wait for.
  FACTORISE_DEVICE bool fetch_column(int lane, int64_t column, int group) {
    if (column >= job_.columns) return true;
    return fetch(lane, Y_ + column * row_words() + group * kGroupWords, tag_, lanes_[lane].words);
  }

  FACTORISE_DEVICE void begin_entering(int64_t chunk) {
    warp_.each([&](int lane) { fetch_column(lane, chunk * kSgdChunk + lane, 0); });
  }

  /// What was asked for ahead; where it had not been there yet, it is asked for again.
  FACTORISE_DEVICE bool has_come(int lane, int64_t column) {
    bool all = true;
    FACTORISE_UNROLL_ALL for (int i = 0; i < kGroupWords; ++i) all = all && lanes_[lane].words[i] >> 32 == tag_;
    return all || fetch_column(lane, column, 0);
  }

  /// Puts a chunk's rows of Y into the ring as soon as they are there, a column a lane.
  FACTORISE_DEVICE bool enter(int64_t chunk) {
    if (chunk * kSgdChunk >= job_.columns) return true;
    FACTORISE_UNROLL_ALL for (int group = 0; group < groups(); ++group) {
      if (!until_all([&](int lane) {
            const int64_t column = chunk * kSgdChunk + lane;
            return kAhead ? has_come(lane, column) : fetch_column(lane, column, group);
          })) {
        return false;
      }
      warp_.each([&](int lane) {
        const int64_t column = chunk * kSgdChunk + lane;
        if (column >= job_.columns) return;
        FACTORISE_UNROLL_ALL for (int k = 0; k < kGroup; ++k) {
          set_y(lane, group * kGroup + k, slot(column), sgd_number<T>(lanes_[lane].words + k * kSgdWords<T>));
        }
      });
    }
    return true;
  }

  /// The 32 columns from `first` on have been passed by all lanes: they go on. The last block leaves Y as the epoch
  /// does.
  FACTORISE_DEVICE void leave(int64_t first) {
    typename P::template PerLane<bool> finite;
    warp_.each([&](int lane) {
      finite[lane] = true;
      const int64_t column = first + lane;
      if (column < 0 || column >= job_.columns) return;
      FACTORISE_UNROLL_ALL for (int group = 0; group < groups(); ++group) {
        T numbers[kGroup];
        FACTORISE_UNROLL_ALL for (int k = 0; k < kGroup; ++k) {
          numbers[k] = y(lane, group * kGroup + k, slot(column));
          finite[lane] = finite[lane] && is_finite(numbers[k]);
        }
        store(lane, Y_ + column * row_words() + group * kGroupWords, tag_ + 1, numbers);
      }
    });
    if (is_last_) check(finite);
  }

  // ---- the steps

  FACTORISE_DEVICE int64_t cells_at(int64_t chunk) const { return layout().cells + chunk % 2 * kChunkBytes<Cell>; }

  FACTORISE_DEVICE void fetch_cells(int64_t chunk) {
    if (chunk < sgd_chunks(job_.columns, lag_)) {
      const auto to = warp_.template shared<std::byte>(cells_at(chunk));
      warp_.each([&](int lane) {
        FACTORISE_UNROLL_ALL for (int i = 0; i < kChunkBytes<Cell> / (16 * kWarpLanes); ++i) {
          const int at = (i * kWarpLanes + lane) * 16;
          warp_.copy_async(lane, to, at, cells_ + chunk * kChunkBytes<Cell> + at);
        }
      });
    }
    warp_.end_group();
  }

  FACTORISE_DEVICE void walk(int64_t chunk, int steps) {
    const int64_t at = cells_at(chunk);
    const int t0 = slot(chunk * kSgdChunk);
    warp_.each([&](int lane) {
      if constexpr (kAhead) fetch_next(lane, t0);
      fetch_quad(lane, at, 0);
    });
    FACTORISE_UNROLL_NONE for (int quad = 0; quad < (steps + 3) / 4; ++quad) {
      warp_.each([&](int lane) {
        lanes_[lane].quad = lanes_[lane].next_quad;
        fetch_quad(lane, at, (quad + 1) % (kSgdChunk / 4));
      });
      FACTORISE_UNROLL_ALL for (int i = 0; i < 4; ++i) {
        const int step = 4 * quad + i;
        warp_.sync();
        warp_.each([&](int lane) {
          Cell cell;
          if constexpr (sizeof(Cell) == 1)
            cell = static_cast<Cell>(lanes_[lane].quad >> (8 * i));
          else
            cell = warp_.template shared<Cell>(at).get(lane, step * kWarpLanes + lane);
          if constexpr (kAhead)
            step_ahead(lane, t0 + step, cell);
          else
            step_in_groups(lane, t0 + step, cell);
        });
      }
    }
  }

  /// The bytes of four steps, ahead of the first of them.
  FACTORISE_DEVICE void fetch_quad(int lane, int64_t at, int quad) {
    if constexpr (sizeof(Cell) == 1)
      lanes_[lane].next_quad = warp_.template shared<uint32_t>(at).get(lane, quad * kWarpLanes + lane);
  }

  FACTORISE_DEVICE void fetch_next(int lane, int t) {
    const int from = slot(t - kSkew * lane);
    FACTORISE_UNROLL_ALL for (int k = 0; k < kRank; ++k) lanes_[lane].next[k] = y(lane, k, from);
  }

  /// lr (a - p) where observed, else 0.
  FACTORISE_DEVICE T step_of(Cell cell, T p) const {
    return is_observed(cell) ? rate_.lr * (static_cast<T>(cell) - p) : T(0);
  }

  /// U's number moves first, then V's by the new one.
  static FACTORISE_DEVICE void move(T& x, T& y, T g, T keep) {
    using std::fma;
    T& u = kTurned ? y : x;
    T& v = kTurned ? x : y;
    u = fma(g, v, kDecay ? keep * u : u);
    v = fma(g, u, kDecay ? keep * v : v);
  }

  /// Ranks of one group, all in registers.
  FACTORISE_DEVICE void step_ahead(int lane, int t, Cell cell) {
    using std::fma;
    Lane& own = lanes_[lane];
    T moving[kRank];
    FACTORISE_UNROLL_ALL for (int k = 0; k < kRank; ++k) moving[k] = own.next[k];
    fetch_next(lane, t + 1);
    T p;
    if constexpr (kRank < kChainedRank) {
      p = own.x[0] * moving[0];
      FACTORISE_UNROLL_ALL for (int k = 1; k < kRank; ++k) p = fma(own.x[k], moving[k], p);
    } else {
      T chains[kSgdGroup];
      FACTORISE_UNROLL_ALL for (int k = 0; k < kSgdGroup; ++k) chains[k] = own.x[k] * moving[k];
      p = fold(chains);
    }
    const T g = step_of(cell, p), keep = kDecay && is_observed(cell) ? rate_.s : T(1);
    const int to = slot(t - kSkew * lane);
    FACTORISE_UNROLL_ALL for (int k = 0; k < kRank; ++k) {
      move(own.x[k], moving[k], g, keep);
      set_y(lane, k, to, moving[k]);
    }
  }

  FACTORISE_DEVICE void step_in_groups(int lane, int t, Cell cell) {
    using std::fma;
    const int at = slot(t - kSkew * lane);
    T chains[kSgdGroup];
    FACTORISE_UNROLL_ALL for (int k = 0; k < kSgdGroup; ++k) chains[k] = x(lane, k) * y(lane, k, at);
    FACTORISE_UNROLL_ALL for (int group = 1; group < groups(); ++group) {
      FACTORISE_UNROLL_ALL for (int j = 0; j < kSgdGroup; ++j) {
        const int k = group * kSgdGroup + j;
        chains[j] = fma(x(lane, k), y(lane, k, at), chains[j]);
      }
    }
    const T g = step_of(cell, fold(chains)), keep = kDecay && is_observed(cell) ? rate_.s : T(1);
    FACTORISE_UNROLL_ALL for (int group = 0; group < groups(); ++group) {
      FACTORISE_UNROLL_ALL for (int j = 0; j < kSgdGroup; ++j) {
        const int k = group * kSgdGroup + j;
        T resting = x(lane, k), moving = y(lane, k, at);
        move(resting, moving, g, keep);
        set_x(lane, k, resting);
        set_y(lane, k, at, moving);
      }
    }
  }

  static FACTORISE_DEVICE T fold(T (&chains)[kSgdGroup]) {
    FACTORISE_UNROLL_ALL for (int j = 0; j < 4; ++j) chains[j] += chains[j + 4];
    FACTORISE_UNROLL_ALL for (int j = 0; j < 2; ++j) chains[j] += chains[j + 2];
    return chains[0] + chains[1];
  }

  P& warp_;
  const SgdJob<T>& job_;
  int64_t run_;
  uint32_t epoch_;  // from 0
  int rows_, lag_;
  uint32_t tag_;
  bool is_last_;
  uint64_t *X_, *Y_;
  const std::byte* cells_;
  SgdRate<T> rate_;
  typename P::template PerLane<Lane> lanes_;
};

/// What each warp of a launch does.
template <int kRank, class Cell, bool kTurned, bool kDecay, class P, class T>
FACTORISE_DEVICE void sgd_warp(P& warp, const SgdJob<T>& job) {
  const int64_t blocks = job.blocks();
  FACTORISE_UNROLL_NONE for (;;) {
    const uint64_t task = warp.claim(job.next);
    if (task >= job.tasks()) return;
    const auto run = static_cast<int64_t>(task % job.runs), ordinal = static_cast<int64_t>(task / job.runs);
    SgdBlock<P, T, kRank, Cell, kTurned, kDecay>(warp, job, run, ordinal / blocks, ordinal % blocks).run();
  }
}

}  // namespace factorise::cuda
