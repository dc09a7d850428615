// Packing in either way; blocks of rows on all threads.

#include "cpu/sgd_ratings.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "cpu/entry_rows.h"
#include "cpu/for_blocks.h"
#include "cpu/sgd_kernels.h"

namespace factorise::cpu {
namespace {

constexpr uint64_t kMagic = 0x32'64'67'73'74'63'61'66;  // "factsgd2"
constexpr int64_t kAlignment = 64;
constexpr int64_t kTallestStrip = 256;  // rows are numbered in a byte
constexpr int64_t kEntriesApart = 6;    // of one column, in a strip: what a processor has in flight

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

/// The cells of a block, skewed. Cell is uint8_t or T; `absent` stands for what is not observed.
template <class Cell, class Rows>
class WavefrontPacker {
 public:
  WavefrontPacker(const SgdLayout& layout, Rows source, uint8_t* ratings, Cell absent)
      : layout_(layout),
        source_(std::move(source)),
        streams_(reinterpret_cast<Cell*>(ratings + layout.cells)),
        absent_(absent),
        rows_(static_cast<size_t>(layout.block_rows * layout.columns)) {}

  void operator()(int64_t block) {
    const int64_t H = layout_.block_rows, n = layout_.columns, steps = n + H - 1;
    const int64_t first = block * H, height = std::min(H, layout_.rows - first);
    for (int64_t i = 0; i < height; ++i) source_.fill(first + i, absent_, rows_.data() + i * n);
    Cell* stream = streams_ + block * steps * H;
    std::fill(stream, stream + steps * H, absent_);
    // In tiles, so that the steps that a tile is spread over stay near.
    constexpr int64_t kTile = 64;
    for (int64_t begin = 0; begin < n; begin += kTile) {
      const int64_t end = std::min(n, begin + kTile);
      for (int64_t i = 0; i < height; ++i) {
        Cell* const cells = stream + i * H + layout_.cell_of(i);
        for (int64_t c = begin; c < end; ++c) cells[c * H] = rows_[static_cast<size_t>(i * n + c)];
      }
    }
  }

 private:
  const SgdLayout& layout_;
  Rows source_;
  Cell* streams_;
  Cell absent_;
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
    entries_.clear();
    const int64_t first = strip * layout_.block_rows, height = std::min(layout_.block_rows, layout_.rows - first);
    for (int64_t i = 0; i < height; ++i) {
      source_.visit(first + i, [&](int64_t c, T value) {
        entries_.push_back({static_cast<uint32_t>(c), static_cast<uint8_t>(i), value});
      });
    }
    // Counting visits every position, which many have no entry where a strip has few.
    const int64_t at = firsts_[static_cast<size_t>(strip)];
    8 * static_cast<int64_t>(entries_.size()) < layout_.columns ? sort(strip, at) : distribute(strip, at);
  }

 private:
  struct Entry {
    uint32_t column;
    uint8_t row;
    T value;
  };

  int64_t position(const Entry& entry) const { return entry.column + layout_.skew * entry.row; }

  /// By position, of equal ones the upper first, from `at` on.
  void sort(int64_t strip, int64_t at) {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [&](const Entry& a, const Entry& b) { return position(a) < position(b); });
    index_chunks(strip, [&](int64_t begin) {
      const auto before = [&](const Entry& entry, int64_t limit) { return position(entry) < limit; };
      return at + (std::lower_bound(entries_.begin(), entries_.end(), begin, before) - entries_.begin());
    });
    for (const Entry& entry : entries_) write(at++, entry);
  }

  /// The same by where each position's entries begin, then a stable distribution: rows come in their order.
  void distribute(int64_t strip, int64_t at) {
    std::fill(counts_.begin(), counts_.end(), 0);
    for (const Entry& entry : entries_) ++counts_[static_cast<size_t>(position(entry))];
    for (int64_t& count : counts_) at += std::exchange(count, at);
    index_chunks(strip, [&](int64_t begin) { return counts_[static_cast<size_t>(begin)]; });
    for (const Entry& entry : entries_) write(counts_[static_cast<size_t>(position(entry))]++, entry);
  }

  void write(int64_t to, const Entry& entry) {
    reinterpret_cast<T*>(ratings_ + layout_.cells)[to] = entry.value;
    reinterpret_cast<uint32_t*>(ratings_ + layout_.entry_columns)[to] = entry.column;
    (ratings_ + layout_.entry_rows)[to] = entry.row;
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
  std::vector<Entry> entries_;
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

/// By what an epoch costs either way.
template <class T>
SgdPath cheaper_path(Isa isa, const SgdLayout& layout) {
  const int64_t H = wavefront_shape<T>(isa, layout.rank, layout.rows, layout.columns).block_rows;
  const int64_t blocks = (layout.rows + H - 1) / H;
  const double cells =
      static_cast<double>(blocks) * static_cast<double>(layout.columns + H - 1) * static_cast<double>(H);
  const SgdCost cost = sgd_cost<T>(isa, layout.rank);
  return cells * cost.cell < static_cast<double>(layout.observed) * cost.entry ? SgdPath::wavefront : SgdPath::entries;
}

/// The layout is of the data and their rank; how it is walked is still to be decided.
template <class T, class MakeRows>
at::Tensor pack(SgdLayout layout, SgdPath path, const EntryCounts& counts, int threads, MakeRows make_rows) {
  const Isa isa = chosen_isa();
  if (isa == Isa::scalar) path = SgdPath::entries;  // the wavefront is a way to use vectors
  if (path == SgdPath::automatic) path = cheaper_path<T>(isa, layout);
  if (path == SgdPath::entries) {
    lay_out_entries(layout);
  } else {
    lay_out_wavefront(layout, wavefront_shape<T>(isa, layout.rank, layout.rows, layout.columns),
                      counts.fits_bytes);
  }
  at::Tensor packed = at::empty({layout.bytes}, at::TensorOptions(at::kByte));
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

#define FACTORISE_INSTANTIATE(T)                                                                               \
  template at::Tensor pack_sgd<T>(const at::Tensor&, const std::optional<at::Tensor>&, int64_t, SgdPath,       \
                                  const EntryCounts&, int);                                                    \
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
