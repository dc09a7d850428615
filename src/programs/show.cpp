// Prints the contents of a file: its tensors' statistics and first values, and its other values.

#include "programs/show.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "io/contents.h"
#include "io/file_kind.h"
#include "io/npy.h"
#include "io/pickle_globals.h"
#include "io/printable.h"
#include "io/pt_leaves.h"
#include "programs/json_file.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

constexpr size_t kMostCorners = 6;
constexpr size_t kLongestText = 240;

std::string shape_text(const at::Tensor& tensor) {
  return tensor.dim() == 0 ? "single" : fmt::format("{}", fmt::join(tensor.sizes(), " x "));
}

std::string share(int64_t part, int64_t whole) {
  return part == 0 ? "-" : fmt::format("{:.3g} %", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string optional_figure(const std::optional<double>& value) { return value ? fmt::format("{:.5g}", *value) : "-"; }

/// A list of strings: the first of them, and how many there are.
std::string strings_text(const PtValue::List& list) {
  constexpr size_t kMost = 4;
  std::vector<std::string> texts;
  for (const PtValue& item : list.items) {
    if (texts.size() == kMost) break;
    texts.push_back(fmt::format("'{}'", shown(std::get<std::string>(item.value))));
  }
  return fmt::format("[{}{}]", fmt::join(texts, ", "),
                     list.items.size() > kMost
                         ? fmt::format(", ... {} in all", grouped(static_cast<int64_t>(list.items.size())))
                         : "");
}

/// A leaf that is no tensor.
std::string value_text(const PtValue& leaf) {
  const auto& value = leaf.value;
  if (const auto* text = std::get_if<std::string>(&value)) return printable(*text, kLongestText);
  if (const auto* number = std::get_if<int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "True" : "False";
  if (std::holds_alternative<std::monostate>(value)) return "None";
  if (const auto* list = std::get_if<PtValue::List>(&value)) return list->is_tuple ? "()" : strings_text(*list);
  return "{}";
}

nlohmann::ordered_json value_json(const PtValue& leaf) {
  const auto& value = leaf.value;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* whole = std::get_if<int64_t>(&value)) return *whole;
  if (const auto* real = std::get_if<double>(&value)) return number(*real);
  if (const auto* truth = std::get_if<bool>(&value)) return *truth;
  if (std::holds_alternative<std::monostate>(value)) return nullptr;
  const auto* list = std::get_if<PtValue::List>(&value);
  if (!list) return nlohmann::ordered_json::object();
  auto strings = nlohmann::ordered_json::array();
  for (const PtValue& item : list->items) strings.push_back(std::get<std::string>(item.value));
  return strings;
}

/// The file's value: of torch.save, or NumPy's array.
PtValue value_in(const std::string& file) {
  if (kind_of_file("show", file) == FileKind::npy) return {load_npy(file)};
  return load_pt(file);
}

/// The values that corner() shows, in JSON: of a sparse tensor [place, value] of each entry.
nlohmann::ordered_json corner_json(const at::Tensor& tensor) {
  if (!tensor.is_sparse()) return to_json(corner_tensor(tensor));
  auto list = nlohmann::ordered_json::array();
  for (const Entry& entry : first_entries(tensor)) list.push_back({entry.place, to_json(entry.value)});
  return list;
}

/// The leaves that --key selects: a leaf of that name, or all within a container of that name.
std::vector<Leaf> chosen(const ShowOptions& options, std::vector<Leaf> all) {
  if (options.key.empty()) return all;
  std::vector<Leaf> found;
  for (const Leaf& leaf : all) {
    if (leaf.name == options.key || leaf.name.starts_with(options.key + ".")) found.push_back(leaf);
  }
  if (!found.empty()) return found;
  std::string names;
  for (size_t i = 0; i < all.size() && i < 12; ++i) names += (i > 0 ? ", " : "") + shown(all[i].name);
  if (all.size() > 12) names += fmt::format(" and {} more", all.size() - 12);
  refuse_file(fmt::format("{} holds nothing called '{}'; it holds {}.", options.file, options.key,
                          names.empty() ? "one thing without a name" : names));
}

nlohmann::ordered_json json_of(const ShowOptions& options, const std::vector<Leaf>& found) {
  nlohmann::ordered_json json{{"file", options.file},
                              {"tensors", nlohmann::ordered_json::array()},
                              {"values", nlohmann::ordered_json::object()}};
  for (const Leaf& leaf : found) {
    if (!leaf.value.is_tensor()) {
      json["values"][leaf.name] = value_json(leaf.value);
      continue;
    }
    const at::Tensor& tensor = leaf.value.tensor();
    const Statistics figures = statistics(tensor);
    const auto optional_number = [](const std::optional<double>& value) {
      return value ? number(*value) : nlohmann::ordered_json(nullptr);
    };
    json["tensors"].push_back({{"name", leaf.name},
                               {"type", std::string(dtype_name(tensor.scalar_type()))},
                               {"shape", tensor.sizes().vec()},
                               {"entries", tensor.is_sparse() ? nlohmann::ordered_json(tensor._nnz()) : nullptr},
                               {"zeros", figures.zeros},
                               {"nan", figures.nan},
                               {"min", optional_number(figures.min)},
                               {"max", optional_number(figures.max)},
                               {"mean", optional_number(figures.mean)},
                               {"corner", corner_json(tensor)}});
  }
  return json;
}

void print_tensors(const std::vector<Leaf>& tensors, const Output& out) {
  Table table({{"tensor", Table::Align::left},
               {"type", Table::Align::left},
               {"shape"},
               {"zeros"},
               {"NaN"},
               {"min"},
               {"max"},
               {"mean"}});
  for (const Leaf& leaf : tensors) {
    const at::Tensor& tensor = leaf.value.tensor();
    const Statistics figures = statistics(tensor);
    table.add_row({leaf.name.empty() ? "(no name)" : printable(leaf.name, kLongestText),
                   fmt::format("{}{}", dtype_name(tensor.scalar_type()), tensor.is_sparse() ? ", sparse" : ""),
                   shape_text(tensor), share(figures.zeros, figures.elements), share(figures.nan, figures.elements),
                   optional_figure(figures.min), optional_figure(figures.max), optional_figure(figures.mean)});
  }
  out.print();
  out.print(table.text(out.style()));
}

void print_values(const std::vector<Leaf>& values, const Output& out) {
  Table table({{"value", Table::Align::left}, {"", Table::Align::left}});
  for (const Leaf& leaf : values) {
    table.add_row({leaf.name.empty() ? "(no name)" : printable(leaf.name, kLongestText), value_text(leaf.value)});
  }
  out.print();
  out.print(table.text(out.style()));
}

void print_corners(const std::vector<Leaf>& tensors, const Output& out) {
  for (size_t i = 0; i < tensors.size() && i < kMostCorners; ++i) {
    const at::Tensor& tensor = tensors[i].value.tensor();
    out.heading(fmt::format("{}{}", tensors[i].name.empty() ? "values" : printable(tensors[i].name, kLongestText),
                            tensor.is_sparse() ? fmt::format(", {} entries", grouped(tensor._nnz()))
                            : tensor.dim() > 2 ? fmt::format(", the first matrix of {}", shape_text(tensor))
                                               : ""));
    out.print(corner(tensor));
  }
  if (tensors.size() > kMostCorners) {
    out.print();
    out.print(fmt::format("Values of {} more tensors: --key NAME.", tensors.size() - kMostCorners));
  }
}

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

void add_show_options(CLI::App& app, ShowOptions& options) {
  add_text(app, "FILE", options.file, "A.pt",
           "A .pt file, as torch.save or factorise fit --output writes it, of whatever name; or NumPy's .npy");
  add_text(app, "--key", options.key, "NAME", "Only what has this name, or is within it: model, model.layers.0.weight");
  add_output_options(app, options.common);
  require(app, "FILE");
  set_examples(app,
               "  factorise show factors.pt\n"
               "  factorise show model.pt --key layers.0\n"
               "  factorise show ratings.pt --json -");
}

void show(const ShowOptions& options) {
  check_writable(options.common.json, "--json", /*by_write_json=*/true);
  const Output out(options.common);
  const std::vector<Leaf> found = chosen(options, leaves(value_in(options.file)));
  std::vector<Leaf> tensors, values;
  for (const Leaf& leaf : found) (leaf.value.is_tensor() ? tensors : values).push_back(leaf);
  if (!options.common.json.empty()) write_json(options.common.json, json_of(options, found));
  if (options.common.json == "-") return;
  const auto plural = [](size_t n, const char* noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); };
  out.print(fmt::format("{}: {}{}", printable(options.file), plural(tensors.size(), "tensor"),
                        values.empty() ? "" : ", " + plural(values.size(), "other value")));
  if (!tensors.empty()) print_tensors(tensors, out);
  if (!values.empty()) print_values(values, out);
  print_corners(tensors, out);
}

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
