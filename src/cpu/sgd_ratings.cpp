// Counting, and packing in either way; blocks of rows on all threads.

#include "cpu/sgd_ratings.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "cpu/crew.h"
#include "cpu/rows.h"
#include "cpu/sgd_kernels.h"

namespace factorise::cpu {
namespace {

constexpr uint64_t kMagic = 0x31'64'67'73'74'63'61'66;  // "factsgd1"
constexpr int64_t kAlignment = 64;
constexpr int64_t kTallestStrip = 256;  // rows are numbered in a byte
constexpr int64_t kEntriesApart = 6;    // of one column, in a strip: what a processor has in flight

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// What a row is read into; the mask's end is zeros, so that it can be looked at eight at a time.
template <class T>
struct RowBuffers {
  std::vector<T> values;
  std::vector<uint8_t> observed;

  explicit RowBuffers(int64_t columns)
      : values(static_cast<size_t>(columns)), observed(static_cast<size_t>(aligned(columns))) {}
};

/// Calls visit(c) for every observed column; eight at a time are passed over where there is none.
template <class Visit>
void for_observed(const std::vector<uint8_t>& observed, int64_t columns, Visit visit) {
  for (int64_t c = 0; c < columns; c += 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, observed.data() + c, 8);  // the buffer is padded with zeros
    if (eight == 0) continue;
    const int64_t end = std::min<int64_t>(columns, c + 8);
    for (int64_t i = c; i < end; ++i) {
      if (observed[static_cast<size_t>(i)]) visit(i);
    }
  }
}

template <class T>
void count_row(const RowBuffers<T>& row, int64_t columns, SgdCounts& counts) {
  for_observed(row.observed, columns, [&](int64_t c) {
    const T value = row.values[static_cast<size_t>(c)];
    ++counts.observed;
    counts.mask_nan += row.observed[static_cast<size_t>(c)] == 2;
    if (!std::isfinite(value)) {
      ++counts.not_finite;
    } else if (!(value >= 1 && value <= 255 && static_cast<T>(static_cast<int>(value)) == value)) {
      counts.fits_bytes = false;
    }
  });
}

/// Blocks of rows, taken from a counter by all threads: each thread makes an `each` of its own, and calls each(block).
template <class MakeEach>
void for_blocks(int64_t blocks, int threads, MakeEach make_each) {
  std::atomic<int64_t> next{0};
  for_workers(static_cast<int>(std::min<int64_t>(threads, blocks)), [&](int64_t) {
    auto each = make_each();
    for (int64_t block = next++; block < blocks; block = next++) each(block);
  });
}

SgdLayout make_layout(int64_t rows, int64_t columns, int64_t rank, int64_t value_bytes, const SgdCounts& counts) {
  SgdLayout layout{};
  layout.magic = kMagic;
  layout.rows = rows;
  layout.columns = columns;
  layout.observed = counts.observed;
  layout.rank = rank;
  layout.value_bytes = value_bytes;
  return layout;
}

void lay_out_wavefront(SgdLayout& layout, int64_t block_rows, bool bytes) {
  constexpr int64_t kChunk = 128;
  layout.path = SgdPath::wavefront;
  layout.is_bytes = bytes;
  layout.block_rows = block_rows;
  layout.skew = 1;
  layout.chunk = kChunk;
  layout.cells = aligned(sizeof(SgdLayout));
  const int64_t cells = layout.blocks() * (layout.columns + layout.lag()) * block_rows;
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

/// The cells of a block, skewed. Cell is uint8_t or T; `absent` stands for what is not observed.
template <class T, class Cell>
class WavefrontPacker {
 public:
  WavefrontPacker(const SgdLayout& layout, const at::Tensor& A, const std::optional<at::Tensor>& M, uint8_t* ratings,
                  Cell absent)
      : layout_(layout),
        values_(A),
        mask_(M, layout.columns),
        streams_(reinterpret_cast<Cell*>(ratings + layout.cells)),
        absent_(absent),
        buffers_(layout.columns),
        rows_(static_cast<size_t>(layout.block_rows * layout.columns)) {}

  void operator()(int64_t block) {
    const int64_t H = layout_.block_rows, n = layout_.columns, steps = n + H - 1;
    const int64_t first = block * H, height = std::min(H, layout_.rows - first);
    for (int64_t i = 0; i < height; ++i) read_row(first + i, rows_.data() + i * n);
    Cell* stream = streams_ + block * steps * H;
    std::fill(stream, stream + steps * H, absent_);
    // In tiles, so that the steps that a tile is spread over stay near.
    constexpr int64_t kTile = 64;
    for (int64_t begin = 0; begin < n; begin += kTile) {
      const int64_t end = std::min(n, begin + kTile);
      for (int64_t i = 0; i < height; ++i) {
        for (int64_t c = begin; c < end; ++c) stream[(c + i) * H + i] = rows_[static_cast<size_t>(i * n + c)];
      }
    }
  }

 private:
  void read_row(int64_t row, Cell* cells) {
    values_.read(row, buffers_.values.data());
    mask_.read(row, buffers_.observed.data());
    for (int64_t c = 0; c < layout_.columns; ++c) {
      const auto at = static_cast<size_t>(c);
      // What is not observed may be no number that a Cell can be.
      cells[c] = buffers_.observed[at] ? static_cast<Cell>(buffers_.values[at]) : absent_;
    }
  }

  const SgdLayout& layout_;
  RowReader<T> values_;
  MaskReader mask_;
  Cell* streams_;
  Cell absent_;
  RowBuffers<T> buffers_;
  std::vector<Cell> rows_;
};

/// A strip's entries, sorted by position.
template <class T>
class EntryPacker {
 public:
  EntryPacker(const SgdLayout& layout, const at::Tensor& A, const std::optional<at::Tensor>& M,
              const std::vector<int64_t>& firsts, uint8_t* ratings)
      : layout_(layout),
        values_(A),
        mask_(M, layout.columns),
        firsts_(firsts),
        ratings_(ratings),
        buffers_(layout.columns),
        counts_(static_cast<size_t>(layout.columns + layout.lag() + 1)) {}

  void operator()(int64_t strip) {
    entries_.clear();
    std::fill(counts_.begin(), counts_.end(), 0);
    const int64_t first = strip * layout_.block_rows, height = std::min(layout_.block_rows, layout_.rows - first);
    for (int64_t i = 0; i < height; ++i) read_row(first + i, i);
    // Where each position's entries begin, then a stable distribution: rows come in their order.
    int64_t at = firsts_[static_cast<size_t>(strip)];
    for (int64_t& count : counts_) at += std::exchange(count, at);
    index_chunks(strip);
    auto* cells = reinterpret_cast<T*>(ratings_ + layout_.cells);
    auto* columns = reinterpret_cast<uint32_t*>(ratings_ + layout_.entry_columns);
    auto* rows = ratings_ + layout_.entry_rows;
    for (const Entry& entry : entries_) {
      const int64_t to = counts_[static_cast<size_t>(entry.column + layout_.skew * entry.row)]++;
      cells[to] = entry.value;
      columns[to] = entry.column;
      rows[to] = entry.row;
    }
  }

 private:
  struct Entry {
    uint32_t column;
    uint8_t row;
    T value;
  };

  void read_row(int64_t row, int64_t i) {
    values_.read(row, buffers_.values.data());
    mask_.read(row, buffers_.observed.data());
    for_observed(buffers_.observed, layout_.columns, [&](int64_t c) {
      entries_.push_back({static_cast<uint32_t>(c), static_cast<uint8_t>(i), buffers_.values[static_cast<size_t>(c)]});
      ++counts_[static_cast<size_t>(c + layout_.skew * i)];
    });
  }

  void index_chunks(int64_t strip) {
    const int64_t chunks = layout_.chunks();
    auto* index = reinterpret_cast<int64_t*>(ratings_ + layout_.entry_chunks) + strip * (chunks + 1);
    for (int64_t q = 0; q < chunks; ++q) index[q] = counts_[static_cast<size_t>(q * layout_.chunk)];
    index[chunks] = counts_.back();
  }

  const SgdLayout& layout_;
  RowReader<T> values_;
  MaskReader mask_;
  const std::vector<int64_t>& firsts_;
  uint8_t* ratings_;
  RowBuffers<T> buffers_;
  std::vector<int64_t> counts_;
  std::vector<Entry> entries_;
};

/// The strips' first entries, and at the end how many there are.
template <class T>
std::vector<int64_t> first_entries(const SgdLayout& layout, const std::optional<at::Tensor>& M, int threads) {
  std::vector<int64_t> firsts(static_cast<size_t>(layout.blocks() + 1));
  for_blocks(layout.blocks(), threads, [&] {
    return [&, mask = MaskReader(M, layout.columns), row = RowBuffers<T>(layout.columns)](int64_t strip) mutable {
      int64_t& count = firsts[static_cast<size_t>(strip + 1)];
      const int64_t end = std::min(layout.rows, (strip + 1) * layout.block_rows);
      for (int64_t r = strip * layout.block_rows; r < end; ++r) {
        mask.read(r, row.observed.data());
        for_observed(row.observed, layout.columns, [&](int64_t) { ++count; });
      }
    };
  });
  for (size_t i = 1; i < firsts.size(); ++i) firsts[i] += firsts[i - 1];
  return firsts;
}

template <class T, class Cell>
void pack_wavefront(const SgdLayout& layout, const at::Tensor& A, const std::optional<at::Tensor>& M, uint8_t* ratings,
                    Cell absent, int threads) {
  for_blocks(layout.blocks(), threads, [&] { return WavefrontPacker<T, Cell>(layout, A, M, ratings, absent); });
}

/// By what an epoch costs either way.
template <class T>
SgdPath cheaper_path(Isa isa, const SgdLayout& layout) {
  const int64_t H = wavefront_rows<T>(isa, layout.rank);
  const int64_t blocks = (layout.rows + H - 1) / H;
  const double cells =
      static_cast<double>(blocks) * static_cast<double>(layout.columns + H - 1) * static_cast<double>(H);
  const SgdCost cost = sgd_cost<T>(isa, layout.rank);
  return cells * cost.cell < static_cast<double>(layout.observed) * cost.entry ? SgdPath::wavefront : SgdPath::entries;
}

}  // namespace

template <class T>
SgdCounts count_sgd(const at::Tensor& A, const std::optional<at::Tensor>& M, int threads) {
  const int64_t rows = A.size(0), columns = A.size(1);
  constexpr int64_t kRows = 16;
  SgdCounts total;
  std::mutex mutex;
  const RowReader<T> values(A);
  const MaskReader mask(M, columns);
  for_blocks((rows + kRows - 1) / kRows, rows * columns < 100'000 ? 1 : threads, [&] {
    return [&, row = RowBuffers<T>(columns)](int64_t block) mutable {
      SgdCounts counts;
      for (int64_t r = block * kRows; r < std::min(rows, (block + 1) * kRows); ++r) {
        values.read(r, row.values.data());
        mask.read(r, row.observed.data());
        count_row(row, columns, counts);
      }
      const std::lock_guard lock(mutex);
      total.observed += counts.observed;
      total.not_finite += counts.not_finite;
      total.mask_nan += counts.mask_nan;
      total.fits_bytes = total.fits_bytes && counts.fits_bytes;
    };
  });
  return total;
}

template <class T>
at::Tensor pack_sgd(const at::Tensor& A, const std::optional<at::Tensor>& M, int64_t rank, SgdPath path,
                    const SgdCounts& counts, int threads) {
  const Isa isa = chosen_isa();
  SgdLayout layout = make_layout(A.size(0), A.size(1), rank, sizeof(T), counts);
  if (isa == Isa::scalar) path = SgdPath::entries;  // the wavefront is a way to use vectors
  if (path == SgdPath::automatic) path = cheaper_path<T>(isa, layout);
  path == SgdPath::entries ? lay_out_entries(layout)
                           : lay_out_wavefront(layout, wavefront_rows<T>(isa, rank), counts.fits_bytes);
  at::Tensor packed = at::empty({layout.bytes}, at::TensorOptions(at::kByte));
  auto* ratings = packed.mutable_data_ptr<uint8_t>();
  std::memcpy(ratings, &layout, sizeof(layout));
  if (layout.rows * layout.columns < 100'000) threads = 1;
  if (path == SgdPath::entries) {
    std::memset(ratings + layout.entry_columns + layout.observed * 4, 0, kSgdLookahead * 4);
    const auto firsts = first_entries<T>(layout, M, threads);
    for_blocks(layout.blocks(), threads, [&] { return EntryPacker<T>(layout, A, M, firsts, ratings); });
  } else if (layout.is_bytes) {
    pack_wavefront<T, uint8_t>(layout, A, M, ratings, 0, threads);
  } else {
    pack_wavefront<T, T>(layout, A, M, ratings, std::numeric_limits<T>::quiet_NaN(), threads);
  }
  return packed;
}

template SgdCounts count_sgd<float>(const at::Tensor&, const std::optional<at::Tensor>&, int);
template SgdCounts count_sgd<double>(const at::Tensor&, const std::optional<at::Tensor>&, int);
template at::Tensor pack_sgd<float>(const at::Tensor&, const std::optional<at::Tensor>&, int64_t, SgdPath,
                                    const SgdCounts&, int);
template at::Tensor pack_sgd<double>(const at::Tensor&, const std::optional<at::Tensor>&, int64_t, SgdPath,
                                     const SgdCounts&, int);

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
  const auto rows = layout.value_bytes == 8 ? wavefront_rows<double> : wavefront_rows<float>;
  return layout.path == SgdPath::entries || layout.block_rows == rows(chosen_isa(), layout.rank);
}

}  // namespace factorise::cpu
