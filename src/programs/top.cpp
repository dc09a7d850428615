// Ranking, with titles where there are some.

#include "programs/top.h"

#include <ATen/core/Tensor.h>
#include <factorise/datasets.h>
#include <factorise/predict.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "programs/contents.h"
#include "programs/json_file.h"
#include "programs/model.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

[[noreturn]] void refuse(const std::string& sentence) {
  throw c10::ValueError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, sentence);
}

/// One value for each row, not zero where the column's entry is observed.
std::optional<at::Tensor> seen(const TopOptions& options, const Model& model, const Output& out) {
  if (options.matrix.file.empty()) {
    out.notice("Without --matrix nothing is known to be seen: the best of all rows.");
    return std::nullopt;
  }
  const Matrix matrix = read_matrix(options.matrix);
  const int64_t m = model.factors.U.size(0), n = model.factors.V.size(0);
  if (matrix.A.dim() != 2 || matrix.A.size(0) != m || matrix.A.size(1) != n) {
    refuse(fmt::format("the matrix in {} must be {} x {}, as {} is, but is not.", options.matrix.file, m, n,
                       options.model));
  }
  if (matrix.M && matrix.M->sizes() != matrix.A.sizes()) {
    refuse(fmt::format("the mask in {} must be {} x {}, as the matrix is, but is not.", options.matrix.mask, m, n));
  }
  if (!matrix.M) refuse("every row is seen where all of --matrix is observed: say which are, by --missing or --mask.");
  return matrix.M->select(1, *options.column);
}

}  // namespace

void add_top_options(CLI::App& app, TopOptions& options) {
  add_text(app, "MODEL", options.model, "FILE", "A file with U and V, as fit --output writes it, or Python");
  add_integer(app, "--column", options.column, {0}, "Whose best rows, from 0");
  add_integer(app, "--count", options.count, {1}, "How many of them");
  add_text(app, "--titles", options.titles, "CSV", "The rows' names: a header movie,name, and one on each line");
  add_matrix_options(app, "--matrix", "The matrix that was fitted: rows observed in this column are left out",
                     options.matrix);
  add_output_options(app, options.common);
  for (const char* name : {"MODEL", "--column"}) require(app, name);
  set_examples(app,
               "  factorise top factors.pt --column 4 --matrix ratings.pt --missing zero --titles titles.csv\n"
               "  factorise top factors.pt --column 4 --count 3 --json -");
}

void top(const TopOptions& options) {
  check_combinations(options.matrix, "--matrix");
  check_writable(options.common.json, "--json", /*by_write_json=*/true);
  const Output out(options.common);
  const Model model = load_model(options.model);
  const int64_t rows = model.factors.U.size(0), columns = model.factors.V.size(0);
  if (*options.column >= columns) {
    refuse(fmt::format("--column must be from 0 to {}, as {} has {} columns, but was {}.", columns - 1, options.model,
                       columns, *options.column));
  }
  std::vector<std::string> titles;
  if (!options.titles.empty()) titles = load_titles(options.titles, rows);
  const std::vector<RankedRow> best =
      best_rows(model.factors, *options.column, options.count, seen(options, model, out));
  auto list = nlohmann::ordered_json::array();
  Table table({{"row"}, {"prediction"}, {titles.empty() ? "" : "title", Table::Align::left}});
  for (const auto& [row, value] : best) {
    nlohmann::ordered_json title;  // null
    if (!titles.empty()) title = titles[static_cast<size_t>(row)];
    list.push_back({{"row", row}, {"prediction", number(value)}, {"title", title}});
    table.add_row({fmt::format("{}", row), fmt::format("{:.4f}", value),
                   titles.empty() ? "" : printable(titles[static_cast<size_t>(row)])});
  }
  if (!options.common.json.empty()) {
    write_json(options.common.json, {{"model", options.model}, {"column", *options.column}, {"rows", list}});
  }
  if (options.common.json == "-") return;
  out.print(best.empty() ? "Every row is seen." : table.text(out.style()));
}

}  // namespace factorise::programs
