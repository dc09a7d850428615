// Full-batch descent on vectors: the contract of gd.h, for every instruction set that Highway has. A few rows and a few
// vectors of columns are worked on at a time, so that a loaded number is used several times, and the multiply-adds, not
// the loads, limit the speed.

#include "cpu/gd/gd.h"

#include <algorithm>

#include "cpu/highway.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gd/gd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace factorise::cpu::HWY_NAMESPACE {
#if FACTORISE_HAS_VECTORS
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// A cell is the widest vector: wider ones than 64 bytes are used in part.
template <class T>
using Vectors = hn::CappedTag<T, 64 / sizeof(T)>;
template <class T>
using Vector = hn::Vec<Vectors<T>>;
template <class T>
HWY_INLINE constexpr int lanes() {
  return static_cast<int>(hn::MaxLanes(Vectors<T>()));
}
/// Vectors in a cell.
template <class T>
HWY_INLINE constexpr int parts() {
  return static_cast<int>(kLanes<T>) / lanes<T>();
}

// Sizes that fit the registers: errors of kRows x kCells cells, sums of kRows x kRanks, and the operands.
#if HWY_TARGET == HWY_AVX2
constexpr int kRows = 4, kCells = 1, kSumRows = 4, kSumRanks = 3;  // 16 registers
#elif HWY_TARGET == HWY_NEON
constexpr int kRows = 4, kCells = 1, kSumRows = 4, kSumRanks = 5;  // 32, a quarter of a cell each
#else
constexpr int kRows = 8, kCells = 2, kSumRows = 4, kSumRanks = 6;  // 32
#endif

enum class Form { values, masked, bytes };

/// One block's rows of A, from a given column on. Rows beyond the last repeat it; `live` is the number of real rows.
template <class T>
struct Rows {
  const T* values[kBlockRows];
  const bool* observed[kBlockRows];
  const int8_t* bytes[kBlockRows];
  int live;
};

template <Form form, class T>
Rows<T> rows_of(const GdRatings<T>& A, int64_t block) {
  Rows<T> rows;
  rows.live = static_cast<int>(std::min(kBlockRows, A.rows - block * kBlockRows));
  for (int64_t h = 0; h < kBlockRows; ++h) {
    const int64_t at = std::min(block * kBlockRows + h, A.rows - 1) * A.stride;
    if constexpr (form == Form::bytes) rows.bytes[h] = A.bytes + at;
    if constexpr (form != Form::bytes) rows.values[h] = A.values + at;
    if constexpr (form == Form::masked) rows.observed[h] = A.observed + at;
  }
  return rows;
}

/// The last cell of a row, filled up where A's columns do not fill it.
template <Form form, class T>
struct Ragged {
  T values[kBlockRows][kLanes<T>] = {};
  bool observed[kBlockRows][kLanes<T>] = {};
  int8_t bytes[kBlockRows][kLanes<T>];
  Rows<T> rows;

  Ragged(const Rows<T>& from, int64_t at, int64_t columns) {
    rows.live = from.live;
    for (int64_t h = 0; h < kBlockRows; ++h) {
      if constexpr (form == Form::bytes) std::fill_n(bytes[h], kLanes<T>, kMissing);
      if constexpr (form == Form::bytes) std::copy_n(from.bytes[h] + at, columns, bytes[h]);
      if constexpr (form != Form::bytes) std::copy_n(from.values[h] + at, columns, values[h]);
      if constexpr (form == Form::masked) std::copy_n(from.observed[h] + at, columns, observed[h]);
      rows.values[h] = values[h];
      rows.observed[h] = observed[h];
      rows.bytes[h] = bytes[h];
    }
  }
};

template <class T>
HWY_INLINE Vector<T> small_integers(const int8_t* bytes) {
  const Vectors<T> d;
  const hn::Rebind<int32_t, decltype(d)> d32;
  const auto wide = hn::PromoteTo(d32, hn::LoadU(hn::Rebind<int8_t, decltype(d)>(), bytes));
  if constexpr (sizeof(T) == 4) {
    return hn::ConvertTo(d, wide);
  } else {
    return hn::PromoteTo(d, wide);
  }
}

template <Form form, class T>
HWY_INLINE Vector<T> ratings(const Rows<T>& rows, int h, int64_t at) {
  if constexpr (form == Form::bytes) {
    return small_integers<T>(rows.bytes[h] + at);
  } else {
    return hn::LoadU(Vectors<T>(), rows.values[h] + at);
  }
}

/// e, and 0 where the rating is not observed.
template <Form form, class T>
HWY_INLINE Vector<T> observed_only(const Rows<T>& rows, int h, int64_t at, Vector<T> e) {
  const Vectors<T> d;
  if constexpr (form == Form::bytes) {
    const auto a = small_integers<T>(rows.bytes[h] + at);
    return hn::IfThenElseZero(hn::Ne(a, hn::Set(d, static_cast<T>(kMissing))), e);
  } else if constexpr (form == Form::masked) {
    const auto seen = small_integers<T>(reinterpret_cast<const int8_t*>(rows.observed[h] + at));
    return hn::IfThenElseZero(hn::Ne(seen, hn::Zero(d)), e);
  } else {
    return e;
  }
}

/// e = A - X Yᵀ for the rows h0 .. of the block and some cells from column `at` on. x is the block's group of X from
/// row h0 on, y the first cell's group of Y.
template <Form form, int cells, class T>
HWY_INLINE void residual(const Rows<T>& rows, int h0, int64_t at, int64_t rank, const T* HWY_RESTRICT x,
                         const T* HWY_RESTRICT y, Vector<T> (&e)[kRows][cells * parts<T>()]) {
  constexpr int N = lanes<T>(), G = parts<T>();
  const Vectors<T> d;
  for (int h = 0; h < kRows; ++h) {
    for (int i = 0; i < cells * G; ++i) e[h][i] = ratings<form>(rows, h0 + h, at + i * N);
  }
  for (int64_t k = 0; k < rank; ++k, x += kBlockRows, y += kLanes<T>) {
    Vector<T> factor[cells * G];
    for (int i = 0; i < cells * G; ++i) factor[i] = hn::Load(d, y + i / G * rank * kLanes<T> + i % G * N);
    for (int h = 0; h < kRows; ++h) {
      const auto row = hn::Set(d, x[h]);
      for (int i = 0; i < cells * G; ++i) e[h][i] = hn::NegMulAdd(row, factor[i], e[h][i]);
    }
  }
  for (int h = 0; h < kRows; ++h) {
    for (int i = 0; i < cells * G; ++i) e[h][i] = observed_only<form>(rows, h0 + h, at + i * N, e[h][i]);
  }
  if (rows.live == kBlockRows) return;
  for (int h = 0; h < kRows; ++h) {
    for (int i = 0; i < cells * G; ++i) e[h][i] = h0 + h < rows.live ? e[h][i] : hn::Zero(d);
  }
}

// ---- gather

/// The errors of a block over a tile of cells.
template <class T>
using Tile = T[kBlockRows][kTileCells * kLanes<T>];

/// Errors of one or two cells into the tile, from its cell `cell` on; `at` is their column in `rows`.
template <Form form, int cells, class T>
HWY_INLINE void store_errors(const Rows<T>& rows, int64_t at, int64_t rank, const T* x, const T* y, int64_t cell,
                             Tile<T>& tile) {
  constexpr int N = lanes<T>(), G = parts<T>();
  for (int h0 = 0; h0 < kBlockRows; h0 += kRows) {
    Vector<T> e[kRows][cells * G];
    residual<form, cells>(rows, h0, at, rank, x + h0, y, e);
    for (int h = 0; h < kRows; ++h) {
      for (int i = 0; i < cells * G; ++i) hn::Store(e[h][i], Vectors<T>(), &tile[h0 + h][cell * kLanes<T> + i * N]);
    }
  }
}

template <Form form, class T>
void fill_tile(const GdRatings<T>& A, const Rows<T>& rows, int64_t rank, CellRange cells, const T* x, const T* Y,
               Tile<T>& tile) {
  constexpr int64_t L = kLanes<T>;
  const int64_t whole = std::min(cells.end, A.columns / L);
  int64_t cell = cells.begin;
  for (; cell + kCells <= whole; cell += kCells)
    store_errors<form, kCells>(rows, cell * L, rank, x, Y + cell * rank * L, cell - cells.begin, tile);
  for (; cell < whole; ++cell)
    store_errors<form, 1>(rows, cell * L, rank, x, Y + cell * rank * L, cell - cells.begin, tile);
  if (cell == cells.end) return;
  const Ragged<form, T> ragged(rows, cell * L, A.columns - cell * L);
  store_errors<form, 1>(ragged.rows, 0, rank, x, Y + cell * rank * L, cell - cells.begin, tile);
}

/// sums[h][k] += e[h] y[k] for kSumRows rows of the tile and `ranks` of the ranks, lane by lane. y is the first cell's
/// group from the first of those ranks on.
template <int ranks, class T>
HWY_INLINE void accumulate(const T* HWY_RESTRICT e, const T* HWY_RESTRICT y, int64_t rank, int64_t cells,
                           T* HWY_RESTRICT sums) {
  constexpr int64_t L = kLanes<T>;
  const Vectors<T> d;
  for (int64_t lane = 0; lane < L; lane += lanes<T>()) {
    Vector<T> s[kSumRows][ranks];
    for (int h = 0; h < kSumRows; ++h) {
      for (int k = 0; k < ranks; ++k) s[h][k] = hn::Load(d, sums + (h * rank + k) * L + lane);
    }
    for (int64_t cell = 0; cell < cells; ++cell) {
      Vector<T> factor[ranks];
      for (int k = 0; k < ranks; ++k) factor[k] = hn::Load(d, y + (cell * rank + k) * L + lane);
      for (int h = 0; h < kSumRows; ++h) {
        const auto error = hn::Load(d, e + (h * kTileCells + cell) * L + lane);
        for (int k = 0; k < ranks; ++k) s[h][k] = hn::MulAdd(error, factor[k], s[h][k]);
      }
    }
    for (int h = 0; h < kSumRows; ++h) {
      for (int k = 0; k < ranks; ++k) hn::Store(s[h][k], d, sums + (h * rank + k) * L + lane);
    }
  }
}

/// The same for a number of ranks that is known only at run time, 1 to kSumRanks.
template <int ranks = kSumRanks, class T>
HWY_INLINE void accumulate_some(int64_t count, const T* e, const T* y, int64_t rank, int64_t cells, T* sums) {
  if (count == ranks) return accumulate<ranks>(e, y, rank, cells, sums);
  if constexpr (ranks > 1) accumulate_some<ranks - 1>(count, e, y, rank, cells, sums);
}

/// All ranks and rows of a tile, the ranks in groups as even as can be.
template <class T>
void accumulate_tile(const Tile<T>& tile, const T* y, int64_t rank, int64_t cells, T* sums) {
  const int64_t groups = (rank + kSumRanks - 1) / kSumRanks;
  for (int64_t h = 0; h < kBlockRows; h += kSumRows) {
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t first = g * rank / groups, count = (g + 1) * rank / groups - first;
      accumulate_some(count, tile[h], y + first * kLanes<T>, rank, cells, sums + (h * rank + first) * kLanes<T>);
    }
  }
}

/// totals[h] += Σ e[h]² of a tile, lane by lane.
template <class T>
void accumulate_squares(const Tile<T>& tile, int64_t cells, double (&totals)[kBlockRows][kLanes<T>]) {
  constexpr int64_t L = kLanes<T>;
  const Vectors<T> d;
  alignas(64) T squares[kBlockRows][L];
  for (int64_t lane = 0; lane < L; lane += lanes<T>()) {
    Vector<T> s[kBlockRows];
    for (int h = 0; h < kBlockRows; ++h) s[h] = hn::Zero(d);
    for (int64_t cell = 0; cell < cells; ++cell) {
      for (int h = 0; h < kBlockRows; ++h) {
        const auto e = hn::Load(d, &tile[h][cell * L + lane]);
        s[h] = hn::MulAdd(e, e, s[h]);
      }
    }
    for (int h = 0; h < kBlockRows; ++h) hn::Store(s[h], d, &squares[h][lane]);
  }
  for (int h = 0; h < kBlockRows; ++h) {
    for (int64_t j = 0; j < L; ++j) totals[h][j] += static_cast<double>(squares[h][j]);
  }
}

template <Form form, class T>
void gather_form(const GdRatings<T>& A, int64_t rank, int64_t block, CellRange cells, const T* X, const T* Y,
                 const T* Y_times, T* direction, double* squares) {
  constexpr int64_t L = kLanes<T>;
  alignas(64) Tile<T> tile;
  alignas(64) T sums[kBlockRows * kLargestRank * L];  // only the part that the rank needs is used
  alignas(64) double totals[kBlockRows][L] = {};
  if (direction) std::fill_n(sums, kBlockRows * rank * L, T(0));
  const Rows<T> rows = rows_of<form>(A, block);
  for (int64_t cell = cells.begin; cell < cells.end; cell += kTileCells) {
    const int64_t count = std::min(kTileCells, cells.end - cell);
    fill_tile<form>(A, rows, rank, {cell, cell + count}, X + block * rank * kBlockRows, Y, tile);
    if (direction) accumulate_tile(tile, Y_times + cell * rank * L, rank, count, sums);
    if (squares) accumulate_squares<T>(tile, count, totals);
  }
  for (int64_t h = 0; h < kBlockRows; ++h) {
    if (squares) squares[h] = fold(totals[h], L);
    for (int64_t k = 0; direction && k < rank; ++k) direction[k * kBlockRows + h] = fold(sums + (h * rank + k) * L);
  }
}

// ---- scatter

/// Adds one or two cells' errors times the block's rows to their directions.
template <Form form, int cells, class T>
HWY_INLINE void scatter_cells(const Rows<T>& rows, int64_t at, int64_t rank, const T* x, const T* HWY_RESTRICT times,
                              const T* y, T* HWY_RESTRICT direction) {
  constexpr int N = lanes<T>(), G = parts<T>();
  const Vectors<T> d;
  for (int h0 = 0; h0 < kBlockRows; h0 += kRows) {
    Vector<T> e[kRows][cells * G];
    residual<form, cells>(rows, h0, at, rank, x + h0, y, e);
    for (int64_t k = 0; k < rank; ++k) {
      T* const to = direction + k * kLanes<T>;
      Vector<T> s[cells * G];
      for (int i = 0; i < cells * G; ++i) s[i] = hn::Load(d, to + i / G * rank * kLanes<T> + i % G * N);
      for (int h = 0; h < kRows; ++h) {
        const auto row = hn::Set(d, times[k * kBlockRows + h0 + h]);
        for (int i = 0; i < cells * G; ++i) s[i] = hn::MulAdd(e[h][i], row, s[i]);
      }
      for (int i = 0; i < cells * G; ++i) hn::Store(s[i], d, to + i / G * rank * kLanes<T> + i % G * N);
    }
  }
}

template <Form form, class T>
void scatter_form(const GdRatings<T>& A, int64_t rank, CellRange cells, const T* X, const T* X_times, const T* Y,
                  T* direction) {
  constexpr int64_t L = kLanes<T>;
  std::fill(direction + cells.begin * rank * L, direction + cells.end * rank * L, T(0));
  const int64_t whole = std::min(cells.end, A.columns / L);
  for (int64_t block = 0; block < A.blocks(); ++block) {
    const Rows<T> rows = rows_of<form>(A, block);
    const T* const x = X + block * rank * kBlockRows;
    const T* const times = X_times + block * rank * kBlockRows;
    int64_t cell = cells.begin;
    for (; cell + kCells <= whole; cell += kCells)
      scatter_cells<form, kCells>(rows, cell * L, rank, x, times, Y + cell * rank * L, direction + cell * rank * L);
    for (; cell < whole; ++cell)
      scatter_cells<form, 1>(rows, cell * L, rank, x, times, Y + cell * rank * L, direction + cell * rank * L);
    if (cell == cells.end) continue;
    const Ragged<form, T> ragged(rows, cell * L, A.columns - cell * L);
    scatter_cells<form, 1>(ragged.rows, 0, rank, x, times, Y + cell * rank * L, direction + cell * rank * L);
  }
}

// ---- the table

template <class T>
void gather(const GdRatings<T>& A, int64_t rank, int64_t block, CellRange cells, const T* X, const T* Y,
            const T* Y_times, T* direction, double* squares) {
  const auto run = A.bytes      ? gather_form<Form::bytes, T>
                   : A.observed ? gather_form<Form::masked, T>
                                : gather_form<Form::values, T>;
  run(A, rank, block, cells, X, Y, Y_times, direction, squares);
}

template <class T>
void scatter(const GdRatings<T>& A, int64_t rank, CellRange cells, const T* X, const T* X_times, const T* Y,
             T* direction) {
  const auto run = A.bytes      ? scatter_form<Form::bytes, T>
                   : A.observed ? scatter_form<Form::masked, T>
                                : scatter_form<Form::values, T>;
  run(A, rank, cells, X, X_times, Y, direction);
}

/// Factors come in groups of whole vectors of columns, or of eight rows.
template <class T>
void advance(int64_t count, T c, const T* direction, const T* from, T* to) {
  const hn::CappedTag<T, kBlockRows> d;
  const auto factor = hn::Set(d, c);
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d)))
    hn::Store(hn::MulAdd(factor, hn::Load(d, direction + i), hn::Load(d, from + i)), d, to + i);
}

}  // namespace

template <class T>
const GdKernels<T>& kernels() {
  static constexpr GdKernels<T> all{gather<T>, scatter<T>, advance<T>};
  return all;
}

template const GdKernels<float>& kernels<float>();
template const GdKernels<double>& kernels<double>();

#endif
}  // namespace factorise::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace factorise::cpu {

template <class T>
const GdKernels<T>& gd_kernels(Isa isa) {
  FACTORISE_CHOOSE(isa, kernels<T>(), scalar_gd_kernels<T>())
}

template const GdKernels<float>& gd_kernels<float>(Isa);
template const GdKernels<double>& gd_kernels<double>(Isa);

}  // namespace factorise::cpu
#endif
