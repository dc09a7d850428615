// The output of a fit: factors and settings in a .pt file, JSON, a summary.

#include "programs/fit_results.h"

#include <ATen/core/Tensor.h>
#include <factorise/io.h>
#include <factorise/version.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "programs/json_file.h"
#include "programs/judged.h"
#include "programs/model.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

using Dict = std::vector<std::pair<std::string, PtEntry>>;

/// NaN is left out: a key that is there has a number.
void add_judgement(Dict& dict, const std::string& name, const Judgement& judged) {
  dict.emplace_back(name + "_rmse", judged.rmse);
  dict.emplace_back(name + "_mae", judged.mae);
  dict.emplace_back(name + "_entries", judged.entries);
  dict.emplace_back(name + "_fallbacks", judged.fallbacks);
  if (!std::isnan(judged.within_50)) dict.emplace_back(name + "_within_50", judged.within_50);
  if (!std::isnan(judged.within_90)) dict.emplace_back(name + "_within_90", judged.within_90);
  if (judged.fallbacks == judged.entries) return;
  dict.emplace_back(name + "_known_rmse", judged.known_rmse);
  dict.emplace_back(name + "_known_mae", judged.known_mae);
}

using Lines = std::vector<std::pair<std::string, std::string>>;

/// "90,040 observed (5.68 %), none in 32 rows".
std::string observed_text(const Matrix& matrix, const Observations& observed) {
  if (matrix.observed == matrix.A.numel()) return "all observed";
  std::string text = fmt::format("{} observed ({:.3g} %)", grouped(matrix.observed),
                                 100 * static_cast<double>(matrix.observed) / static_cast<double>(matrix.A.numel()));
  const char* before = ", none in ";
  for (const auto& [count, noun] : {std::pair(count_unobserved(observed.row_counts), "row"),
                                    std::pair(count_unobserved(observed.column_counts), "column")}) {
    if (count == 0) continue;
    text += fmt::format("{}{} {}{}", before, grouped(count), noun, count == 1 ? "" : "s");
    before = " and ";
  }
  return text;
}

std::string method_text(const FitOptions& options, const Fitted& fitted) {
  std::string text = fmt::format("{}, rank {}, {} epoch{}", options.method, options.rank(), fitted.epochs_done,
                                 fitted.epochs_done == 1 ? "" : "s");
  for (const auto& [setting, value] : options.settings.of(options.method)) {
    if (setting.label.empty() || !(setting.always_printed || setting.given())) continue;
    text += ", " + setting.label;
    if (!std::holds_alternative<Setting::Flag>(setting.kind)) text += " " + setting_text(value);
  }
  return text;
}

/// Lines below a judgement: on the deviations, and on the entries that are predicted by the mean and not by the
/// factors.
void add_remarks(Lines& lines, const Judgement& judged, const Observations& observed) {
  if (!std::isnan(judged.within_50)) {
    lines.emplace_back("", fmt::format("the 50 % intervals hold {:.1f} %, the 90 % ones {:.1f} %",
                                       100 * judged.within_50, 100 * judged.within_90));
  }
  const std::string text = fallbacks_text(judged, observed.mean);
  if (!text.empty()) lines.emplace_back("", text);
}

}  // namespace

void save(const FitOptions& options, const Matrix& matrix, const Fitted& fitted) {
  Dict dict{{"U", fitted.factors.U},        {"V", fitted.factors.V},
            {"method", options.method},     {"engine", options.engine},
            {"epochs", fitted.epochs_done}, {"seed", static_cast<int64_t>(options.common.seed)}};
  for (const auto& [setting, value] : options.settings.of(options.method)) {
    if (setting.saved && value) std::visit([&](const auto& held) { dict.emplace_back(setting.name, held); }, *value);
  }
  dict.emplace_back("observed", matrix.observed);
  dict.emplace_back("loss", fitted.loss);
  if (const auto& draws = fitted.draws) {
    dict.emplace_back("draws", draws->count);
    dict.emplace_back("noise_variance", draws->noise_variance);
    if (draws->unseen.U.defined()) {
      dict.insert(dict.end(), {{"unseen_U", draws->unseen.U}, {"unseen_V", draws->unseen.V}});
    }
  }
  add_observations(dict, fitted.observed);
  if (fitted.aside) {
    dict.emplace_back("hold_out", *options.hold_out());
    dict.emplace_back("split_seed", options.split_seed());
    add_judgement(dict, "hold_out", *fitted.aside);
  }
  if (fitted.test) {
    dict.emplace_back("test", options.test);
    add_judgement(dict, "test", *fitted.test);
  }
  if (matrix.row_ids.defined()) {
    dict.emplace_back("row_ids", entry_of(matrix.row_ids));
    dict.emplace_back("column_ids", entry_of(matrix.column_ids));
  }
  dict.emplace_back("version", version());
  dict.emplace_back("torch_version", torch_version());
  save_pt(options.output, dict);
}

nlohmann::ordered_json json_of(const FitOptions& options, const Matrix& matrix, const Fitted& fitted) {
  nlohmann::ordered_json output, aside, test, clip, draws, noise;  // null
  if (fitted.draws) {
    draws = fitted.draws->count;
    noise = number(fitted.draws->noise_variance);
  }
  if (!options.output.empty()) output = options.output;
  if (fitted.aside) {
    aside = {{"share", *options.hold_out()}, {"seed", options.split_seed()}};
    aside.update(json_of(*fitted.aside));
  }
  if (fitted.test) {
    test = {{"file", options.test}};
    test.update(json_of(*fitted.test));
  }
  if (const auto range = range_of(options.clip, fitted.observed, "")) clip = {range->low, range->high};
  nlohmann::ordered_json json{{"method", options.method},
                              {"engine", options.engine},
                              {"device", matrix.A.device().str()},
                              {"epochs", fitted.epochs_done},
                              {"seed", options.common.seed}};
  for (const Setting& setting : options.settings.all()) {
    if (setting.saved) json[setting.name] = nullptr;  // for methods without it
  }
  for (const auto& [setting, value] : options.settings.of(options.method)) {
    if (setting.saved && value) std::visit([&](const auto& held) { json[setting.name] = held; }, *value);
  }
  json.update({{"shape", {matrix.A.size(0), matrix.A.size(1)}},
               {"observed", matrix.observed},
               {"unobserved_rows", count_unobserved(fitted.observed.row_counts)},
               {"unobserved_columns", count_unobserved(fitted.observed.column_counts)},
               {"mean", number(fitted.observed.mean)},
               {"loss", number(fitted.loss)},
               {"draws", draws},
               {"noise_variance", noise},
               {"hold_out", aside},
               {"test", test},
               {"clip", clip},
               {"epochs_run", fitted.epochs_run},
               {"seconds", fitted.seconds},
               {"output", output}});
  return json;
}

void print_summary(const FitOptions& options, const Matrix& matrix, const Fitted& fitted, const Output& out) {
  const auto observed = static_cast<double>(matrix.observed);
  Lines lines({
      {"matrix", fmt::format("{}, {} x {}, {}", name_of(options.matrix), matrix.A.size(0), matrix.A.size(1),
                             observed_text(matrix, fitted.observed))},
      {"method", method_text(options, fitted)},
      {"engine", fmt::format("{} on {}, seed {}", options.engine, matrix.A.device().str(), options.common.seed)},
      {"loss", fmt::format("{} (squared error, observed entries)", figure(fitted.loss))},
      {"RMSE", figure(std::sqrt(fitted.loss / observed))},
  });
  if (const auto& draws = fitted.draws) {
    lines.emplace_back("draws", fmt::format("{} kept; the noise has the standard deviation {}", draws->count,
                                            figure(std::sqrt(draws->noise_variance))));
  }
  if (fitted.aside) {
    lines.emplace_back(
        "hold-out",
        fmt::format(
            "{} over {:.3g} % of the entries, split seed {}{}", errors_text(*fitted.aside), 100 * *options.hold_out(),
            options.split_seed(),
            fitted.epochs_run > fitted.epochs_done ? fmt::format("; the best of {} epochs", fitted.epochs_run) : ""));
    add_remarks(lines, *fitted.aside, fitted.observed);
  }
  if (fitted.test) {
    lines.emplace_back("test", fmt::format("{} over the {} entries of {}", errors_text(*fitted.test),
                                           grouped(fitted.test->entries), options.test));
    add_remarks(lines, *fitted.test, fitted.observed);
  }
  lines.emplace_back("time", fmt::format("{} for the epochs", duration(fitted.seconds)));
  lines.emplace_back("output", options.output.empty() ? "none (--output FILE keeps U and V)" : options.output);
  out.print(pairs(lines, out.style()));
  if (!options.plot) return;
  constexpr int kBeside = 16, kWidest = 60;  // columns for the labels, and for the curve
  const int columns = std::clamp(terminal_columns() - kBeside, kBeside, kWidest);
  const std::string curve = plot(fitted.curve, out.style(), columns);
  out.print();
  out.print(curve.empty() ? "No curve: that takes two epochs." : curve);
}

}  // namespace factorise::programs
