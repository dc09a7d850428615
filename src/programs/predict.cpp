// One number for a person, or a CSV for a program.

#include "programs/predict.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <factorise/io.h>
#include <factorise/predict.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "io/csv.h"
#include "io/pairs.h"
#include "programs/json_file.h"
#include "programs/model.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

void check_options(const PredictOptions& options) {
  if (options.pairs.empty() && (options.row.empty() || options.column.empty())) {
    throw UsageError("an entry is needed, --row and --column, or a list of them, --pairs.");
  }
  if (!options.pairs.empty() && !(options.row + options.column).empty()) {
    throw UsageError("--pairs and --row or --column cannot be given together.");
  }
  if (options.output != "-" && options.pairs.empty()) {
    throw UsageError("--output is for the list of --pairs, but there is none.");
  }
}

Pairs entry(const std::string& row, const std::string& column, const Model& model) {
  return {at::tensor({index_of(model, model.rows, "--row", row)}),
          at::tensor({index_of(model, model.columns, "--column", column)}), model.rows.list({row}),
          model.columns.list({column})};
}

/// Digits that name the float64 exactly: what another program reads is what was computed.
std::string csv_of(const Pairs& pairs, const at::Tensor& values) {
  std::string text = "row,column,prediction\n";
  const auto id = [](const Ids& ids, int64_t i) { return ids.are_texts() ? csv_field(ids.text(i)) : ids.text(i); };
  const auto* value = values.const_data_ptr<double>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    fmt::format_to(std::back_inserter(text), "{},{},{}\n", id(pairs.row_ids, i), id(pairs.column_ids, i), value[i]);
  }
  return text;
}

nlohmann::ordered_json json_of(const PredictOptions& options, const Pairs& pairs, const at::Tensor& values) {
  auto list = nlohmann::ordered_json::array();
  for (int64_t i = 0; i < values.numel(); ++i) {
    list.push_back({{"row", json_id(pairs.row_ids, i)},
                    {"column", json_id(pairs.column_ids, i)},
                    {"prediction", number(values[i].item<double>())}});
  }
  return {{"model", options.model}, {"predictions", list}};
}

}  // namespace

void add_predict_options(CLI::App& app, PredictOptions& options) {
  add_text(app, "MODEL", options.model, "F.pt", "A file with U and V, as fit --output writes it, or Python");
  add_text(app, "--row", options.row, "ID", "Row of the entry, from 0, or the id that it had in --entries");
  add_text(app, "--column", options.column, "ID", "Column of the entry, the same");
  add_text(app, "--pairs", options.pairs, "CSV", "Many entries: a header row,column, and one on each line");
  add_text(app, "--output", options.output, "FILE", "With --pairs, the CSV row,column,prediction; - means stdout");
  add_output_options(app, options.common);
  require(app, "MODEL");
  set_examples(app,
               "  factorise predict factors.pt --row 124 --column 4\n"
               "  factorise predict factors.pt --pairs pairs.csv --output predicted.csv");
}

void predict(const PredictOptions& options) {
  check_options(options);
  check_writable(options.common.json, "--json", /*by_write_json=*/true);
  check_writable(options.output, "--output");
  const Output out(options.common);
  const Model model = load_model(options.model);
  const Pairs pairs = options.pairs.empty() ? entry(options.row, options.column, model)
                                            : load_pairs(options.pairs, model.rows, model.columns);
  const at::Tensor values = factorise::predict(model.factors, pairs.rows, pairs.columns);
  if (options.output != "-") save_text(options.output, csv_of(pairs, values));
  if (!options.common.json.empty()) write_json(options.common.json, json_of(options, pairs, values));
  if (options.common.json == "-") return;
  if (options.pairs.empty()) {
    out.print(fmt::format("{:.6g}", values[0].item<double>()));
  } else if (options.output == "-") {
    write_stdout(csv_of(pairs, values));
  } else {
    out.notice(fmt::format("{} predictions are in {}.", values.numel(), options.output));
  }
}

}  // namespace factorise::programs
