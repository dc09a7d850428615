// Aligns text by the columns that it takes on a terminal, not by its bytes.

#include "programs/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace factorise::programs {
namespace {

constexpr int kLeastColumn = 12;
constexpr std::string_view kGap = "  ";

struct CodePoint {
  uint32_t value;
  size_t bytes;
};

/// The code point at the start of a text; a byte that is none counts as one.
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  const size_t bytes = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 1;
  if (bytes == 1 || bytes > text.size()) return {lead, 1};
  uint32_t value = lead & (0xffu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if (byte(i) >> 6 != 2) return {lead, 1};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  return {value, bytes};
}

int width_of(uint32_t c) {
  const auto in = [c](uint32_t low, uint32_t high) { return low <= c && c <= high; };
  if (in(0x300, 0x36f) || in(0x20d0, 0x20ff) || in(0x200b, 0x200f) || in(0xfe00, 0xfe0f)) return 0;
  if (in(0x1100, 0x115f) || in(0x2e80, 0xa4cf) || in(0xac00, 0xd7a3) || in(0xf900, 0xfaff) || in(0xff00, 0xff60) ||
      in(0x1f300, 0x1faff) || in(0x20000, 0x3fffd)) {
    return 2;
  }
  return 1;
}

/// Bytes of a colour code at the start of a text, 0 where there is none.
size_t colour_code(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const size_t end = text.find('m');
  return end == std::string_view::npos ? 0 : end + 1;
}

/// The text in lines of at most `width` columns, broken after a space, dot, slash or comma where there is one.
std::vector<std::string> broken(std::string_view text, int width) {
  std::vector<std::string> lines;
  while (display_width(text) > width) {
    size_t end = 0, good = 0;
    for (int used = 0; end < text.size();) {
      const CodePoint point = first_code_point(text.substr(end));
      used += width_of(point.value);
      if (used > width) break;
      end += point.bytes;
      if (std::string_view(" ./,").find(static_cast<char>(point.value)) != std::string_view::npos) good = end;
    }
    const size_t cut = good > 0 ? good : std::max<size_t>(end, 1);
    lines.emplace_back(text.substr(0, cut));
    text.remove_prefix(cut);
  }
  lines.emplace_back(text);
  return lines;
}

std::string padded(const std::string& text, int width, Table::Align align) {
  const std::string space(static_cast<size_t>(std::max(0, width - display_width(text))), ' ');
  return align == Table::Align::left ? text + space : space + text;
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

/// The curve's height at an epoch between its first and its last, on its axis.
double height_at(const std::vector<CurvePoint>& curve, double epoch) {
  size_t i = 1;
  while (i + 1 < curve.size() && static_cast<double>(curve[i].epoch) < epoch) ++i;
  const CurvePoint &left = curve[i - 1], &right = curve[i];
  const double width = static_cast<double>(right.epoch - left.epoch);
  const double share = width > 0 ? (epoch - static_cast<double>(left.epoch)) / width : 1;
  return left.loss + share * (right.loss - left.loss);
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    if (const size_t code = colour_code(text)) {
      text.remove_prefix(code);
      continue;
    }
    const CodePoint point = first_code_point(text);
    width += width_of(point.value);
    text.remove_prefix(point.bytes);
  }
  return width;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::widths(int limit) const {
  std::vector<int> widths;
  int total = -static_cast<int>(kGap.size());
  for (size_t c = 0; c < columns_.size(); ++c) {
    int width = display_width(columns_[c].header);
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
    total += width + static_cast<int>(kGap.size());
  }
  // The widest left-aligned column is broken into lines: names can be broken, numbers cannot.
  int* widest = nullptr;
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (columns_[c].align == Align::left && (!widest || widths[c] > *widest)) widest = &widths[c];
  }
  if (widest && total > limit) *widest = std::max(std::min(*widest, kLeastColumn), *widest - (total - limit));
  return widths;
}

std::string Table::text(const Style& style, int width) const {
  const std::vector<int> column_widths = widths(width);
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells, bool header) {
    std::string line;
    for (size_t c = 0; c < cells.size(); ++c) {
      if (c > 0) line += kGap;
      line += padded(cells[c], column_widths[c], columns_[c].align);
    }
    line = without_trailing_spaces(line);
    if (!text.empty()) text += '\n';
    text += header ? style.bold(line) : line;
  };
  std::vector<std::string> headers;
  for (const Column& column : columns_) headers.push_back(column.header);
  add_line(headers, true);
  for (const auto& row : rows_) {
    std::vector<std::vector<std::string>> lines;
    size_t height = 1;
    for (size_t c = 0; c < row.size(); ++c) {
      const bool fits = display_width(row[c]) <= column_widths[c];
      lines.push_back(fits ? std::vector<std::string>{row[c]} : broken(row[c], column_widths[c]));
      height = std::max(height, lines.back().size());
    }
    for (size_t i = 0; i < height; ++i) {
      std::vector<std::string> cells;
      for (const auto& cell : lines) cells.push_back(i < cell.size() ? cell[i] : "");
      add_line(cells, false);
    }
  }
  return text;
}

std::string matrix(const at::Tensor& values, int decimals, const std::optional<at::Tensor>& marked,
                   const Style& style) {
  const auto as_rows = [](const at::Tensor& tensor) {
    const at::Tensor numbers = tensor.detach().cpu().to(at::kDouble);
    return (numbers.dim() == 2 ? numbers : numbers.reshape({1, -1})).contiguous();
  };
  const at::Tensor rows = as_rows(values);
  const at::Tensor marks = marked ? as_rows(*marked) : at::Tensor();
  const int64_t m = rows.size(0), n = rows.size(1);
  const auto is_marked = [&](int64_t i) { return marks.defined() && marks.const_data_ptr<double>()[i] != 0; };
  std::vector<std::string> cells;
  size_t width = 0;
  for (int64_t i = 0; i < m * n; ++i) {
    cells.push_back(fmt::format("{:.{}f}", rows.const_data_ptr<double>()[i], decimals));
    width = std::max(width, cells.back().size());
  }
  std::string text;
  for (int64_t i = 0; i < m * n; ++i) {
    const std::string& cell = cells[static_cast<size_t>(i)];
    if (i > 0 && i % n == 0) text += '\n';
    if (i % n == 0) text += ' ';
    text.append(width - cell.size() + 1, ' ');
    // A bracket stands in the gap on either side, so that the digits stay aligned.
    const bool inside = is_marked(i);
    if (inside) text.back() = '[';
    text += inside ? style.yellow(cell) : cell;
    if (marks.defined() && (inside || i % n + 1 < n)) text += inside ? ']' : ' ';
  }
  return text;
}

std::string pairs(const std::vector<std::pair<std::string, std::string>>& values, const Style& style) {
  int width = 0;
  for (const auto& pair : values) width = std::max(width, display_width(pair.first));
  std::string text;
  for (const auto& [name, value] : values) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}  {}", style.dim(padded(name, width, Table::Align::left)), value);
  }
  return text;
}

std::string grouped(int64_t number) {
  std::string text = fmt::format("{}", number);
  const std::ptrdiff_t first_digit = number < 0;
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > first_digit; at -= 3) {
    text.insert(static_cast<size_t>(at), 1, ',');
  }
  return text;
}

std::string duration(double seconds) {
  if (seconds < 0.0995) return fmt::format("{:.2g} ms", seconds * 1e3);
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 99.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string figure(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}g}", value, digits) : "not finite";
}

std::string plot(const std::vector<CurvePoint>& all, const Style& style, int columns, int rows) {
  std::vector<CurvePoint> curve;
  for (const CurvePoint& point : all) {
    if (std::isfinite(point.loss)) curve.push_back(point);
  }
  if (curve.size() < 2) return "";
  const auto less = [](const CurvePoint& a, const CurvePoint& b) { return a.loss < b.loss; };
  const auto [lowest, highest] = std::minmax_element(curve.begin(), curve.end(), less);
  const std::string low_text = figure(lowest->loss, 4), high_text = figure(highest->loss, 4);
  const bool logarithmic = lowest->loss > 0;
  double low = lowest->loss, high = highest->loss;
  if (logarithmic) {
    low = std::log(low);
    high = std::log(high);
    for (CurvePoint& point : curve) point.loss = std::log(point.loss);
  }
  const auto first = static_cast<double>(curve.front().epoch), last = static_cast<double>(curve.back().epoch);
  std::vector<int> row_of(static_cast<size_t>(columns));
  for (int column = 0; column < columns; ++column) {
    const double height = height_at(curve, first + (last - first) * column / (columns - 1));
    const double share = high > low ? (high - height) / (high - low) : 0;
    row_of[static_cast<size_t>(column)] = std::clamp(static_cast<int>(std::lround(share * (rows - 1))), 0, rows - 1);
  }
  const size_t width = std::max(low_text.size(), high_text.size());
  std::string text;
  for (int row = 0; row < rows; ++row) {
    std::string line;
    for (const int at : row_of) line += at == row ? "•" : " ";
    const std::string label = row == 0 ? high_text : row == rows - 1 ? low_text : "";
    line.erase(line.find_last_not_of(' ') + 1);
    text += fmt::format("  {:>{}} {}{}\n", label, width, style.dim("│"), line.empty() ? "" : style.green(line));
  }
  std::string axis;
  for (int column = 0; column < columns; ++column) axis += "─";
  text += fmt::format("  {:>{}} {}\n", "", width, style.dim("└" + axis));
  const std::string from = fmt::format("{}", curve.front().epoch), to = fmt::format("{}", curve.back().epoch);
  const int room = columns - static_cast<int>(from.size() + to.size());
  std::string what = logarithmic ? "epochs, loss logarithmic" : "epochs";
  if (static_cast<int>(what.size()) + 2 > room) what = "epochs";
  text += fmt::format("  {:>{}}  {}{:^{}}{}", "", width, from, what, room, to);
  return text;
}

}  // namespace factorise::programs
