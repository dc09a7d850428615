// Ranks rows, with titles where there are some.

#include "programs/verbs.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <factorise/datasets.h>
#include <factorise/predict.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "io/printable.h"
#include "io/titles.h"
#include "programs/json_file.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

constexpr size_t kLongestTitle = 240;

/// One mark for each row that has an entry in the column.
at::Tensor marks_in(const at::Tensor& sparse, int64_t column) {
  const at::Tensor rows = sparse._indices().select(0, 0).masked_select(sparse._indices().select(0, 1).eq(column));
  return at::zeros({sparse.size(0)}, at::TensorOptions(at::kBool)).index_fill_(0, rows, 1);
}

/// One value for each row, not zero where the column's entry is observed.
std::optional<at::Tensor> seen(const TopOptions& options, const Model& model, int64_t column, const Output& out) {
  if (options.matrix.file.empty() && options.matrix.entries.empty()) {
    out.notice("Without --matrix nothing is known to be seen: the best of all rows.");
    return std::nullopt;
  }
  const Matrix matrix = read_matrix(options.matrix);
  notice_zeros(options.matrix, matrix, out);
  const int64_t m = model.rows.size, n = model.columns.size;
  if (matrix.A.dim() != 2 || matrix.A.size(0) != m || matrix.A.size(1) != n) {
    refuse_value(fmt::format("the matrix in {} must be {} x {}, as {} is, but is not.", name_of(options.matrix), m, n,
                             options.model));
  }
  if (matrix.M && matrix.M->sizes() != matrix.A.sizes()) {
    refuse_value(
        fmt::format("the mask in {} must be {} x {}, as the matrix is, but is not.", options.matrix.mask, m, n));
  }
  const auto other_ids = [](const Ids& ids, const Axis& axis) { return ids.defined() && ids != axis.ids; };
  if (other_ids(matrix.row_ids, model.rows) || other_ids(matrix.column_ids, model.columns)) {
    refuse_value(fmt::format("the ids in {} must be those that {} was fitted to, but are not.", options.matrix.entries,
                             options.model));
  }
  if (matrix.A.is_sparse()) return marks_in(matrix.A, column);
  if (!matrix.M)
    refuse_value("every row is seen where all of --matrix is observed: say which are, by --missing or --mask.");
  return matrix.M->select(1, column);
}

/// Whether, by the model's file, the column had no entry when it was fitted, and so has no prediction.
bool is_unobserved(const Model& model, int64_t column) {
  return !model.draws && model.observed && model.observed->column_counts.defined() &&
         model.observed->column_counts[column].item<int64_t>() == 0;
}

int64_t unobserved_rows(const Model& model) {
  return model.observed ? count_unobserved(model.observed->row_counts) : 0;
}

void notice_unobserved(const TopOptions& options, const Model& model, int64_t column, const Output& out) {
  if (is_unobserved(model, column)) {
    out.notice(
        fmt::format("Column {} had no entry in training: nothing is known that could rank rows for it, and every "
                    "prediction is the mean, {}.",
                    printable(options.column), figure(model.observed->mean)));
  } else if (const int64_t rows = unobserved_rows(model); rows > 0) {
    out.notice(fmt::format("{} row{} without an entry in training {} not ranked.", grouped(rows), rows == 1 ? "" : "s",
                           rows == 1 ? "is" : "are"));
  }
}

std::vector<RankedDraws> ranked(const TopOptions& options, const Model& model, int64_t column, const Output& out) {
  const std::optional<at::Tensor> left_out = seen(options, model, column, out);
  const std::optional<Range> clip = range_of(options.clip, model.observed, options.model);
  notice_unobserved(options, model, column, out);
  const int64_t count = options.count;
  std::vector<RankedDraws> rows;
  if (model.draws) {
    const Observations nothing{{}, {}, 0, {0, 0}};
    rows = best_rows(model.factors, *model.draws, model.observed.value_or(nothing), column, count, left_out,
                     options.by == "lower" ? RankBy::lower : RankBy::value);
  } else {
    const auto best = model.observed ? best_rows(model.factors, *model.observed, column, count, left_out)
                                     : best_rows(model.factors, column, count, left_out);
    for (const auto& [row, value] : best) rows.push_back({row, value, 0});
  }
  for (RankedDraws& row : rows) {
    if (clip) row.value = std::clamp(row.value, clip->low, clip->high);
  }
  return rows;
}

}  // namespace

void add_top_options(CLI::App& app, TopOptions& options) {
  add_text(app, "MODEL", options.model, "F.pt", "A file with U and V, as fit --output writes it, or Python");
  add_text(app, "--column", options.column, "ID", "Whose best rows, from 0, or the id that it had in --entries");
  add_integer(app, "--count", options.count, {1}, "How many of them");
  add_text(app, "--titles", options.titles, "FILE",
           "The rows' names: a CSV with the header movie,name; for ids a file with columns of ids and titles, or "
           "MovieLens' movies.dat or u.item");
  add_matrix_options(app, "--matrix", "The matrix that was fitted: rows observed in this column are left out",
                     options.matrix);
  add_factor_names(app, options.names, "MODEL");
  add_clip(app, options.clip, "predictions, once they are ranked,");
  add_flag(app, "--deviation", options.deviation, "With standard deviations: of a model of fit --method gibbs");
  add_choice(app, "--by", options.by, {"prediction", "lower"},
             "Rank by the predictions, or cautiously, by the predictions less their deviations");
  add_output_options(app, options.common);
  for (const char* name : {"MODEL", "--column"}) require(app, name);
  set_examples(app,
               "  factorise top factors.pt --column 4 --matrix ratings.pt --missing zero --titles titles.csv\n"
               "  factorise top model.pt --column 4 --by lower --deviation\n"
               "  factorise top factors.pt --column 4 --count 3 --json -");
}

void top(const TopOptions& options) {
  check_combinations(options.matrix, "--matrix");
  check_factor_names(options.names);
  check_clip(options.clip);
  check_writable(options.common.json, "--json", /*by_write_json=*/true);
  const Output out(options.common);
  const Model model = load_model(options.model, options.names);
  notice_left_out(model, out);
  if (options.by == "lower") check_has_draws(model, "--by lower");
  if (options.deviation) check_has_draws(model, "--deviation");
  const int64_t column = index_of(model, model.columns, "--column", options.column);
  std::vector<std::string> titles;
  if (!options.titles.empty()) {
    const Ids& ids = model.rows.ids;
    titles = ids.defined() ? load_titles_of(options.titles, ids) : load_titles(options.titles, model.rows.size);
  }
  const std::vector<RankedDraws> best = ranked(options, model, column, out);
  auto list = nlohmann::ordered_json::array();
  std::vector<Table::Column> columns{{"row"}, {"prediction"}};
  if (options.deviation) columns.push_back({"deviation"});
  if (!titles.empty()) columns.push_back({"title", Table::Align::left});
  Table table(columns);
  for (const auto& [row, value, deviation] : best) {
    nlohmann::ordered_json title, of_draws;  // null
    std::vector<std::string> cells{printable(model.rows.id_of(row)), fmt::format("{:.4f}", value)};
    if (options.deviation) {
      of_draws = number(deviation);
      cells.push_back(fmt::format("{:.4f}", deviation));
    }
    if (!titles.empty()) {
      title = titles[static_cast<size_t>(row)];
      cells.push_back(printable(titles[static_cast<size_t>(row)], kLongestTitle));
    }
    list.push_back(
        {{"row", json_id(model.rows, row)}, {"prediction", number(value)}, {"deviation", of_draws}, {"title", title}});
    table.add_row(cells);
  }
  if (!options.common.json.empty()) {
    write_json(options.common.json, {{"model", options.model},
                                     {"column", json_id(model.columns, column)},
                                     {"unobserved", is_unobserved(model, column)},
                                     {"unobserved_rows", unobserved_rows(model)},
                                     {"rows", list}});
  }
  if (options.common.json == "-") return;
  out.print(!best.empty()                  ? table.text(out.style())
            : is_unobserved(model, column) ? "No row can be ranked."
            : unobserved_rows(model) > 0   ? "Every row is seen, or had no entry in training."
                                           : "Every row is seen.");
}

}  // namespace factorise::programs
