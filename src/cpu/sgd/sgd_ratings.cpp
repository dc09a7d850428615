// Packing in either way; blocks of rows on all threads.

#include "cpu/sgd/sgd_ratings.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "cpu/entry_rows.h"
#include "cpu/memory.h"
#include "cpu/sgd/sgd_kernels.h"
#include "cpu/threads/for_blocks.h"

namespace factorise::cpu {
namespace {

constexpr uint64_t kMagic = 0x32'64'67'73'74'63'61'66;  // "factsgd2"
constexpr int64_t kAlignment = 64;
constexpr int64_t kTallestStrip = 256;  // rows are numbered in a byte
constexpr int64_t kEntriesApart = 6;    // between entries of one column: a processor executes as many at once

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

SgdLayout make_layout(int64_t rows, int64_t columns, int64_t rank, int64_t value_bytes, const EntryCounts& counts) {
  SgdLayout layout{};
  layout.magic = kMagic;
  layout.rows = rows;
  layout.columns = columns;
  layout.observed = counts.observed();
  layout.rank = rank;
  layout.value_bytes = value_bytes;
  return layout;
}

void lay_out_wavefront(SgdLayout& layout, const SgdShape& shape, bool bytes) {
  constexpr int64_t kChunk = 128;
  layout.path = SgdPath::wavefront;
  layout.is_bytes = bytes;
  layout.block_rows = shape.block_rows;
  layout.lane_rows = shape.lane_rows;
  layout.skew = 1;
  layout.chunk = kChunk;
  layout.cells = aligned(sizeof(SgdLayout));
  const int64_t cells = layout.blocks() * (layout.columns + layout.lag()) * layout.block_rows;
  layout.bytes = aligned(layout.cells + cells * (bytes ? 1 : layout.value_bytes));
}

void lay_out_entries(SgdLayout& layout) {
  layout.path = SgdPath::entries;
  // Few tall strips: V, which every strip walks through, then goes from one thread to another less often.
  const int64_t strips = (layout.rows + kTallestStrip - 1) / kTallestStrip;
  layout.block_rows = (layout.rows + strips - 1) / strips;
  const double density =
      static_cast<double>(layout.observed) / static_cast<double>(layout.rows) / static_cast<double>(layout.columns);
  const double a_position = density * static_cast<double>(layout.block_rows);
  layout.skew = std::clamp<int64_t>(static_cast<int64_t>(std::ceil(kEntriesApart / a_position)), 1, 8);
  const int64_t positions = layout.columns + layout.lag();
  layout.chunk =
      static_cast<int64_t>(std::clamp(256 / a_position, 128.0, static_cast<double>(positions) + 128)) / 64 * 64;
  layout.entry_chunks = aligned(sizeof(SgdLayout));
  layout.cells = aligned(layout.entry_chunks + layout.blocks() * (layout.chunks() + 1) * 8);
  layout.entry_columns = aligned(layout.cells + layout.observed * layout.value_bytes);
  layout.entry_rows = aligned(layout.entry_columns + (layout.observed + kSgdLookahead) * 4);
  layout.bytes = aligned(layout.entry_rows + layout.observed);
}

/// Where a byte of each of eight rows becomes eight bytes, one of each row: by exchanging halves, then quarters.
inline void transpose(uint64_t (&rows)[8]) {
  const auto exchange = [&](size_t a, size_t b, int bits, uint64_t low) {
    const uint64_t different = ((rows[a] >> bits) ^ rows[b]) & low;
    rows[b] ^= different;
    rows[a] ^= different << bits;
  };
  for (size_t i = 0; i < 4; ++i) exchange(i, i + 4, 32, 0x00000000FFFFFFFF);
  for (const size_t i : {0, 1, 4, 5}) exchange(i, i + 2, 16, 0x0000FFFF0000FFFF);
  for (const size_t i : {0, 2, 4, 6}) exchange(i, i + 1, 8, 0x00FF00FF00FF00FF);
}

/// The cells of a block, skewed. Cell is uint8_t or T; `absent` marks a cell that is not observed.
template <class Cell, class Rows>
class WavefrontPacker {
 public:
  WavefrontPacker(const SgdLayout& layout, Rows source, uint8_t* ratings, Cell absent)
      : layout_(layout),
        source_(std::move(source)),
        streams_(reinterpret_cast<Cell*>(ratings + layout.cells)),
        absent_(absent),
        width_(layout.columns + 2 * layout.block_rows + kAtOnce),
        rows_(static_cast<size_t>(layout.block_rows * width_), absent) {}

  void operator()(int64_t block) {
    const int64_t H = layout_.block_rows, n = layout_.columns, steps = n + H - 1;
    const int64_t first = block * H, height = std::min(H, layout_.rows - first);
    for (int64_t i = 0; i < height; ++i) source_.fill(first + i, row(i));
    for (int64_t i = height; i < H; ++i) std::fill(row(i), row(i) + n, absent_);
    Cell* const stream = streams_ + block * steps * H;
    // In tiles, so that the steps that a tile is spread over stay near.
    constexpr int64_t kTile = 64;
    for (int64_t begin = 0; begin < steps; begin += kTile) {
      const int64_t end = std::min(steps, begin + kTile);
      if (std::is_same_v<Cell, uint8_t> && std::endian::native == std::endian::little && H % kAtOnce == 0) {
        for (int64_t place = 0; place < H; place += kAtOnce) spread(stream, place, begin, end);
        continue;
      }
      for (int64_t i = 0; i < H; ++i) {
        Cell* const to = stream + layout_.cell_of(i);
        const Cell* const from = row(i) - i;
        for (int64_t t = begin; t < end; ++t) to[t * H] = from[t];
      }
    }
  }

 private:
  static constexpr int64_t kAtOnce = 8;

  /// A row of the block, with absent cells before and behind it so that every step has a cell.
  Cell* row(int64_t i) { return rows_.data() + i * width_ + layout_.block_rows; }

  /// Steps of eight cells that follow each other in the stream, eight steps at a time.
  void spread(Cell* stream, int64_t place, int64_t begin, int64_t end) {
    const int64_t H = layout_.block_rows;
    const Cell* from[kAtOnce];
    for (int64_t k = 0; k < kAtOnce; ++k) {
      const int64_t i = layout_.row_at(place + k);
      from[k] = row(i) - i;
    }
    for (int64_t t = begin; t < end; t += kAtOnce) {
      uint64_t cells[kAtOnce];
      for (int64_t k = 0; k < kAtOnce; ++k) std::memcpy(&cells[k], from[k] + t, sizeof(uint64_t));
      transpose(cells);
      for (int64_t step = t; step < std::min(end, t + kAtOnce); ++step) {
        std::memcpy(stream + step * H + place, &cells[step - t], sizeof(uint64_t));
      }
    }
  }

  const SgdLayout& layout_;
  Rows source_;
  Cell* streams_;
  Cell absent_;
  int64_t width_;
  std::vector<Cell> rows_;
};

/// A strip's entries, sorted by position.
template <class T, class Rows>
class EntryPacker {
 public:
  EntryPacker(const SgdLayout& layout, Rows source, const std::vector<int64_t>& firsts, uint8_t* ratings)
      : layout_(layout),
        source_(std::move(source)),
        firsts_(firsts),
        ratings_(ratings),
        counts_(static_cast<size_t>(layout.columns + layout.lag() + 1)) {}

  void operator()(int64_t strip) {
    const int64_t first = strip * layout_.block_rows, height = std::min(layout_.block_rows, layout_.rows - first);
    const int64_t at = firsts_[static_cast<size_t>(strip)], count = firsts_[static_cast<size_t>(strip + 1)] - at;
    columns_.resize(static_cast<size_t>(count));
    values_.resize(static_cast<size_t>(count));
    begun_.assign(1, 0);
    for (int64_t i = 0; i < height; ++i) {
      const int64_t begin = begun_.back();
      begun_.push_back(begin + source_.list(first + i, count - begin, columns_.data() + begin, values_.data() + begin));
    }
    // Counting visits every position, which many have no entry where a strip has few.
    8 * count < layout_.columns ? sort(strip, at) : distribute(strip, at);
  }

 private:
  struct Entry {
    uint32_t column;
    uint8_t row;
    T value;
  };

  int64_t height() const { return std::ssize(begun_) - 1; }
  int64_t position(int64_t column, int64_t row) const { return column + layout_.skew * row; }

  /// By position, of equal ones the upper first, from `at` on.
  void sort(int64_t strip, int64_t at) {
    std::vector<Entry> entries;
    for (int64_t i = 0; i < height(); ++i) {
      for (auto e = static_cast<size_t>(begun_[i]); e < static_cast<size_t>(begun_[i + 1]); ++e) {
        entries.push_back({static_cast<uint32_t>(columns_[e]), static_cast<uint8_t>(i), values_[e]});
      }
    }
    const auto position_of = [&](const Entry& entry) { return position(entry.column, entry.row); };
    std::stable_sort(entries.begin(), entries.end(),
                     [&](const Entry& a, const Entry& b) { return position_of(a) < position_of(b); });
    index_chunks(strip, [&](int64_t begin) {
      const auto before = [&](const Entry& entry, int64_t limit) { return position_of(entry) < limit; };
      return at + (std::lower_bound(entries.begin(), entries.end(), begin, before) - entries.begin());
    });
    for (const Entry& entry : entries) write(at++, entry.column, entry.row, entry.value);
  }

  /// The same by counting the entries of each position, then a stable distribution of the rows in their order.
  void distribute(int64_t strip, int64_t at) {
    std::fill(counts_.begin(), counts_.end(), 0);
    for (int64_t i = 0; i < height(); ++i) {
      int64_t* const of_row = counts_.data() + layout_.skew * i;
      for (auto e = static_cast<size_t>(begun_[i]); e < static_cast<size_t>(begun_[i + 1]); ++e) ++of_row[columns_[e]];
    }
    for (int64_t& count : counts_) at += std::exchange(count, at);
    index_chunks(strip, [&](int64_t begin) { return counts_[static_cast<size_t>(begin)]; });
    // Some positions of all rows at a time, so that the memory written to stays in the cache.
    constexpr int64_t kPositionsAtOnce = 512;
    std::vector<int64_t> next(begun_.begin(), begun_.end() - 1);
    for (int64_t limit = kPositionsAtOnce; limit < layout_.columns + layout_.lag() + kPositionsAtOnce;
         limit += kPositionsAtOnce) {
      for (int64_t i = 0; i < height(); ++i) {
        int64_t* const of_row = counts_.data() + layout_.skew * i;
        const int64_t end = limit - layout_.skew * i;
        int64_t e = next[i];
        for (; e < begun_[i + 1] && columns_[e] < end; ++e) {
          write(of_row[columns_[e]]++, static_cast<uint32_t>(columns_[e]), static_cast<uint8_t>(i), values_[e]);
        }
        next[i] = e;
      }
    }
  }

  void write(int64_t to, uint32_t column, uint8_t row, T value) {
    reinterpret_cast<T*>(ratings_ + layout_.cells)[to] = value;
    reinterpret_cast<uint32_t*>(ratings_ + layout_.entry_columns)[to] = column;
    (ratings_ + layout_.entry_rows)[to] = row;
  }

  /// first_at(position): the first entry from there on.
  template <class FirstAt>
  void index_chunks(int64_t strip, FirstAt first_at) {
    const int64_t chunks = layout_.chunks(), positions = layout_.columns + layout_.lag();
    auto* index = reinterpret_cast<int64_t*>(ratings_ + layout_.entry_chunks) + strip * (chunks + 1);
    for (int64_t q = 0; q <= chunks; ++q) index[q] = first_at(std::min(q * layout_.chunk, positions));
  }

  const SgdLayout& layout_;
  Rows source_;
  const std::vector<int64_t>& firsts_;
  uint8_t* ratings_;
  std::vector<int64_t> counts_;
  // The strip's entries by row: of row i from begun_[i] on.
  std::vector<int64_t> begun_;
  std::vector<int32_t> columns_;
  std::vector<T> values_;
};

/// The strips' first entries, and at the end how many there are.
std::vector<int64_t> first_entries(const SgdLayout& layout, const EntryCounts& counts) {
  std::vector<int64_t> firsts;
  for (int64_t strip = 0; strip <= layout.blocks(); ++strip) {
    firsts.push_back(counts.starts[static_cast<size_t>(std::min(layout.rows, strip * layout.block_rows))]);
  }
  return firsts;
}

template <class Cell, class MakeRows>
void pack_wavefront(const SgdLayout& layout, MakeRows make_rows, uint8_t* ratings, Cell absent, int threads) {
  for_blocks(layout.blocks(), threads, [&] { return WavefrontPacker(layout, make_rows(), ratings, absent); });
}

template <class T, class MakeRows>
void pack_entries(const SgdLayout& layout, const EntryCounts& counts, MakeRows make_rows, uint8_t* ratings,
                  int threads) {
  std::memset(ratings + layout.entry_columns + layout.observed * 4, 0, kSgdLookahead * 4);
  const auto firsts = first_entries(layout, counts);
  for_blocks(layout.blocks(), threads,
             [&] { return EntryPacker<T, decltype(make_rows())>(layout, make_rows(), firsts, ratings); });
}

/// Chooses the path by the estimated time of an epoch.
template <class T>
SgdPath cheaper_path(Isa isa, const SgdLayout& layout) {
  const int64_t H = wavefront_shape<T>(isa, layout.rank, layout.rows, layout.columns).block_rows;
  const int64_t blocks = (layout.rows + H - 1) / H;
  const double cells =
      static_cast<double>(blocks) * static_cast<double>(layout.columns + H - 1) * static_cast<double>(H);
  const SgdCost cost = sgd_cost<T>(isa, layout.rank);
  return cells * cost.cell < static_cast<double>(layout.observed) * cost.entry ? SgdPath::wavefront : SgdPath::entries;
}

/// Chooses the path where it is automatic, and packs. `layout`: of the data and rank alone.
template <class T, class MakeRows>
at::Tensor pack(SgdLayout layout, SgdPath path, const EntryCounts& counts, int threads, MakeRows make_rows) {
  const Isa isa = chosen_isa();
  if (isa == Isa::scalar) path = SgdPath::entries;  // the wavefront only pays with vectors
  if (path == SgdPath::automatic) path = cheaper_path<T>(isa, layout);
  if (path == SgdPath::entries) {
    lay_out_entries(layout);
  } else {
    lay_out_wavefront(layout, wavefront_shape<T>(isa, layout.rank, layout.rows, layout.columns), counts.fits_bytes);
  }
  at::Tensor packed = empty_for_packing(layout.bytes, at::kByte);
  auto* ratings = packed.mutable_data_ptr<uint8_t>();
  std::memcpy(ratings, &layout, sizeof(layout));
  if (layout.rows * layout.columns < 100'000) threads = 1;
  if (path == SgdPath::entries) {
    pack_entries<T>(layout, counts, make_rows, ratings, threads);
  } else if (layout.is_bytes) {
    pack_wavefront<uint8_t>(layout, make_rows, ratings, 0, threads);
  } else {
    pack_wavefront<T>(layout, make_rows, ratings, std::numeric_limits<T>::quiet_NaN(), threads);
  }
  return packed;
}

}  // namespace

template <class T>
at::Tensor pack_sgd(const at::Tensor& A, const std::optional<at::Tensor>& M, int64_t rank, SgdPath path,
                    const EntryCounts& counts, int threads) {
  return pack<T>(make_layout(A.size(0), A.size(1), rank, sizeof(T), counts), path, counts, threads,
                 [&] { return MatrixRows<T>(A, M); });
}

template <class T>
at::Tensor pack_sgd(const EntryLists<T>& lists, int64_t rank, SgdPath path, const EntryCounts& counts, int threads) {
  return pack<T>(make_layout(lists.rows, lists.columns, rank, sizeof(T), counts), path, counts, threads,
                 [&] { return ListRows<T>(lists); });
}

#define FACTORISE_INSTANTIATE(T)                                                                         \
  template at::Tensor pack_sgd<T>(const at::Tensor&, const std::optional<at::Tensor>&, int64_t, SgdPath, \
                                  const EntryCounts&, int);                                              \
  template at::Tensor pack_sgd<T>(const EntryLists<T>&, int64_t, SgdPath, const EntryCounts&, int);
FACTORISE_INSTANTIATE(float)
FACTORISE_INSTANTIATE(double)
#undef FACTORISE_INSTANTIATE

const SgdLayout& sgd_layout(const at::Tensor& ratings) {
  const bool packed = ratings.defined() && ratings.is_cpu() && ratings.scalar_type() == at::kByte &&
                      ratings.dim() == 1 && ratings.is_contiguous() &&
                      ratings.numel() >= static_cast<int64_t>(sizeof(SgdLayout));
  const auto* layout = packed ? sgd_part<SgdLayout>(ratings, 0) : nullptr;
  TORCH_CHECK_VALUE(layout && layout->magic == kMagic && layout->bytes == ratings.numel(),
                    "[sgd_epochs] ratings must be what sgd_ratings made, on the CPU, but are not.");
  return *layout;
}

bool is_for_this_isa(const SgdLayout& layout) {
  if (layout.path == SgdPath::entries) return true;
  const auto shape_of = layout.value_bytes == 8 ? wavefront_shape<double> : wavefront_shape<float>;
  const SgdShape shape = shape_of(chosen_isa(), layout.rank, layout.rows, layout.columns);
  return layout.block_rows == shape.block_rows && layout.lane_rows == shape.lane_rows;
}

}  // namespace factorise::cpu
