#pragma once
// The two passes of full-batch descent on a GPU, as one thread sees them. gather: a thread is one of the L chains of a
// row; its own factor is the row of X, at each step it meets the next column of its chain. scatter: a thread is a
// column; its own factor is that of Y, at each step it meets the next row. So both are one loop:
//   e = a;  for each k: e = fma(-own[k], met[k], e);  0 where not observed;  for each k: sums[k] = fma(e, met[k],
//   sums[k])
// A tile is 16 steps. With few warps on a processor nothing but the thread itself hides the time that memory takes, so
// what a step meets is read up to 16 steps ahead.

#include <cmath>

#include "cuda/gd_cells.h"

namespace factorise::cuda {

/// What the steps of a thread meet: rows of X for all threads alike, or columns of Y for each chain its own.
template <class P, class T, GdOrder order>
class GdMet {
 public:
  /// Numbers from one vector of a factor's row to the next, and from one of those that fill no vector.
  static constexpr int kVectors = order == GdOrder::scatter ? kGdVector<T> : kGdLanes<T> * kGdVector<T>;
  static constexpr int kRest = order == GdOrder::scatter ? 1 : kGdLanes<T>;

  /// factor: X or Y; step 0 is the first of `tile`.
  FACTORISE_DEVICE GdMet(int lane, const T* factor, int padded_rank, int64_t tile) {
    if (order == GdOrder::scatter) {
      stride_ = gd_x_stride<T>(padded_rank);
      vectors_ = rest_ = factor + tile * kGdTile * stride_;
    } else {
      const int chain = lane / kGdRows<T>;
      stride_ = kGdLanes<T> * padded_rank;
      rest_ = factor + tile * kGdTile * stride_ + chain;
      vectors_ = rest_ + chain * (kGdVector<T> - 1);
    }
  }
  /// The vector of numbers k, ... of the i-th step from here.
  FACTORISE_DEVICE GdNumbers<T> vector(P& warp, int lane, int i, int k) const {
    const T* from = vectors_ + i * stride_ + k / kGdVector<T> * kVectors;
    return warp.read_ahead(lane, reinterpret_cast<const GdNumbers<T>*>(from));
  }
  template <int kRank>
  FACTORISE_DEVICE void row(P& warp, int lane, int i, T (&to)[kRank]) const {
    constexpr int V = kGdVector<T>, whole = kRank / V * V;
    FACTORISE_UNROLL_ALL for (int k = 0; k < whole; k += V) {
      const GdNumbers<T> read = vector(warp, lane, i, k);
      FACTORISE_UNROLL_ALL for (int j = 0; j < V; ++j) to[k + j] = read.numbers[j];
    }
    FACTORISE_UNROLL_ALL for (int k = whole; k < kRank; ++k) to[k] =
        warp.read_ahead(lane, rest_ + i * stride_ + k * kRest);
  }
  FACTORISE_DEVICE void next_tile() {
    vectors_ += kGdTile * stride_;
    rest_ += kGdTile * stride_;
  }

 private:
  const T *vectors_, *rest_;
  int stride_;  // from step to step
};

/// How many steps ahead a thread reads so many numbers a step: as far as registers go, of which cells that are doubles
/// take many.
template <class T, class Cells>
constexpr int gd_steps_ahead(int numbers) {
  const int registers = sizeof(Cells) > 160 ? 40 : 80;
  int steps = kGdTile;
  while (steps > 1 && steps * numbers * static_cast<int>(sizeof(T) / 4) > registers) steps /= 2;
  return steps;
}

/// One thread's part of a pass, everything in registers. met: what the error is of; times: what it is multiplied by,
/// read only if kOther, where it is another.
template <bool kOther, bool kSquares, class P, class T, class Cells, class Met, int kRank>
FACTORISE_DEVICE void gd_pass(P& warp, int lane, Cells& cells, Met met, Met times, int tiles, const T (&own)[kRank],
                              T (&sums)[kRank], double& squares) {
  using std::fma;
  constexpr int kAhead = gd_steps_ahead<T, Cells>(kOther ? 2 * kRank : kRank);
  T ahead[kAhead][kRank], times_ahead[kOther ? kAhead : 1][kRank];
  FACTORISE_UNROLL_ALL for (int i = 0; i < kAhead; ++i) {
    met.row(warp, lane, i, ahead[i]);
    if constexpr (kOther) times.row(warp, lane, i, times_ahead[i]);
  }
  FACTORISE_UNROLL_NONE for (int tile = 0; tile < tiles; ++tile) {
    T square = 0;
    FACTORISE_UNROLL_ALL for (int i = 0; i < kGdTile; ++i) {
      T(&y)[kRank] = ahead[i % kAhead];
      T(&z)[kRank] = kOther ? times_ahead[kOther ? i % kAhead : 0] : y;
      T e = cells.value(i);
      FACTORISE_UNROLL_ALL for (int k = 0; k < kRank; ++k) e = fma(-own[k], y[k], e);
      e = cells.observed(i) ? e : T(0);
      cells.used(warp, lane, i);
      if constexpr (kSquares) square = fma(e, e, square);
      FACTORISE_UNROLL_ALL for (int k = 0; k < kRank; ++k) sums[k] = fma(e, z[k], sums[k]);
      met.row(warp, lane, i + kAhead, y);
      if constexpr (kOther) times.row(warp, lane, i + kAhead, z);
    }
    if constexpr (kSquares) squares += static_cast<double>(square);
    cells.next(warp, lane);
    met.next_tile();
    if constexpr (kOther) times.next_tile();
  }
}

/// The same for a rank of any length, a multiple of four: the errors of a tile wait in registers, while the rank is
/// gone through twice. own(k) and sum(k, add) give vectors of the numbers k, ... .
template <bool kSquares, class P, class T, class Cells, class Met, class Own, class Sum>
FACTORISE_DEVICE void gd_long_pass(P& warp, int lane, Cells& cells, Met met, Met times, int tiles, int rank, Own own,
                                   Sum sum, double& squares) {
  using std::fma;
  constexpr int V = kGdVector<T>;
  FACTORISE_UNROLL_NONE for (int tile = 0; tile < tiles; ++tile) {
    T e[kGdTile];
    FACTORISE_UNROLL_ALL for (int i = 0; i < kGdTile; ++i) e[i] = cells.value(i);
    FACTORISE_UNROLL_NONE for (int k = 0; k < rank; k += V) {
      const GdNumbers<T> x = own(k);
      FACTORISE_UNROLL_ALL for (int i = 0; i < kGdTile; ++i) {
        const GdNumbers<T> y = met.vector(warp, lane, i, k);
        FACTORISE_UNROLL_ALL for (int j = 0; j < V; ++j) e[i] = fma(-x.numbers[j], y.numbers[j], e[i]);
      }
    }
    T square = 0;
    FACTORISE_UNROLL_ALL for (int i = 0; i < kGdTile; ++i) {
      e[i] = cells.observed(i) ? e[i] : T(0);
      cells.used(warp, lane, i);
      if constexpr (kSquares) square = fma(e[i], e[i], square);
    }
    if constexpr (kSquares) squares += static_cast<double>(square);
    FACTORISE_UNROLL_NONE for (int k = 0; k < rank; k += V) {
      sum(k, [&](T(&s)[V]) {
        FACTORISE_UNROLL_ALL for (int i = 0; i < kGdTile; ++i) {
          const GdNumbers<T> y = times.vector(warp, lane, i, k);
          FACTORISE_UNROLL_ALL for (int j = 0; j < V; ++j) s[j] = fma(e[i], y.numbers[j], s[j]);
        }
      });
    }
    cells.next(warp, lane);
    met.next_tile();
    times.next_tile();
  }
}

/// The sum over the chains of each row, in halves, to its first lane.
template <class T, class P, class Lanes>
FACTORISE_DEVICE Lanes gd_fold(P& warp, Lanes value) {
  FACTORISE_UNROLL_ALL for (int half = kGdLanes<T> / 2; half > 0; half /= 2) {
    const Lanes other = warp.shift_down(value, half * kGdRows<T>);
    warp.each([&](int lane) { value[lane] += other[lane]; });
  }
  return value;
}

}  // namespace factorise::cuda
