// Looking at tensors.

#include "programs/contents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "programs/table.h"

namespace factorise::programs {
namespace {

constexpr int64_t kPiece = int64_t{1} << 20;
constexpr int64_t kCornerRows = 6, kCornerColumns = 8, kCornerWidth = 96;

/// Statistics of one piece, added to those of the pieces before it.
struct Sum {
  Statistics counts;
  double min = std::numeric_limits<double>::infinity(), max = -min, total = 0;

  void add(const double* values, int64_t size) {
    counts.elements += size;
    for (int64_t i = 0; i < size; ++i) {
      const double value = values[i];
      if (std::isnan(value)) {
        ++counts.nan;
        continue;
      }
      counts.zeros += value == 0;
      min = std::min(min, value);
      max = std::max(max, value);
      total += value;
    }
  }
};

bool is_whole(const at::Tensor& tensor) { return c10::isIntegralType(tensor.scalar_type(), /*includeBool=*/true); }

std::string element_text(const at::Tensor& element) {
  if (element.scalar_type() == at::kUInt64) {
    return fmt::format("{}", static_cast<uint64_t>(element.view(at::kLong).item<int64_t>()));
  }
  if (is_whole(element)) return fmt::format("{}", element.item<int64_t>());
  const auto value = element.item<double>();
  return value == 0 ? "0" : fmt::format("{:.5g}", value);
}

}  // namespace

Statistics statistics(const at::Tensor& tensor) {
  if (tensor.is_sparse()) return statistics(tensor._values());
  Sum sum;
  const auto add_pieces = [&](const at::Tensor& flat) {
    for (int64_t at = 0; at < flat.numel(); at += kPiece) {
      const int64_t size = std::min(kPiece, flat.numel() - at);
      const at::Tensor piece = flat.narrow(0, at, size).to(at::kDouble).contiguous();
      sum.add(piece.const_data_ptr<double>(), size);
    }
  };
  if (tensor.is_contiguous() || tensor.dim() < 2) {
    add_pieces(tensor.reshape({-1}));
  } else {
    // A view of a small storage may be far larger than memory: only a slice of it is laid out at a time.
    for (int64_t i = 0; i < tensor.size(0); ++i) {
      const Statistics part = statistics(tensor.select(0, i));
      sum.counts.elements += part.elements;
      sum.counts.zeros += part.zeros;
      sum.counts.nan += part.nan;
      if (!part.min) continue;
      sum.min = std::min(sum.min, *part.min);
      sum.max = std::max(sum.max, *part.max);
      sum.total += *part.mean * static_cast<double>(part.elements - part.nan);
    }
  }
  const int64_t numbers = sum.counts.elements - sum.counts.nan;
  if (numbers > 0) {
    sum.counts.min = sum.min;
    sum.counts.max = sum.max;
    sum.counts.mean = sum.total / static_cast<double>(numbers);
  }
  return sum.counts;
}

std::vector<Entry> first_entries(const at::Tensor& tensor) {
  std::vector<Entry> entries;
  for (int64_t e = 0; e < std::min(kCornerRows, tensor._nnz()); ++e) {
    const at::Tensor place = tensor._indices().select(1, e).contiguous();
    const auto* begin = place.const_data_ptr<int64_t>();
    entries.push_back({{begin, begin + place.numel()}, tensor._values().select(0, e)});
  }
  return entries;
}

at::Tensor corner_tensor(const at::Tensor& tensor) {
  at::Tensor first = tensor;
  while (first.dim() > 2) {
    if (first.size(0) == 0) return first.reshape({0});
    first = first.select(0, 0);
  }
  if (first.dim() == 2) first = first.narrow(0, 0, std::min(kCornerRows, first.size(0)));
  if (first.dim() >= 1) first = first.narrow(-1, 0, std::min(kCornerColumns, first.size(-1)));
  return first;
}

std::string corner(const at::Tensor& tensor) {
  if (tensor.is_sparse()) {
    std::string lines;
    for (const Entry& entry : first_entries(tensor)) {
      lines += fmt::format("{}  ({})  {}", lines.empty() ? "" : "\n", fmt::join(entry.place, ", "),
                           entry.value.dim() == 0 ? element_text(entry.value) : "…");
    }
    if (lines.empty()) return "  (no entries)";
    return tensor._nnz() > kCornerRows ? lines + "\n  …" : lines;
  }
  const at::Tensor part = corner_tensor(tensor);
  if (part.numel() == 0) return "  (no elements)";
  const at::Tensor rows = part.dim() == 2 ? part : part.reshape({1, -1});
  std::vector<std::vector<std::string>> cells(static_cast<size_t>(rows.size(0)));
  int64_t width = 0;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    for (int64_t j = 0; j < rows.size(1); ++j) {
      cells[static_cast<size_t>(i)].push_back(element_text(rows.select(0, i).select(0, j)));
      width = std::max(width, static_cast<int64_t>(cells[static_cast<size_t>(i)].back().size()));
    }
  }
  const int64_t columns = std::min(rows.size(1), std::max<int64_t>(1, kCornerWidth / (width + 2)));
  const bool columns_cut = tensor.dim() > 0 && columns < tensor.size(-1);
  const bool rows_cut = tensor.dim() > 1 && rows.size(0) < tensor.size(-2);
  std::string text;
  for (auto& row : cells) {
    if (!text.empty()) text += '\n';
    row.resize(static_cast<size_t>(columns));
    for (const std::string& cell : row) text += fmt::format("  {:>{}}", cell, width);
    if (columns_cut) text += "  …";
  }
  if (rows_cut) text += "\n  …";
  return text;
}

}  // namespace factorise::programs
