// From options to one call of the library.

#include "programs/fit.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <factorise/fit.h>
#include <factorise/hold_out.h>
#include <factorise/patience.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/fingerprint.h"

#include "programs/checkpoint.h"
#include "programs/command_line.h"
#include "programs/fit_results.h"
#include "programs/interrupt.h"
#include "programs/json_file.h"
#include "programs/judged.h"
#include "programs/model.h"
#include "programs/progress.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

constexpr int64_t kCurvePoints = 60;

/// The input of a method.
struct Problem {
  Matrix matrix;  ///< without the entries set aside
  std::optional<HoldOut> aside;
  std::optional<TestSet> test;
  Observations observed;      ///< of the matrix, and of the earlier run that wrote --initial
  std::optional<Range> clip;  ///< of the predictions that are judged
  std::optional<Factors> initial;
  std::string fingerprint;  ///< of the matrix before it is made dense or moved
};

/// The matrix in the type in which it is factorised.
Matrix read_matrix(const FitOptions& options) {
  const auto type = options.dtype == "float64" ? at::kDouble : at::kFloat;
  Matrix matrix = read_matrix(options.matrix, type);
  if (!options.dtype.empty()) matrix.A = matrix.A.to(type);
  return matrix;
}

/// The matrix in the form and on the device that the method takes.
Matrix prepared(const FitOptions& options, Matrix matrix, c10::Device device) {
  const bool takes_entries = options.method != "gd" && options.method != "ad";
  if (!takes_entries || !device.is_cpu()) {
    matrix = to_dense(matrix, options.matrix, "--method sgd, als and gibbs with --device cpu need none.");
  }
  matrix.A = matrix.A.to(device);
  if (matrix.M) matrix.M = matrix.M->to(device);
  return matrix;
}

/// Takes the entries that are set aside out of the matrix.
void set_aside(const FitOptions& options, Problem& problem) {
  Matrix& matrix = problem.matrix;
  problem.aside = hold_out(matrix.A, matrix.M, *options.hold_out(), options.split_seed());
  (matrix.A.is_sparse() ? matrix.A : matrix.M.emplace()) = problem.aside->seen;
  matrix.observed -= problem.aside->rows.numel();
}

/// The start that is given, in the matrix's type and on its device.
void take_initial(const FitOptions& options, Problem& problem, const Output& out) {
  if (options.initial.empty()) return;
  const Tensor& A = problem.matrix.A;
  const Model model = load_model(options.initial, options.initial_names);
  notice_left_out(model, out);
  const auto& [U, V] = model.factors;
  const auto type = A.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  if (U.scalar_type() != type || V.scalar_type() != type) {
    out.notice(fmt::format("{} is converted to {}.", options.initial, type == at::kDouble ? "float64" : "float32"));
  }
  problem.initial = Factors{U.to(A.device(), type), V.to(A.device(), type)};
  // The factors of --initial may know rows of which this run has no entry: adds the counts of the earlier run; where
  // its file has none, the counts are not known.
  Observations& observed = problem.observed;
  if (!model.observed || !model.observed->row_counts.defined() || U.size(0) != A.size(0) || V.size(0) != A.size(1)) {
    observed.row_counts = observed.column_counts = Tensor();
  } else {
    observed.row_counts = observed.row_counts.add(model.observed->row_counts);
    observed.column_counts = observed.column_counts.add(model.observed->column_counts);
  }
}

/// Entries whose predictions are judged: those set aside, then those of --test.
struct AskedEntries {
  at::Tensor rows, columns;  ///< undefined: none
};

AskedEntries asked_entries(const Problem& problem) {
  std::vector<at::Tensor> rows, columns;
  const auto add = [&](const at::Tensor& of_rows, const at::Tensor& of_columns) {
    rows.push_back(of_rows);
    columns.push_back(of_columns);
  };
  if (problem.aside) add(problem.aside->rows, problem.aside->columns);
  if (problem.test) add(problem.test->entries.rows, problem.test->entries.columns);
  return rows.empty() ? AskedEntries{} : AskedEntries{at::cat(rows), at::cat(columns)};
}

/// A posterior's predictions of `count` of the asked entries, from `begin` on.
Predictions asked_predictions(const Posterior& posterior, const Problem& problem, int64_t begin, int64_t count) {
  at::Tensor values = posterior.means.narrow(0, begin, count).contiguous();
  if (problem.clip) values = values.clamp(problem.clip->low, problem.clip->high);
  return {values, at::zeros({count}, at::TensorOptions(at::kBool)),
          posterior.deviations().narrow(0, begin, count).contiguous()};
}

/// Whether the factors are read every --every epochs, for a checkpoint or for a judgement.
bool is_staged(const FitOptions& given) { return !given.checkpoint.empty() || given.patience(); }

/// Epochs between two readings.
int64_t every_of(const FitOptions& given) {
  for (const auto& [setting, value] : given.settings.of(given.method)) {
    if (setting.name == "every") return std::get<int64_t>(*value);
  }
  return 1;
}

/// Whether the settings of the run are needed: to write them, or to compare them with those of --resume.
bool has_settings(const FitOptions& given) { return is_staged(given) || !given.resume.empty(); }

/// The settings that must be unchanged for a run to go on. The text of a number names it exactly.
Settings settings_of(const FitOptions& given, const Problem& problem) {
  const std::optional<Factors>& initial = problem.initial;
  Settings settings{{"matrix", problem.fingerprint},
                    {"method", given.method},
                    {"engine", given.engine},
                    {"seed", fmt::format("{}", given.common.seed)},
                    {"initial", initial ? fingerprint(initial->U) + ", " + fingerprint(initial->V) : "drawn"}};
  const bool has_patience = given.patience().has_value();
  for (const auto& [setting, value] : given.settings.of(given.method)) {
    if (setting.compared == Setting::Compared::always ||
        (setting.compared == Setting::Compared::with_patience && has_patience)) {
      settings.emplace_back(setting.name, setting_text(value));
    }
  }
  if (given.method == "gibbs") {  // of these the sums are kept
    const auto [rows, columns] = asked_entries(problem);
    settings.emplace_back("asked", rows.defined() ? fingerprint(at::stack({rows, columns})) : "none");
  }
  if (has_patience) {  // the result then also depends on how the factors are judged
    settings.emplace_back("fallback", "mean");
    settings.emplace_back("clip", given.clip.text.empty() ? "none" : given.clip.text);
  }
  return settings;
}

/// The state of --resume, or of a run that has not begun.
State first_state(const FitOptions& given, const Settings& settings, int64_t epochs, c10::Device device) {
  const State beginning{};
  if (given.resume.empty()) return beginning;
  // Allows the same command line to be repeated until the run is done.
  if (given.resume == given.checkpoint && !std::filesystem::exists(given.resume)) return beginning;
  State state = load_checkpoint(given.resume, settings);
  if (state.epoch > epochs) {
    refuse_value(fmt::format("{} is after epoch {} already, but --epochs is {}.", given.resume, state.epoch, epochs));
  }
  const auto move = [&](Factors& factors) { factors = {factors.U.to(device), factors.V.to(device)}; };
  if (state.factors) move(*state.factors);
  if (state.best) move(state.best->factors);
  return state;
}

/// What is observed of the matrix.
Observed observed_in(const Matrix& matrix) {
  if (matrix.A.is_sparse()) return Observed::entries(matrix.A);
  return matrix.M ? Observed::masked(matrix.A, *matrix.M) : Observed::all(matrix.A);
}

/// Fits, with what options have in place of the program's: observers, and where the run begins.
Fitted run_method(const FitOptions& given, const Problem& problem) {
  Method method = given.settings.method(given.method);
  const int64_t epochs = std::visit([](const auto& options) { return options.num_epochs(); }, method);
  const c10::Device device = problem.matrix.A.device();
  const Settings settings = has_settings(given) ? settings_of(given, problem) : Settings();
  State state = first_state(given, settings, epochs, device);
  const auto error = [&](const Factors& factors) {
    return judge(*problem.aside, factors, problem.observed, problem.clip).rmse;
  };
  Patience patience(given.patience().value_or(1), error);
  patience.resume(state.best, state.worse);
  Progress progress(fmt::format("{} rank {}", given.method, given.rank()), epochs - state.epoch, given.common.quiet);

  const auto keep = [&](int64_t epoch, const Factors& factors) {
    state.epoch = epoch;
    state.factors = factors;
    state.best = patience.best();
    state.worse = patience.worse();
    if (!given.checkpoint.empty()) save_checkpoint(given.checkpoint, state, settings);
  };
  const auto keep_posterior = [&](int64_t epoch, const Posterior& posterior) {
    state.epoch = epoch;
    state.posterior = posterior;
    if (!given.checkpoint.empty()) save_checkpoint(given.checkpoint, state, settings);
    return true;
  };
  const auto look = [&](int64_t epoch, const Factors& factors) {
    const bool goes_on = !given.patience() || patience(epoch, factors);
    keep(epoch, factors);
    return goes_on;
  };
  std::vector<CurvePoint> curve;
  const EpochCallback shown = progress.on_epoch();
  const auto record = [&](int64_t epoch, double loss) {
    curve.push_back({epoch, loss});
    return !shown || shown(epoch, loss);
  };
  std::visit(
      [&](auto& options) {
        options.seed(given.common.seed).engine(given.engine == "fused" ? Engine::fused : Engine::reference);
        options.stop(progress.stop()).on_epoch(shown).report_every(progress.report_every());
        options.initial(state.factors ? state.factors : problem.initial).epochs_done(state.epoch);
        if (is_staged(given)) options.factors_every(every_of(given));
        if constexpr (std::is_same_v<decltype(options), GibbsOptions&>) {
          const auto [rows, columns] = asked_entries(problem);
          if (rows.defined()) options.asked(rows, columns);
          if (is_staged(given)) options.on_posterior(keep_posterior);
          options.resume(state.posterior);
        } else if (is_staged(given)) {
          options.on_factors(look);
        }
        if (given.plot) options.report_every(std::max<int64_t>(1, epochs / kCurvePoints)).on_epoch(record);
      },
      method);
  const int64_t begun_at = state.epoch;
  const bool is_over = state.factors && given.patience() && patience.is_over();
  std::optional<Posterior> posterior;
  if (const auto* gibbs = std::get_if<GibbsOptions>(&method)) {
    posterior = sample(observed_in(problem.matrix), given.rank(), *gibbs);
  }
  const Factors factors = posterior ? posterior->factors()
                          : is_over ? *state.factors
                                    : fit(observed_in(problem.matrix), given.rank(), method);
  if (device.is_cuda()) factors.U.cpu();  // copying the result waits for the GPU
  const bool ended = is_over || (given.patience() && patience.is_over());
  const int64_t done = ended ? state.epoch : begun_at + progress.done();
  if (progress.stopped() && posterior) {
    keep_posterior(done, *posterior);
  } else if (progress.stopped() && !is_over) {
    keep(done, factors);
  }
  Fitted fitted{factors, epochs, done, done, 0, progress.seconds(), progress.stopped()};
  if (const auto& best = patience.best()) {
    fitted.factors = best->factors;
    fitted.epochs_done = best->epoch;
  }
  fitted.curve = std::move(curve);
  if (!posterior) return fitted;
  if (posterior->counted() == 0) return fitted;  // a draw that is not counted is judged as other methods' factors
  fitted.draws = posterior->kept();
  if (!posterior->means.defined()) return fitted;
  int64_t begin = 0;
  const auto judged = [&](const at::Tensor& values) {
    begin += values.numel();
    return judge(asked_predictions(*posterior, problem, begin - values.numel(), values.numel()), values);
  };
  if (problem.aside) fitted.aside = judged(problem.aside->values);
  if (problem.test) fitted.test = judged(problem.test->values);
  return fitted;
}

Fitted run(const FitOptions& given, const Problem& problem) {
  Fitted fitted = run_method(given, problem);
  fitted.loss = squared_error(problem.matrix.A, fitted.factors, problem.matrix.M);
  fitted.observed = problem.observed;
  if (fitted.draws) return fitted;
  if (problem.aside) fitted.aside = judge(*problem.aside, fitted.factors, problem.observed, problem.clip);
  if (const auto& test = problem.test) {
    const auto& [rows, columns, row_ids, column_ids] = test->entries;
    const auto predicted = predict(fitted.factors, problem.observed, rows, columns, problem.clip);
    fitted.test = judge(predicted, test->values);
  }
  return fitted;
}

}  // namespace

void fit(FitOptions options) {
  check_fit_options(options);
  const c10::Device device = prepare(options.common);
  if (options.engine.empty()) options.engine = name_of(engine_on(device));
  check_writable(options.output, "--output");
  const Output out(options.common);
  check_writable(options.checkpoint, "--checkpoint");
  Problem problem{};
  problem.matrix = read_matrix(options);
  const Matrix& matrix = problem.matrix;
  notice_zeros(options.matrix, matrix, out);
  if (!options.test.empty()) {
    problem.test = load_test_set(options.test, "--test", options.matrix, {matrix.A.size(0), matrix.row_ids},
                                 {matrix.A.size(1), matrix.column_ids});
  }
  if (options.hold_out()) set_aside(options, problem);
  if (has_settings(options)) problem.fingerprint = fingerprint(matrix.A, matrix.M);
  problem.observed = observations(matrix.A, matrix.M);
  problem.clip = range_of(options.clip, problem.observed, name_of(options.matrix));
  problem.matrix = prepared(options, problem.matrix, device);
  take_initial(options, problem, out);
  const Fitted fitted = run(options, problem);
  if (!options.output.empty()) save(options, matrix, fitted);
  if (fitted.stopped) {
    const std::string kept = !options.output.empty() ? fmt::format("the factors so far are in {}", options.output)
                             : !options.checkpoint.empty()
                                 ? fmt::format("--resume {} goes on from there", options.checkpoint)
                                 : "nothing was kept, as there is no --output";
    throw Interrupted(fmt::format("stopped after {} of {} epochs; {}.", fitted.epochs_run, fitted.epochs, kept));
  }
  if (!options.common.json.empty()) write_json(options.common.json, json_of(options, matrix, fitted));
  print_summary(options, matrix, fitted, out);
}

}  // namespace factorise::programs
