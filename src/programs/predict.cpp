// One number for a person, or a CSV for a program.

#include "programs/verbs.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <factorise/hold_out.h>
#include <factorise/io.h>
#include <factorise/predict.h>
#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "io/csv.h"
#include "io/pairs.h"
#include "programs/json_file.h"
#include "programs/judged.h"
#include "programs/table.h"
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
  check_factor_names(options.names);
  check_clip(options.clip);
  if (options.pairs.empty() && !(options.ratings.columns + options.ratings.duplicates).empty()) {
    throw UsageError("--columns and --duplicates are for the ratings of --pairs, but there is none.");
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

/// The entries to be predicted, and their given values where the list has them.
struct Asked {
  Pairs pairs;
  at::Tensor values;  ///< float64; undefined: the list has none
};

Asked asked(const PredictOptions& options, const Model& model) {
  if (options.pairs.empty()) return {entry(options.row, options.column, model), {}};
  if (are_pairs(options.pairs)) {
    if (!(options.ratings.columns + options.ratings.duplicates).empty()) {
      throw UsageError(fmt::format(
          "--columns and --duplicates are for a file of ratings, but {} has rows and columns alone.", options.pairs));
    }
    return {load_pairs(options.pairs, model.rows, model.columns, model.observed ? Unseen::taken : Unseen::refused), {}};
  }
  const auto [pairs, values] = load_test_set(options.pairs, "--pairs", options.ratings, model.rows, model.columns);
  if (!model.observed && (pairs.rows.lt(0).any().item<bool>() || pairs.columns.lt(0).any().item<bool>())) {
    refuse_value(
        fmt::format("{} has rows or columns that {} does not have, and that file does not say what could be "
                    "predicted there.",
                    options.pairs, options.model));
  }
  return {pairs, values};
}

/// Where the file has no observations, all predictions are by the factors.
Predictions predictions(const PredictOptions& options, const Model& model, const Pairs& pairs) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const std::optional<Range> clip = range_of(options.clip, model.observed, options.model);
  const Observations observed = model.observed.value_or(Observations{{}, {}, none, {none, none}});
  return factorise::predict(model.factors, observed, pairs.rows, pairs.columns, clip, model.draws);
}

/// Digits that name the float64 exactly: another program reads exactly the computed number.
std::string csv_of(const Pairs& pairs, const Predictions& found, bool with_deviation) {
  std::string text = with_deviation ? "row,column,prediction,deviation,fallback\n" : "row,column,prediction,fallback\n";
  const auto id = [](const Ids& ids, int64_t i) { return ids.are_texts() ? csv_field(ids.text(i)) : ids.text(i); };
  const auto* value = found.values.const_data_ptr<double>();
  const bool* fallback = found.fallback.const_data_ptr<bool>();
  for (int64_t i = 0; i < found.values.numel(); ++i) {
    const std::string deviation = with_deviation ? fmt::format("{},", found.deviations[i].item<double>()) : "";
    fmt::format_to(std::back_inserter(text), "{},{},{},{}{}\n", id(pairs.row_ids, i), id(pairs.column_ids, i), value[i],
                   deviation, fallback[i] ? 1 : 0);
  }
  return text;
}

nlohmann::ordered_json json_of(const PredictOptions& options, const Pairs& pairs, const Predictions& found,
                               const std::optional<Judgement>& judged) {
  auto list = nlohmann::ordered_json::array();
  for (int64_t i = 0; i < found.values.numel(); ++i) {
    list.push_back({{"row", json_id(pairs.row_ids, i)},
                    {"column", json_id(pairs.column_ids, i)},
                    {"prediction", number(found.values[i].item<double>())},
                    {"deviation", options.deviation ? number(found.deviations[i].item<double>()) : nullptr},
                    {"fallback", found.fallback[i].item<bool>()}});
  }
  return {{"model", options.model},
          {"judgement", judged ? programs::json_of(*judged) : nlohmann::ordered_json(nullptr)},
          {"predictions", list}};
}

/// Prints how many predictions are not by the factors.
void notice_fallbacks(const Model& model, const Predictions& found, const Output& out) {
  const auto count = found.fallback.sum().item<int64_t>();
  if (count == 0) return;
  const std::string which =
      found.values.numel() == 1 ? "This entry is"
      : count == 1              ? fmt::format("1 of the {} entries is", grouped(found.values.numel()))
                   : fmt::format("{} of the {} entries are", grouped(count), grouped(found.values.numel()));
  out.notice(fmt::format("{} of a row or column unseen in training: the prediction is its mean, {}.", which,
                         figure(model.observed->mean)));
}

/// On stdout, unless that is the CSV's.
void print_judgement(const PredictOptions& options, const Model& model, const Judgement& judged, const Output& out) {
  std::string text =
      fmt::format("{} over the {} entries of {}", errors_text(judged), grouped(judged.entries), options.pairs);
  if (judged.fallbacks > 0) text += "\n" + fallbacks_text(judged, model.observed->mean);
  if (options.output == "-") {
    out.notice(text);
  } else {
    out.print(text);
  }
}

}  // namespace

void add_predict_options(CLI::App& app, PredictOptions& options) {
  add_text(app, "MODEL", options.model, "F.pt", "A file with U and V, as fit --output writes it, or Python");
  add_text(app, "--row", options.row, "ID", "Row of the entry, from 0, or the id that it had in --entries");
  add_text(app, "--column", options.column, "ID", "Column of the entry, the same");
  add_text(app, "--pairs", options.pairs, "FILE",
           "Many entries: a header row,column, and one on each line; or ratings, as fit's --entries, to judge by");
  add_entries_options(app, options.ratings);
  add_text(app, "--output", options.output, "FILE",
           "With --pairs, the CSV row,column,prediction,fallback; - means stdout");
  add_flag(app, "--deviation", options.deviation, "With a standard deviation: of a model of fit --method gibbs");
  add_factor_names(app, options.names, "MODEL");
  add_clip(app, options.clip, "predictions");
  add_output_options(app, options.common);
  require(app, "MODEL");
  set_examples(app,
               "  factorise predict factors.pt --row 124 --column 4\n"
               "  factorise predict factors.pt --pairs pairs.csv --output predicted.csv --clip 1,5\n"
               "  factorise predict factors.pt --pairs u1.test --output predicted.csv\n"
               "  factorise predict model.pt --row 124 --column 4 --deviation\n"
               "  factorise predict weights.pt --u item_factors.weight --v user_factors.weight --row 124 --column 4");
}

void predict(const PredictOptions& options) {
  check_options(options);
  check_writable(options.common.json, "--json", /*by_write_json=*/true);
  check_writable(options.output, "--output");
  const Output out(options.common);
  const Model model = load_model(options.model, options.names);
  notice_left_out(model, out);
  if (options.deviation) check_has_draws(model, "--deviation");
  const auto [pairs, values] = asked(options, model);
  const Predictions found = predictions(options, model, pairs);
  std::optional<Judgement> judged;
  if (values.defined()) judged = judge(found, values);
  if (!judged) notice_fallbacks(model, found, out);
  if (options.output != "-") save_text(options.output, csv_of(pairs, found, options.deviation));
  if (!options.common.json.empty()) write_json(options.common.json, json_of(options, pairs, found, judged));
  if (options.common.json == "-") return;
  if (options.pairs.empty()) {
    const std::string deviation =
        options.deviation ? fmt::format(" +- {:.6g}", found.deviations[0].item<double>()) : "";
    out.print(fmt::format("{:.6g}{}", found.values[0].item<double>(), deviation));
  } else if (options.output == "-") {
    write_stdout(csv_of(pairs, found, options.deviation));
  } else {
    out.notice(fmt::format("{} predictions are in {}.", found.values.numel(), options.output));
  }
  if (judged) print_judgement(options, model, *judged, out);
}

}  // namespace factorise::programs
