#pragma once
// Numbers, tables and curves as text in aligned columns, for people; JSON is for programs.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "programs/terminal.h"

namespace factorise::programs {

/// Columns that a UTF-8 text takes on a terminal: one a code point, none for combining marks (the ᵀ of Vᵀ is a letter
/// of its own, so it counts) and colour codes, two for East Asian wide ones.
int display_width(std::string_view text);

/// A table of text: a header line, then rows.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    Column(std::string title, Align side = Align::right) : header(std::move(title)), align(side) {}
    std::string header;
    Align align;
  };

  explicit Table(std::vector<Column> columns);

  /// One cell for each column; cells may hold colour.
  void add_row(std::vector<std::string> cells);

  /// The lines, joined. Where they would be wider than `width`, the widest left-aligned column is broken into lines.
  std::string text(const Style& style = Style(), int width = 100) const;

 private:
  std::vector<int> widths(int limit) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// A small matrix (or vector, as one row) with aligned columns, each row indented by two. Where `marked` (same shape)
/// is nonzero the entry stands in brackets, and in yellow where there is colour.
std::string matrix(const at::Tensor& values, int decimals = 4, const std::optional<at::Tensor>& marked = std::nullopt,
                   const Style& style = Style());

/// Names and their values, one a line, the values aligned; names dim where there is colour.
std::string pairs(const std::vector<std::pair<std::string, std::string>>& values, const Style& style = Style());

/// "1,234,567".
std::string grouped(int64_t number);

/// "0.42 ms", "1.23 s", "12.3 s", "4 min 05 s", "2 h 03 min".
std::string duration(double seconds);

/// Shortest text of about six significant digits, "0.12197", "1.9e-11"; "not finite" for NaN and infinity.
std::string figure(double value, int digits = 6);

/// How the loss fell.
struct CurvePoint {
  int64_t epoch;
  double loss;
};

/// `rows` lines of a curve over the epochs, the loss on a logarithmic axis where all of it is above 0; its ends are
/// written beside it. Empty where fewer than two points are finite. Points are in the order of their epochs.
std::string plot(const std::vector<CurvePoint>& curve, const Style& style = Style(), int columns = 60, int rows = 12);

}  // namespace factorise::programs
