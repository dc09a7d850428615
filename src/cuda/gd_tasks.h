#pragma once
// The items of full-batch descent, as one warp does them, and the order in which warps take them (gd_job.h).

#include "cuda/gd_passes.h"

namespace factorise::cuda {

/// Cell: int8_t where A is bytes, else T. kRank: the padded rank, or 0 where it is above kGdInRegisters.
template <class P, class T, class Cell, int kRank>
class GdWarp {
 public:
  FACTORISE_DEVICE GdWarp(P& warp, const GdJob<T>& job) : warp_(warp), job_(job), shape_(job.shape) {}

  /// Takes items until there are none. The next is claimed, and the word of divergence looked at, while there is still
  /// something to do.
  FACTORISE_DEVICE void run() {
    const uint64_t items = uint64_t{job_.epochs} * job_.items_per_epoch;
    auto claimed = warp_.begin_claim(job_.next);
    FACTORISE_UNROLL_NONE for (;;) {
      const uint64_t item = warp_.first(claimed);
      if (item >= items) return;
      claimed = warp_.begin_claim(job_.next);
      diverged_ = warp_.begin_peek(job_.diverged);
      take(static_cast<uint32_t>(item));
      warp_.announce(job_.done);
    }
  }

 private:
  static constexpr int kInRegisters = kRank == 0 ? 1 : kRank;
  template <class S>
  using PerLane = typename P::template PerLane<S>;
  template <GdOrder order>
  using Cells = GdCells<P, T, Cell, order>;
  template <GdOrder order>
  using Met = GdMet<P, T, order>;

  /// A thread's numbers.
  struct Lane {
    T own[kInRegisters], sums[kInRegisters];
    double squares;
  };
  struct Fetched {
    double squares[kGdSummed / kWarpLanes];
  };

  FACTORISE_DEVICE int padded_rank() const { return kRank == 0 ? job_.padded_rank : kRank; }
  FACTORISE_DEVICE const T* X() const { return epoch_ % 2 ? job_.X[1] : job_.X[0]; }
  FACTORISE_DEVICE const T* Y() const { return epoch_ % 2 ? job_.Y[1] : job_.Y[0]; }
  FACTORISE_DEVICE T* next_X() const { return epoch_ % 2 ? job_.X[0] : job_.X[1]; }
  FACTORISE_DEVICE T* next_Y() const { return epoch_ % 2 ? job_.Y[0] : job_.Y[1]; }

  FACTORISE_DEVICE void take(uint32_t item) {
    epoch_ = item / job_.items_per_epoch;
    const uint32_t begin = epoch_ * job_.items_per_epoch;
    uint32_t within = item - begin;
    before_ = begin;
    int phase = 0;
    FACTORISE_UNROLL_NONE for (; phase + 1 < job_.num_phases; ++phase) {
      const uint32_t of_phase = job_.phases[phase].items[0] + job_.phases[phase].items[1];
      if (within < of_phase) break;
      within -= of_phase;
      before_ += of_phase;
    }
    const bool second = within >= job_.phases[phase].items[0];
    run_task(job_.phases[phase].tasks[second], second ? within - job_.phases[phase].items[0] : within);
  }

  FACTORISE_DEVICE void run_task(GdTask task, int64_t item) {
    const bool squares = shape_.method == GdMethod::norm || shape_.method == GdMethod::loss;
    const bool other = shape_.method == GdMethod::masked;
    switch (task) {
      case GdTask::gather:
      case GdTask::gather_advance:
        if (squares)
          gather<false, true>(item, task);
        else if (other && shape_.columns_first)
          gather<true, false>(item, task);
        else
          gather<false, false>(item, task);
        break;
      case GdTask::scatter:
      case GdTask::scatter_advance:
        if (other && !shape_.columns_first)
          scatter<true>(item, task);
        else
          scatter<false>(item, task);
        break;
      case GdTask::sum:
        sum();
        break;
      case GdTask::advance_rows:
        advance_rows(item);
        break;
      case GdTask::advance_columns:
        advance_columns(item);
        break;
      case GdTask::scale_rows:
        scale_rows(item);
        break;
      case GdTask::scale_columns:
        scale_columns(item);
        break;
      case GdTask::none:
        break;
    }
  }

  /// Waits for the phases before this one. False where the factors have diverged in an epoch before: then there is
  /// nothing to do but to say that it is done.
  FACTORISE_DEVICE bool ready() {
    warp_.await(job_.done, before_);
    return warp_.first(diverged_) > epoch_;
  }

  // ---- the passes

  template <bool kOther, bool kSquares>
  FACTORISE_DEVICE void gather(int64_t item, GdTask task) {
    const int64_t groups = gd_row_groups<T>(shape_), group = item % groups, segment = item / groups;
    const int64_t first = segment * shape_.segment, all = gd_tiles<T>(shape_, GdOrder::gather);
    const int tiles = static_cast<int>(first + shape_.segment < all ? shape_.segment : all - first);
    PerLane<Cells<GdOrder::gather>> cells;
    warp_.each([&](int lane) { cells[lane].begin(warp_, lane, job_, group, first, tiles); });
    if (!ready()) return;
    PerLane<Lane> lanes;
    warp_.each([&](int lane) {
      const Met<GdOrder::gather> met(lane, Y(), padded_rank(), first);
      const Met<GdOrder::gather> times(lane, kOther ? next_Y() : Y(), padded_rank(), first);
      const int64_t row = group * kGdRows<T> + lane % kGdRows<T>;
      const T* own = X() + gd_x_index<T>(padded_rank(), row, 0);
      pass<kOther, kSquares>(lane, lanes[lane], cells[lane], met, times, tiles, [=](int k) { return own + k; });
    });
    const auto mine = [&](int lane) { return lane < kGdRows<T> && group * kGdRows<T> + lane < shape_.rows; };
    if constexpr (kSquares) {
      PerLane<double> squares;
      warp_.each([&](int lane) { squares[lane] = lanes[lane].squares; });
      squares = gd_fold<T>(warp_, squares);
      warp_.each([&](int lane) {
        if (!mine(lane)) return;
        const int64_t row = group * kGdRows<T> + lane;
        warp_.write(lane, job_.squares + row * job_.segments + segment, squares[lane]);
      });
    }
    const T c = step();
    PerLane<bool> finite;
    warp_.each([&](int lane) { finite[lane] = true; });
    for_each_k([&](int k) {
      PerLane<T> direction;
      warp_.each([&](int lane) { direction[lane] = sum_of(lane, lanes[lane], k); });
      direction = gd_fold<T>(warp_, direction);
      warp_.each([&](int lane) {
        if (!mine(lane)) return;
        const int64_t row = group * kGdRows<T> + lane;
        if (task == GdTask::gather) {
          warp_.write(lane, job_.parts + (segment * shape_.rows + row) * padded_rank() + k, direction[lane]);
        } else {
          advance(lane, c, direction[lane], X(), next_X(), gd_x_index<T>(padded_rank(), row, k), finite[lane]);
        }
      });
    });
    check(finite);
  }

  template <bool kOther>
  FACTORISE_DEVICE void scatter(int64_t strip, GdTask task) {
    const int tiles = static_cast<int>(gd_tiles<T>(shape_, GdOrder::scatter));
    PerLane<Cells<GdOrder::scatter>> cells;
    warp_.each([&](int lane) { cells[lane].begin(warp_, lane, job_, strip, 0, tiles); });
    if (!ready()) return;
    PerLane<Lane> lanes;
    warp_.each([&](int lane) {
      const Met<GdOrder::scatter> met(lane, X(), padded_rank(), 0);
      const Met<GdOrder::scatter> times(lane, kOther ? next_X() : X(), padded_rank(), 0);
      const int64_t column = strip * kWarpLanes + lane;
      const T* Y_now = Y();
      pass<kOther, false>(lane, lanes[lane], cells[lane], met, times, tiles,
                          [=, this](int k) { return Y_now + gd_y_index<T>(padded_rank(), column, k); });
    });
    const T c = step();
    PerLane<bool> finite;
    warp_.each([&](int lane) { finite[lane] = true; });
    for_each_k([&](int k) {
      warp_.each([&](int lane) {
        const int64_t at = gd_y_index<T>(padded_rank(), strip * kWarpLanes + lane, k);
        const T direction = sum_of(lane, lanes[lane], k);
        if (task == GdTask::scatter)
          warp_.write(lane, job_.direction + at, direction);
        else
          advance(lane, c, direction, Y(), next_Y(), at, finite[lane]);
      });
    });
    check(finite);
  }

  /// own(k): where the k-th number of the thread's own factor is.
  template <bool kOther, bool kSquares, GdOrder order, class Own>
  FACTORISE_DEVICE void pass(int lane, Lane& numbers, Cells<order>& cells, const Met<order>& met,
                             const Met<order>& times, int tiles, Own own) {
    numbers.squares = 0;
    if constexpr (kRank != 0) {
      FACTORISE_UNROLL_ALL for (int k = 0; k < kRank; ++k) {
        numbers.own[k] = warp_.read(lane, own(k));
        numbers.sums[k] = T(0);
      }
      gd_pass<kOther, kSquares>(warp_, lane, cells, met, times, tiles, numbers.own, numbers.sums, numbers.squares);
    } else {
      FACTORISE_UNROLL_NONE for (int k = 0; k < padded_rank(); ++k) set_sum(lane, k, T(0));
      gd_long_pass<kSquares, P, T>(
          warp_, lane, cells, met, times, tiles, padded_rank(),
          [&](int k) { return warp_.read(lane, reinterpret_cast<const GdNumbers<T>*>(own(k))); },
          [&](int k, auto add) {
            T s[kGdVector<T>];
            FACTORISE_UNROLL_ALL for (int j = 0; j < kGdVector<T>; ++j) s[j] = sum_of(lane, numbers, k + j);
            add(s);
            FACTORISE_UNROLL_ALL for (int j = 0; j < kGdVector<T>; ++j) set_sum(lane, k + j, s[j]);
          },
          numbers.squares);
    }
  }

  FACTORISE_DEVICE T sum_of(int lane, const Lane& numbers, int k) {
    if constexpr (kRank != 0)
      return numbers.sums[k];
    else
      return warp_.template shared<T>(0).get(lane, k * kWarpLanes + lane);
  }
  FACTORISE_DEVICE void set_sum(int lane, int k, T value) {
    warp_.template shared<T>(0).set(lane, k * kWarpLanes + lane, value);
  }
  template <class F>
  FACTORISE_DEVICE void for_each_k(F f) {
    if constexpr (kRank != 0) {
      FACTORISE_UNROLL_ALL for (int k = 0; k < kRank; ++k) f(k);
    } else {
      FACTORISE_UNROLL_NONE for (int k = 0; k < padded_rank(); ++k) f(k);
    }
  }

  // ---- the step

  /// What directions are multiplied by, where that does not depend on the factors.
  FACTORISE_DEVICE T step() const { return static_cast<T>(shape_.method == GdMethod::squared ? 2 * job_.lr : job_.lr); }
  FACTORISE_DEVICE void advance(int lane, T c, T direction, const T* from, T* to, int64_t at, bool& finite) {
    using std::fma;
    const T next = fma(c, direction, warp_.read(lane, from + at));
    warp_.write(lane, to + at, next);
    finite = finite && is_finite(next);
  }
  FACTORISE_DEVICE void check(const PerLane<bool>& finite) {
    if (!warp_.all(finite)) warp_.lower(job_.diverged, epoch_ + 1);
  }

  /// Σ err² in the contract's order, and the number that follows from it. The adds are one chain, so what counts is
  /// that the numbers are there: each lane fetches some, while all add what was fetched before.
  FACTORISE_DEVICE void sum() {
    if (!ready()) return;
    const auto shared = warp_.template shared<double>(0);
    const int64_t count = shape_.rows * job_.segments;
    PerLane<double> squared;
    PerLane<Fetched> fetched;
    const auto fetch = [&](int lane, int64_t begin) {
      FACTORISE_UNROLL_ALL for (int j = 0; j < kGdSummed / kWarpLanes; ++j) {
        const int64_t i = begin + j * kWarpLanes + lane;
        fetched[lane].squares[j] = i < count ? warp_.read(lane, job_.squares + i) : 0;
      }
    };
    warp_.each([&](int lane) {
      squared[lane] = 0;
      fetch(lane, 0);
    });
    FACTORISE_UNROLL_NONE for (int64_t begin = 0; begin < count; begin += kGdSummed) {
      warp_.each([&](int lane) {
        FACTORISE_UNROLL_ALL for (int j = 0; j < kGdSummed / kWarpLanes; ++j)
            shared.set(lane, j * kWarpLanes + lane, fetched[lane].squares[j]);
        fetch(lane, begin + kGdSummed);
      });
      warp_.sync();
      warp_.each([&](int lane) {
        FACTORISE_UNROLL_EIGHT for (int i = 0; i < kGdSummed; ++i) squared[lane] += shared.get(lane, i);
      });
      warp_.sync();
    }
    warp_.each([&](int lane) {
      if (lane == 0) conclude(lane, squared[lane]);
    });
  }

  FACTORISE_DEVICE void conclude(int lane, double squared) {
    using std::sqrt;
    const bool descends = shape_.method == GdMethod::norm, norm = descends || job_.norm;
    const double value = norm ? sqrt(squared) : squared;
    double factor = -2;  // of the gradient: the directions are err Y and errᵀ X
    if (descends)
      factor = value > 0 ? job_.lr / value : 0;
    else if (norm)
      factor = value > 0 ? -1 / value : 0;
    warp_.write(lane, job_.factor, static_cast<T>(factor));
    if (descends) return;
    if (job_.exact_loss)
      warp_.write(lane, job_.exact_loss, value);
    else
      warp_.write(lane, job_.loss, static_cast<T>(value));
  }

  /// Calls f(lane, i) for the numbers i of an item of `count`.
  template <class F>
  FACTORISE_DEVICE void for_each_number(int64_t item, int64_t count, F f) {
    warp_.each([&](int lane) {
      FACTORISE_UNROLL_ALL for (int j = 0; j < kGdElements / kWarpLanes; ++j) {
        const int64_t i = item * kGdElements + j * kWarpLanes + lane;
        if (i < count) f(lane, i);
      }
    });
  }

  /// The i-th number of X's direction: its segments in order.
  FACTORISE_DEVICE T direction_of_row(int lane, int64_t row, int k) {
    const T* part = job_.parts + row * padded_rank() + k;
    const int64_t stride = shape_.rows * padded_rank();
    T direction = warp_.read(lane, part);
    FACTORISE_UNROLL_EIGHT for (int s = 1; s < job_.segments; ++s) direction += warp_.read(lane, part + s * stride);
    return direction;
  }

  FACTORISE_DEVICE void advance_rows(int64_t item) {
    if (!ready()) return;
    PerLane<bool> finite;
    warp_.each([&](int lane) { finite[lane] = true; });
    for_each_number(item, shape_.rows * padded_rank(), [&](int lane, int64_t i) {
      const T c = shape_.method == GdMethod::norm ? warp_.read(lane, job_.factor) : step();
      const int64_t row = i / padded_rank();
      const int k = static_cast<int>(i - row * padded_rank());
      const T direction = direction_of_row(lane, row, k);
      advance(lane, c, direction, X(), next_X(), gd_x_index<T>(padded_rank(), row, k), finite[lane]);
    });
    check(finite);
  }

  FACTORISE_DEVICE void advance_columns(int64_t item) {
    if (!ready()) return;
    PerLane<bool> finite;
    warp_.each([&](int lane) { finite[lane] = true; });
    for_each_number(item, gd_strips(shape_) * kWarpLanes * padded_rank(), [&](int lane, int64_t i) {
      const T c = warp_.read(lane, job_.factor), direction = warp_.read(lane, job_.direction + i);
      advance(lane, c, direction, Y(), next_Y(), i, finite[lane]);
    });
    check(finite);
  }

  FACTORISE_DEVICE void scale_rows(int64_t item) {
    if (!ready()) return;
    for_each_number(item, shape_.rows * shape_.rank, [&](int lane, int64_t i) {
      const int64_t row = i / shape_.rank;
      const T direction = direction_of_row(lane, row, static_cast<int>(i - row * shape_.rank));
      warp_.write(lane, job_.by_X + i, warp_.read(lane, job_.factor) * direction);
    });
  }

  FACTORISE_DEVICE void scale_columns(int64_t item) {
    if (!ready()) return;
    for_each_number(item, shape_.columns * shape_.rank, [&](int lane, int64_t i) {
      const int64_t column = i / shape_.rank;
      const int64_t at = gd_y_index<T>(padded_rank(), column, static_cast<int>(i - column * shape_.rank));
      warp_.write(lane, job_.by_Y + i, warp_.read(lane, job_.factor) * warp_.read(lane, job_.direction + at));
    });
  }

  P& warp_;
  const GdJob<T>& job_;
  const GdShape& shape_;
  uint32_t epoch_ = 0, before_ = 0;  // of the item; before: items of earlier phases
  PerLane<uint32_t> diverged_;
};

}  // namespace factorise::cuda
