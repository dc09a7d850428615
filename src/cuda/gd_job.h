#pragma once
// What full-batch descent on a GPU works on: one launch for several epochs, or for the loss and its gradients. The
// numeric contract is that of src/cpu/gd/gd.h, whose terms are used here: X belongs to A's rows, Y to its columns.
//
// An epoch is a list of phases, a phase one or two kinds of tasks, each of many items. Items are claimed in order from
// one counter, and counted by another when they are done. An item begins once all items of earlier phases are done.
// Those were claimed before it, by warps that are there; a warp may have claimed its next item already, but does what
// it has claimed in order. So the first item that is not done waits for no warp: any number of warps will do, and
// no launch has to be cooperative. An item writes what no other item of its phase reads or writes.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cuda/warp.h"

namespace factorise::cuda {

constexpr int kGdTile = 16;     ///< steps whose cells a thread has at once; the contract's tile
constexpr int kGdSegment = 64;  ///< tiles of a row that one item gathers: the contract's segment
template <class T>
constexpr int kGdLanes = static_cast<int>(64 / sizeof(T));  ///< chains of a row, the contract's L
template <class T>
constexpr int kGdRows = kWarpLanes / kGdLanes<T>;  ///< rows that a warp gathers
template <class T>
constexpr int kGdVector = static_cast<int>(16 / sizeof(T));  ///< numbers that a thread reads at once
constexpr int kGdElements = 4 * kWarpLanes;                  ///< numbers that an item advances

/// The rank with zeros behind it, for which there is a kernel: they change no bit of the others. Above kGdInRegisters
/// one kernel has all ranks.
constexpr int kGdInRegisters = 16;
constexpr int gd_padded_rank(int rank) {
  for (const int padded : {3, 5, 8, kGdInRegisters}) {
    if (rank <= padded) return padded;
  }
  return (rank + 3) / 4 * 4;
}

// ---- where a number of a factor lies

/// A row of X is read at once by all threads, in vectors as far as they go.
template <class T>
FACTORISE_HOST_DEVICE constexpr int gd_x_stride(int padded_rank) {
  return (padded_rank + kGdVector<T> - 1) / kGdVector<T> * kGdVector<T>;
}
template <class T>
FACTORISE_HOST_DEVICE constexpr int64_t gd_x_index(int padded_rank, int64_t row, int k) {
  return row * gd_x_stride<T>(padded_rank) + k;
}

/// A cell of L columns of Y is read by L threads: [rank / vector][L][vector], and what is left over as [...][L].
template <class T>
FACTORISE_HOST_DEVICE constexpr int64_t gd_y_index(int padded_rank, int64_t column, int k) {
  constexpr int L = kGdLanes<T>, V = kGdVector<T>;
  const int lane = static_cast<int>(column % L);
  const int within = k < padded_rank / V * V ? (k / V * L + lane) * V + k % V : k * L + lane;
  return column / L * L * padded_rank + within;
}

// ---- the work

enum class GdMethod : int32_t {
  masked,   ///< U += lr err V;  V += lr errᵀ U, with the new U and the old err
  squared,  ///< both steps at the old factors, of 2 lr
  norm,     ///< the same of lr / norm
  loss,     ///< no epoch: Σ err², and the gradients that are asked for
};

enum class GdTask : int32_t {
  none,
  gather,           ///< err Y, and err² where it is asked for, to X's parts: kGdRows rows, a segment
  gather_advance,   ///< err Y into the next X: kGdRows rows, where they are one segment
  scatter,          ///< errᵀ X to Y's direction: a column a lane
  scatter_advance,  ///< errᵀ X into the next Y: a column a lane
  sum,              ///< Σ err², and what follows from it, by one warp
  advance_rows,     ///< the next X from its parts: kGdElements numbers
  advance_columns,  ///< the next Y from its direction: kGdElements numbers
  scale_rows,       ///< the gradient by X, as scale_columns
  scale_columns,    ///< the gradient by Y: kGdElements numbers
};

struct GdPhase {
  GdTask tasks[2];
  uint32_t items[2];
};

/// What is to be done with what kind of matrix.
struct GdShape {
  int64_t rows, columns;  ///< of A, or of Aᵀ where it is turned
  int32_t rank;
  GdMethod method;
  bool columns_first;            ///< masked, and A turned: Y is U, whose new value the other step takes
  bool for_rows, for_columns;    ///< loss: the gradients that are asked for
  int32_t segment = kGdSegment;  ///< less only in tests

  FACTORISE_HOST_DEVICE int64_t tiles(int64_t steps) const { return (steps + kGdTile - 1) / kGdTile; }
};

template <class T>
struct GdJob {
  GdShape shape;
  int32_t padded_rank, segments;
  uint32_t epochs;
  double lr;
  bool norm;  ///< loss: of the norm, not of its square

  // A, in one of two forms
  const std::byte *by_rows, *by_columns;  ///< bytes in the order of gather and of scatter (gd_cells.h), or null
  const T* values;                        ///< else rows x columns, contiguous
  const bool* observed;                   ///< beside values; null where all are

  T *X[2], *Y[2];   ///< epoch e reads X[e % 2] and writes the other, zero beyond the last row, column and rank
  T* parts;         ///< of X's direction, [segments][rows][padded rank]
  T* direction;     ///< of Y, as it lies
  double* squares;  ///< Σ err² [rows][segments]
  T* factor;        ///< what directions are multiplied by, once Σ err² is known

  // results of the method loss
  T *loss, *by_X, *by_Y;  ///< a number, rows x rank, columns x rank
  double* exact_loss;     ///< in place of `loss`, where it is not null

  uint64_t* next;      ///< the item to be claimed
  uint32_t* done;      ///< items that are done
  uint32_t* diverged;  ///< the first epoch, from 1, after which a factor was not finite

  GdPhase phases[3];
  int32_t num_phases;
  uint32_t items_per_epoch;
};

template <class T>
FACTORISE_HOST_DEVICE inline int64_t gd_row_groups(const GdShape& shape) {
  return (shape.rows + kGdRows<T> - 1) / kGdRows<T>;
}
FACTORISE_HOST_DEVICE inline int64_t gd_strips(const GdShape& shape) {
  return (shape.columns + kWarpLanes - 1) / kWarpLanes;
}

/// Rows of X and columns of Y for which there is room: whole tiles, and one more for threads that read ahead.
template <class T>
FACTORISE_HOST_DEVICE inline int64_t gd_x_rows(const GdShape& shape) {
  return (shape.tiles(shape.rows) + 1) * kGdTile;
}
template <class T>
FACTORISE_HOST_DEVICE inline int64_t gd_y_columns(const GdShape& shape) {
  return (shape.tiles((shape.columns + kGdLanes<T> - 1) / kGdLanes<T>) + 1) * kGdTile * kGdLanes<T>;
}

/// The most epochs that one launch counts.
template <class T>
int64_t gd_most_epochs(const GdJob<T>& job) {
  return std::max<int64_t>((int64_t{1} << 31) / job.items_per_epoch, 1);
}

namespace gd {

inline uint32_t items_of(int64_t numbers, int64_t of_item) {
  return static_cast<uint32_t>((numbers + of_item - 1) / of_item);
}

/// Fills in the phases of an epoch.
template <class T>
void plan(GdJob<T>& job) {
  const GdShape& shape = job.shape;
  const auto gathers = static_cast<uint32_t>(gd_row_groups<T>(shape) * job.segments);
  const auto scatters = static_cast<uint32_t>(gd_strips(shape));
  const bool parts = job.segments > 1;
  const GdPhase gather = {{parts ? GdTask::gather : GdTask::gather_advance}, {gathers}};
  const GdPhase advance = {{GdTask::advance_rows}, {items_of(shape.rows * job.padded_rank, kGdElements)}};
  const GdPhase scatter = {{GdTask::scatter_advance}, {scatters}};
  const auto add = [&](const GdPhase& phase) { job.phases[job.num_phases++] = phase; };
  job.num_phases = 0;
  switch (shape.method) {
    case GdMethod::masked:
      if (shape.columns_first) add(scatter);
      add(gather);
      if (parts) add(advance);
      if (!shape.columns_first) add(scatter);
      break;
    case GdMethod::squared:
      // The longer items first, so that the last to be done are short.
      add({{scatter.tasks[0], gather.tasks[0]}, {scatters, gathers}});
      if (parts) add(advance);
      break;
    case GdMethod::norm: {
      add({{GdTask::scatter, GdTask::gather}, {scatters, gathers}});
      add({{GdTask::sum}, {1}});
      const int64_t columns = scatters * int64_t{kWarpLanes} * job.padded_rank;
      add({{GdTask::advance_columns, advance.tasks[0]}, {items_of(columns, kGdElements), advance.items[0]}});
      break;
    }
    case GdMethod::loss: {
      add({{GdTask::scatter, GdTask::gather}, {shape.for_columns ? scatters : 0, gathers}});
      add({{GdTask::sum}, {1}});
      const uint32_t columns = shape.for_columns ? items_of(shape.columns * shape.rank, kGdElements) : 0;
      const uint32_t rows = shape.for_rows ? items_of(shape.rows * shape.rank, kGdElements) : 0;
      if (columns + rows) add({{GdTask::scale_columns, GdTask::scale_rows}, {columns, rows}});
      break;
    }
  }
  job.items_per_epoch = 0;
  for (int i = 0; i < job.num_phases; ++i) job.items_per_epoch += job.phases[i].items[0] + job.phases[i].items[1];
}

}  // namespace gd

/// A job but for A and its results. `workspace` (null: to ask for its size) is aligned to 256 bytes; what it holds at
/// first is written by gd_prepare().
template <class T>
GdJob<T> gd_job(const GdShape& shape, double lr, uint32_t epochs, std::byte* workspace, int64_t* bytes) {
  GdJob<T> job{};
  job.shape = shape;
  job.lr = lr;
  job.epochs = epochs;
  job.padded_rank = gd_padded_rank(shape.rank);
  const int64_t cells = (shape.columns + kGdLanes<T> - 1) / kGdLanes<T>;
  job.segments = static_cast<int32_t>((shape.tiles(cells) + shape.segment - 1) / shape.segment);
  gd::plan(job);
  int64_t used = 0;
  const auto take = [&]<class S>(S*& part, int64_t count) {
    part = workspace == nullptr ? nullptr : reinterpret_cast<S*>(workspace + used);
    used += (count * static_cast<int64_t>(sizeof(S)) + 255) / 256 * 256;
  };
  const bool sums = shape.method == GdMethod::norm || shape.method == GdMethod::loss;
  take(job.next, 1);
  take(job.done, 1);
  take(job.diverged, 1);
  take(job.factor, 1);
  for (T*& X : job.X) take(X, gd_x_rows<T>(shape) * gd_x_stride<T>(job.padded_rank));
  for (T*& Y : job.Y) take(Y, gd_y_columns<T>(shape) * job.padded_rank);
  take(job.parts, sums || job.segments > 1 ? shape.rows * job.segments * job.padded_rank : 0);
  take(job.direction, sums ? gd_y_columns<T>(shape) * job.padded_rank : 0);
  take(job.squares, sums ? shape.rows * job.segments : 0);
  *bytes = used;
  return job;
}

// ---- what a launch needs

constexpr int kGdSummed = 8 * kWarpLanes;  ///< squares that are read at once

/// Bytes of shared memory that a warp needs: the sums of a rank that registers do not hold, or squares.
template <class T>
constexpr int64_t gd_shared_bytes(int padded_rank) {
  const int64_t squares = kGdSummed * 8;
  const int64_t sums = int64_t{padded_rank} * kWarpLanes * static_cast<int64_t>(sizeof(T));
  return padded_rank <= kGdInRegisters || sums < squares ? squares : sums;
}

/// What a kernel is compiled for. Cell: int8_t where A is bytes, else T. kRank: the padded rank, or 0 where it is above
/// kGdInRegisters.
template <class T_, class Cell_, int kRank_>
struct GdInstance {
  using T = T_;
  using Cell = Cell_;
  static constexpr int kRank = kRank_;
};
template <class T, class Cell, class F>
void with_gd_rank(int padded_rank, F f) {
  switch (padded_rank) {
    case 3:
      return f(GdInstance<T, Cell, 3>());
    case 5:
      return f(GdInstance<T, Cell, 5>());
    case 8:
      return f(GdInstance<T, Cell, 8>());
    case 16:
      return f(GdInstance<T, Cell, 16>());
    default:
      return f(GdInstance<T, Cell, 0>());
  }
}
/// Calls f with the job's instance.
template <class T, class F>
void with_gd_instance(const GdJob<T>& job, F f) {
  if (job.by_rows)
    with_gd_rank<T, int8_t>(job.padded_rank, f);
  else
    with_gd_rank<T, T>(job.padded_rank, f);
}

// ---- before and after a launch: one element a call

/// Elements that gd_prepare() writes.
template <class T>
FACTORISE_HOST_DEVICE inline int64_t gd_elements_to_prepare(const GdJob<T>& job) {
  const int64_t x = gd_x_rows<T>(job.shape) * gd_x_stride<T>(job.padded_rank);
  const int64_t y = gd_y_columns<T>(job.shape) * job.padded_rank;
  return x + y;
}

/// Writes the index-th number of X or Y in both buffers, from factors that are contiguous, and with the first one the
/// counters.
template <class T>
FACTORISE_HOST_DEVICE inline void gd_prepare(const GdJob<T>& job, const T* X, const T* Y, int64_t index) {
  if (index == 0) {
    *job.next = 0;
    *job.done = 0;
    *job.diverged = kNeverDiverged;
  }
  const int padded = job.padded_rank, rank = job.shape.rank, stride = gd_x_stride<T>(padded);
  const int64_t x = gd_x_rows<T>(job.shape) * stride;
  if (index < x) {
    const int64_t row = index / stride;
    const int k = static_cast<int>(index % stride);
    job.X[0][index] = row < job.shape.rows && k < rank ? X[row * rank + k] : T(0);
    job.X[1][index] = T(0);
    return;
  }
  constexpr int L = kGdLanes<T>, V = kGdVector<T>;
  index -= x;
  const int within = static_cast<int>(index % (L * padded)), whole = padded / V * V * L;
  const int lane = within < whole ? within / V % L : within % L;
  const int k = within < whole ? within / (V * L) * V + within % V : within / L;
  const int64_t column = index / (L * padded) * L + lane;
  job.Y[0][index] = column < job.shape.columns && k < rank ? Y[column * rank + k] : T(0);
  job.Y[1][index] = T(0);
}

/// The index-th number of X, then of Y, after all epochs, to factors that are contiguous; with the first one the epoch
/// at which they diverged, or 0. `before`: epochs of launches before this one.
template <class T>
FACTORISE_HOST_DEVICE inline void gd_finish(const GdJob<T>& job, T* X, T* Y, int64_t* diverged, int64_t before,
                                            int64_t index) {
  if (index == 0 && (before == 0 || *diverged == 0)) {
    *diverged = *job.diverged == kNeverDiverged ? 0 : before + *job.diverged;
  }
  const int rank = job.shape.rank;
  const int64_t x = job.shape.rows * rank;
  const int newest = static_cast<int>(job.epochs % 2);
  if (index < x) {
    X[index] = job.X[newest][gd_x_index<T>(job.padded_rank, index / rank, static_cast<int>(index % rank))];
  } else {
    index -= x;
    Y[index] = job.Y[newest][gd_y_index<T>(job.padded_rank, index / rank, static_cast<int>(index % rank))];
  }
}

}  // namespace factorise::cuda
