#pragma once
// A as full-batch descent on a GPU reads it. A thread takes its cells in tiles of 16 steps: those of its chain in
// gather, 16 rows of its column in scatter. Bytes (src/cpu/gd/gd.h) are packed once a run in both orders, so that one
// read has a tile; other ratings are read where they lie, step by step.

#include "cuda/gd_job.h"

namespace factorise::cuda {

/// A rating of -127 to 127 is the byte that is 128 more; 0 is what is not observed, for which one instruction asks.
constexpr uint32_t kGdZero = 128;

/// 16 bytes that are read at once.
struct alignas(16) GdBytes {
  uint32_t words[4];
};

/// Numbers that are read at once.
template <class T>
struct alignas(16) GdNumbers {
  T numbers[kGdVector<T>];
};

/// The order of a pass: what a thread's steps are.
enum class GdOrder { gather, scatter };

/// Tiles of one thread, and threads in groups of a warp.
template <class T>
FACTORISE_HOST_DEVICE inline int64_t gd_tiles(const GdShape& shape, GdOrder order) {
  if (order == GdOrder::scatter) return shape.tiles(shape.rows);
  return shape.tiles((shape.columns + kGdLanes<T> - 1) / kGdLanes<T>);
}
template <class T>
FACTORISE_HOST_DEVICE inline int64_t gd_groups(const GdShape& shape, GdOrder order) {
  return order == GdOrder::scatter ? gd_strips(shape) : gd_row_groups<T>(shape);
}

/// A matrix that is to be packed, A or its transpose by strides.
template <class T>
struct GdMatrix {
  const T* values;
  const bool* observed;  ///< null: all are
  GdShape shape;
  int64_t row_stride, column_stride;
};

/// Units of 16 bytes of the packed matrix: [groups][tiles][lanes].
template <class T>
FACTORISE_HOST_DEVICE inline int64_t gd_units(const GdMatrix<T>& A, GdOrder order) {
  return gd_groups<T>(A.shape, order) * gd_tiles<T>(A.shape, order) * kWarpLanes;
}

/// The index-th of them; lowers `fits` where bytes cannot hold it.
template <class T>
FACTORISE_HOST_DEVICE inline GdBytes gd_packed(const GdMatrix<T>& A, GdOrder order, int64_t index, bool& fits) {
  const int64_t tiles = gd_tiles<T>(A.shape, order);
  const int lane = static_cast<int>(index % kWarpLanes);
  const int64_t tile = index / kWarpLanes % tiles, group = index / kWarpLanes / tiles;
  GdBytes packed{};
  for (int i = 0; i < kGdTile; ++i) {
    const int64_t step = tile * kGdTile + i;
    const bool scatter = order == GdOrder::scatter;
    const int64_t row = scatter ? step : group * kGdRows<T> + lane % kGdRows<T>;
    const int64_t column = scatter ? group * kWarpLanes + lane : step * kGdLanes<T> + lane / kGdRows<T>;
    const int64_t at = row * A.row_stride + column * A.column_stride;
    uint32_t byte = 0;
    if (row < A.shape.rows && column < A.shape.columns && (!A.observed || A.observed[at])) {
      const T value = A.values[at];
      const bool small = value >= -127 && value <= 127;
      const auto whole = static_cast<int8_t>(small ? value : T(0));
      fits = fits && small && static_cast<T>(whole) == value;
      byte = static_cast<uint8_t>(whole) ^ kGdZero;
    }
    packed.words[i / 4] |= byte << (8 * (i % 4));
  }
  return packed;
}

/// A byte as a number, without the unit that converts, which is slow: the byte becomes the last one of 2^23, or 2^52.
template <class T>
FACTORISE_DEVICE T gd_rating(uint32_t word, int i) {
  if constexpr (sizeof(T) == 4) {
#ifdef __CUDA_ARCH__
    const uint32_t bits = __byte_perm(word, 0x4B000000U, 0x7650U + static_cast<uint32_t>(i));
#else
    const uint32_t bits = 0x4B000000U | (word >> (8 * i) & 0xFFU);
#endif
    return std::bit_cast<float>(bits) - (8388608.0F + kGdZero);
  } else {
    const uint64_t bits = uint64_t{0x43300000U} << 32 | (word >> (8 * i) & 0xFFU);
    return std::bit_cast<double>(bits) - (4503599627370496.0 + kGdZero);
  }
}

/// The cells of one thread, tile by tile: begin(), then for each tile value() and observed() of its 16 steps, used(i)
/// once the i-th is not asked for any more, and next(). begin() may stand before what the factors have to be waited
/// for.
template <class P, class T, class Cell, GdOrder order>
class GdCells;

template <class P, class T, GdOrder order>
class GdCells<P, T, int8_t, order> {
 public:
  /// The first of `tiles` tiles of a group.
  FACTORISE_DEVICE void begin(P& warp, int lane, const GdJob<T>& job, int64_t group, int64_t tile, int tiles) {
    const std::byte* const all = order == GdOrder::scatter ? job.by_columns : job.by_rows;
    at_ = reinterpret_cast<const GdBytes*>(all) + (group * gd_tiles<T>(job.shape, order) + tile) * kWarpLanes + lane;
    left_ = tiles;
    next(warp, lane);
    next(warp, lane);
  }
  FACTORISE_DEVICE T value(int i) const { return gd_rating<T>(now_.words[i / 4], i % 4); }
  FACTORISE_DEVICE bool observed(int i) const { return (now_.words[i / 4] & 0xFFU << (8 * (i % 4))) != 0; }
  FACTORISE_DEVICE void used(P&, int, int) {}
  FACTORISE_DEVICE void next(P& warp, int lane) {
    now_ = next_;
    next_ = warp.read_ahead_if(lane, left_ > 0, at_, GdBytes{});
    --left_;
    at_ += kWarpLanes;
  }

 private:
  const GdBytes* at_;
  int left_;  // tiles that have not been read
  GdBytes now_, next_;
};

template <class P, class T, GdOrder order>
class GdCells<P, T, T, order> {
 public:
  FACTORISE_DEVICE void begin(P& warp, int lane, const GdJob<T>& job, int64_t group, int64_t tile, int /*tiles*/) {
    const bool scatter = order == GdOrder::scatter;
    const int64_t step = tile * kGdTile;
    const int64_t row = scatter ? step : group * kGdRows<T> + lane % kGdRows<T>;
    const int64_t column = scatter ? group * kWarpLanes + lane : step * kGdLanes<T> + lane / kGdRows<T>;
    columns_ = job.shape.columns;
    const bool inside = row < job.shape.rows && column < columns_;
    left_ = !inside   ? 0
            : scatter ? static_cast<int>(job.shape.rows - row)
                      : static_cast<int>((columns_ - column + kGdLanes<T> - 1) / kGdLanes<T>);
    value_at_ = job.values + row * columns_ + column;
    masked_ = job.observed != nullptr;
    // Without a mask it is not read, but moves.
    seen_at_ = masked_ ? job.observed + row * columns_ + column : reinterpret_cast<const bool*>(job.values);
    FACTORISE_UNROLL_ALL for (int i = 0; i < kGdTile; ++i) used(warp, lane, i);
    next(warp, lane);
  }
  FACTORISE_DEVICE T value(int i) const { return value_[i]; }
  FACTORISE_DEVICE bool observed(int i) const { return seen_[i]; }
  FACTORISE_DEVICE void used(P& warp, int lane, int i) {
    const bool inside = i < left_;
    value_[i] = warp.read_ahead_if(lane, inside, value_at_, T(0));
    seen_[i] = warp.read_ahead_if(lane, inside && masked_, seen_at_, inside && !masked_);
    const int64_t stride = order == GdOrder::scatter ? columns_ : kGdLanes<T>;
    value_at_ += stride;
    seen_at_ += stride;
  }
  FACTORISE_DEVICE void next(P&, int) { left_ -= kGdTile; }

 private:
  const T* value_at_;
  const bool* seen_at_;
  int64_t columns_;
  int left_;  // steps of the next tile and those behind it
  bool masked_;
  T value_[kGdTile];
  bool seen_[kGdTile];
};

}  // namespace factorise::cuda
