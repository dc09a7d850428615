// Text in columns.

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "programs/table.h"

#include "catch.h"

using namespace factorise::programs;

namespace {

at::Tensor two_by_two() { return at::tensor({1.0, -2.25, 3.5, 10.0}).view({2, 2}); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("display width counts columns and not bytes", "[table]") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("é") == 1);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("A ≈ U Vᵀ") == 8);
  CHECK(display_width("評価") == 4);
  CHECK(display_width("\x1b[31mred\x1b[0m") == 3);
  CHECK(display_width("\xff\xfe") == 2);  // no UTF-8
  CHECK(display_width("\xe2\x89") == 2);  // cut short
}

TEST_CASE("columns are aligned, left or right, whatever their letters", "[table]") {
  Table table({{"name", Table::Align::left}, {"value"}});
  table.add_row({"Vᵀ", "1"});
  table.add_row({"naïve", "10.5"});
  CHECK(table.text() ==
        "name   value\n"
        "Vᵀ         1\n"
        "naïve   10.5");
}

TEST_CASE("colour does not disturb the columns", "[table]") {
  const Style colour(true);
  Table table({{"a", Table::Align::left}, {"b", Table::Align::left}});
  table.add_row({colour.green("yes"), "x"});
  table.add_row({"no", "y"});
  const auto lines = lines_of(table.text());
  CHECK(lines[1] == "\x1b[32myes\x1b[0m  x");
  CHECK(lines[2] == "no   y");
}

TEST_CASE("a table that is too wide breaks its widest text column", "[table]") {
  Table table({{"name", Table::Align::left}, {"value"}});
  table.add_row({"model.encoder.layers.0.attention.weight", "1234567"});
  table.add_row({"short", "1"});
  const std::string text = table.text(Style(), 30);
  for (const auto& line : lines_of(text)) CHECK(display_width(line) <= 30);
  CHECK(text ==
        "name                     value\n"
        "model.encoder.layers.  1234567\n"
        "0.attention.weight\n"
        "short                        1");
}

TEST_CASE("a matrix with entries marked", "[table]") {
  CHECK(matrix(two_by_two(), 2) ==
        "   1.00 -2.25\n"
        "   3.50 10.00");
  CHECK(matrix(two_by_two(), 2, at::tensor({0, 1, 1, 0}).view({2, 2})) ==
        "   1.00 [-2.25]\n"
        "  [3.50] 10.00");
  CHECK(matrix(at::tensor({1, 2, 3}), 0) == "  1 2 3");
  const std::string coloured = matrix(two_by_two(), 0, at::tensor({1, 0, 0, 0}).view({2, 2}), Style(true));
  CHECK(coloured.find("\x1b[33m") != std::string::npos);
}

TEST_CASE("numbers as people write them", "[table]") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(10000000) == "10,000,000");
  CHECK(grouped(-1234) == "-1,234");
  CHECK(grouped(-123) == "-123");
  CHECK(duration(0.00042) == "0.42 ms");
  CHECK(duration(1.234) == "1.23 s");
  CHECK(duration(12.34) == "12.3 s");
  CHECK(duration(245) == "4 min 05 s");
  CHECK(duration(7384) == "2 h 03 min");
  CHECK(figure(0.121970001) == "0.12197");
  CHECK(figure(1.9e-11) == "1.9e-11");
  CHECK(figure(std::nan("")) == "not finite");
  CHECK(pairs({{"loss", "1"}, {"é", "2"}}) == "loss  1\né     2");
}
