// From options to one call of the library, and from its factors to a file, JSON and a summary.

#include "programs/fit.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/ones_like.h>
#include <factorise/autograd.h>
#include <factorise/gd.h>
#include <factorise/io.h>
#include <factorise/sgd.h>
#include <factorise/version.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "programs/engine.h"
#include "programs/interrupt.h"
#include "programs/json_file.h"
#include "programs/progress.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

/// What came of it.
struct Fitted {
  Factors factors;
  int64_t epochs, epochs_done;
  double lr, loss, seconds;
  bool stopped;
};

void check_options(const FitOptions& options) {
  const auto only = [&](bool given, const char* option, const char* method) {
    if (given && options.method != method) {
      throw UsageError(
          fmt::format("{} is for --method {} alone, but the method is {}.", option, method, options.method));
    }
  };
  only(options.weight_decay.has_value(), "--weight-decay", "sgd");
  only(options.lr_decay.has_value(), "--lr-decay", "sgd");
  only(options.path != "automatic", "--path", "sgd");
  only(options.loss != "squared", "--loss", "ad");
  check_combinations(options.matrix, "A.pt");
}

[[noreturn]] void refuse(const std::string& sentence) {
  throw c10::ValueError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, sentence);
}

/// In the type and on the device that it is factorised in.
Matrix read_matrix(const FitOptions& options, c10::Device device) {
  Matrix matrix = read_matrix(options.matrix);
  if (!options.dtype.empty()) matrix.A = matrix.A.to(options.dtype == "float64" ? at::kDouble : at::kFloat);
  matrix.A = matrix.A.to(device);
  if (matrix.M) matrix.M = matrix.M->to(device);
  return matrix;
}

std::optional<Factors> read_initial(const FitOptions& options, const Tensor& A, const Output& out) {
  if (options.initial.empty()) return std::nullopt;
  Factors factors{load_tensor(options.initial, "U"), load_tensor(options.initial, "V")};
  const auto type = A.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  if (factors.U.scalar_type() != type || factors.V.scalar_type() != type) {
    out.notice(fmt::format("{} is converted to {}.", options.initial, type == at::kDouble ? "float64" : "float32"));
  }
  return Factors{factors.U.to(A.device(), type), factors.V.to(A.device(), type)};
}

/// Sets what all methods share; what was not given keeps the library's default.
template <class Options>
Options shared_options(const FitOptions& given, Progress& progress, const std::optional<Factors>& initial) {
  Options options;
  if (given.epochs) options.num_epochs(*given.epochs);
  if (given.lr) options.lr(*given.lr);
  options.seed(given.common.seed).initial(initial);
  options.engine(given.engine == "fused" ? Engine::fused : Engine::reference);
  options.stop(progress.stop()).on_epoch(progress.on_epoch()).report_every(progress.report_every());
  return options;
}

Factors run_sgd(const FitOptions& given, const Matrix& matrix, SgdOptions options) {
  if (given.weight_decay) options.weight_decay(*given.weight_decay);
  if (given.lr_decay) options.lr_decay(*given.lr_decay);
  options.overcomplete(given.overcomplete);
  options.path(given.path == "wavefront" ? SgdPath::wavefront
               : given.path == "entries" ? SgdPath::entries
                                         : SgdPath::automatic);
  return matrix.M ? sgd_factorise_masked(matrix.A, *matrix.M, *given.rank, options)
                  : sgd_factorise(matrix.A, *given.rank, options);
}

Factors run_gd(const FitOptions& given, const Matrix& matrix, const GdOptions& options) {
  const Tensor& A = matrix.A;
  // With a mask any rank is allowed, so the limit of an unmasked matrix is kept here.
  if (!matrix.M && !given.overcomplete && A.dim() == 2 && *given.rank > std::min(A.size(0), A.size(1))) {
    refuse(
        fmt::format("--rank must be at most {} for a {} x {} matrix, but was {}. Give --overcomplete where more is "
                    "meant.",
                    std::min(A.size(0), A.size(1)), A.size(0), A.size(1), *given.rank));
  }
  return gd_factorise_masked(A, matrix.M ? *matrix.M : at::ones_like(A, at::kBool), *given.rank, options);
}

Factors run_ad(const FitOptions& given, const Matrix& matrix, AdOptions options) {
  options.loss(given.loss == "norm" ? AdLoss::norm : AdLoss::squared).mask(matrix.M).overcomplete(given.overcomplete);
  return gd_factorise_ad(matrix.A, *given.rank, options);
}

/// Runs one method; its options are the library's type, whose defaults stand for what was not given.
template <class Options, class Run>
Fitted run_method(const FitOptions& given, const Matrix& matrix, const std::optional<Factors>& initial, Run run) {
  const int64_t epochs = given.epochs.value_or(Options().num_epochs());
  Progress progress(fmt::format("{} rank {}", given.method, *given.rank), epochs, given.common.quiet);
  const auto options = shared_options<Options>(given, progress, initial);
  Fitted fitted;
  fitted.factors = run(given, matrix, options);
  if (matrix.A.is_cuda()) fitted.factors.U.cpu();  // the epochs are done when their result is here
  fitted.seconds = progress.seconds();
  fitted.epochs = epochs;
  fitted.epochs_done = progress.done();
  fitted.stopped = progress.stopped();
  fitted.lr = options.lr();
  return fitted;
}

Fitted run(const FitOptions& given, const Matrix& matrix, const std::optional<Factors>& initial) {
  Fitted fitted = given.method == "sgd"  ? run_method<SgdOptions>(given, matrix, initial, run_sgd)
                  : given.method == "gd" ? run_method<GdOptions>(given, matrix, initial, run_gd)
                                         : run_method<AdOptions>(given, matrix, initial, run_ad);
  fitted.loss = squared_error(matrix.A, fitted.factors, matrix.M);
  return fitted;
}

void save(const FitOptions& options, const Matrix& matrix, const Fitted& fitted) {
  std::vector<std::pair<std::string, PtEntry>> dict{
      {"U", fitted.factors.U},    {"V", fitted.factors.V},
      {"method", options.method}, {"engine", options.engine},
      {"rank", *options.rank},    {"epochs", fitted.epochs_done},
      {"lr", fitted.lr},          {"seed", static_cast<int64_t>(options.common.seed)}};
  if (options.method == "sgd") {
    dict.emplace_back("weight_decay", options.weight_decay.value_or(SgdOptions().weight_decay()));
    dict.emplace_back("lr_decay", options.lr_decay.value_or(SgdOptions().lr_decay()));
  }
  if (options.method == "ad") dict.emplace_back("objective", options.loss);
  dict.emplace_back("observed", matrix.observed);
  dict.emplace_back("loss", fitted.loss);
  dict.emplace_back("version", version());
  dict.emplace_back("torch_version", torch_version());
  save_pt(options.output, dict);
}

nlohmann::ordered_json json_of(const FitOptions& options, const Matrix& matrix, const Fitted& fitted) {
  nlohmann::ordered_json output;  // null
  if (!options.output.empty()) output = options.output;
  return {{"method", options.method},          {"engine", options.engine},
          {"device", matrix.A.device().str()}, {"rank", *options.rank},
          {"epochs", fitted.epochs_done},      {"lr", fitted.lr},
          {"seed", options.common.seed},       {"shape", {matrix.A.size(0), matrix.A.size(1)}},
          {"observed", matrix.observed},       {"loss", number(fitted.loss)},
          {"seconds", fitted.seconds},         {"output", output}};
}

void print_summary(const FitOptions& options, const Matrix& matrix, const Fitted& fitted, const Output& out) {
  const auto observed = static_cast<double>(matrix.observed);
  const std::string share = matrix.observed == matrix.A.numel()
                                ? "all observed"
                                : fmt::format("{} observed ({:.3g} %)", grouped(matrix.observed),
                                              100 * observed / static_cast<double>(matrix.A.numel()));
  std::string method =
      fmt::format("{}, rank {}, {} epochs, lr {}", options.method, *options.rank, fitted.epochs_done, fitted.lr);
  if (options.weight_decay) method += fmt::format(", weight decay {}", *options.weight_decay);
  if (options.lr_decay) method += fmt::format(", lr decay {}", *options.lr_decay);
  if (options.method == "ad") method += fmt::format(", loss {}", options.loss);
  out.print(
      pairs({{"matrix", fmt::format("{}, {} x {}, {}", options.matrix.file, matrix.A.size(0), matrix.A.size(1), share)},
             {"method", method},
             {"engine", fmt::format("{} on {}, seed {}", options.engine, matrix.A.device().str(), options.common.seed)},
             {"loss", fmt::format("{} (squared error, observed entries)", figure(fitted.loss))},
             {"RMSE", figure(std::sqrt(fitted.loss / observed))},
             {"time", fmt::format("{} for the epochs", duration(fitted.seconds))},
             {"output", options.output.empty() ? "none (--output FILE keeps U and V)" : options.output}},
            out.style()));
}

}  // namespace

void add_fit_options(CLI::App& app, FitOptions& options) {
  add_choice(app, "--method", options.method, {"sgd", "gd", "ad"},
             "sgd: one entry at a time; gd: full-batch descent; ad: the same with autograd");
  add_integer(app, "--rank", options.rank, {1}, "Columns of U and V");
  add_matrix_options(app, "A.pt", "A file with the matrix, as torch.save writes it", options.matrix);
  add_integer(app, "--epochs", options.epochs, {0}, "Passes over the observed entries (default 1000)");
  add_real(app, "--lr", options.lr, {0, HUGE_VAL, false}, "Step size (default 0.01, with gd 1e-5)");
  add_real(app, "--weight-decay", options.weight_decay, {0}, "sgd: L2 shrinkage of U and V (default 0)");
  add_real(app, "--lr-decay", options.lr_decay, {0, HUGE_VAL, false}, "sgd: factor on lr after each epoch (default 1)");
  add_choice(app, "--loss", options.loss, {"squared", "norm"}, "ad: what is descended");
  add_choice(app, "--dtype", options.dtype, {"float32", "float64"}, "Type to compute in (default: A's, else float32)");
  add_choice(app, "--engine", options.engine, {"reference", "fused"},
             "Which code runs the epochs (default: fused, on a GPU reference)");
  add_choice(app, "--path", options.path, {"automatic", "wavefront", "entries"},
             "sgd: how the fused engine walks the entries; the bits are the same");
  add_text(app, "--initial", options.initial, "F.pt", "Start from the U and V of this file, as --output writes it");
  add_text(app, "--output", options.output, "OUT.pt", "Write U, V and the settings there");
  add_flag(app, "--overcomplete", options.overcomplete, "Allow a rank above min(m, n) without missing entries");
  add_common_options(app, options.common);
  for (const char* name : {"A.pt", "--method", "--rank"}) require(app, name);
  set_examples(app,
               "  factorise fit A.pt --method sgd --rank 2\n"
               "  factorise fit ratings.pt --method gd --rank 5 --missing zero --output factors.pt\n"
               "  factorise fit ratings.pt --method sgd --rank 5 --missing zero --lr 0.002 --weight-decay 0.02\n"
               "  factorise fit A.pt --method ad --rank 2 --initial factors.pt --epochs 500 --json -");
}

void fit(FitOptions options) {
  check_options(options);
  const c10::Device device = prepare(options.common);
  if (options.engine.empty()) options.engine = name_of(engine_on(device));
  check_writable(options.output, "--output");
  const Output out(options.common);
  const Matrix matrix = read_matrix(options, device);
  const Fitted fitted = run(options, matrix, read_initial(options, matrix.A, out));
  if (!options.output.empty()) save(options, matrix, fitted);
  if (fitted.stopped) {
    const std::string kept = options.output.empty() ? "nothing was kept, as there is no --output"
                                                    : fmt::format("the factors so far are in {}", options.output);
    throw Interrupted(fmt::format("stopped after {} of {} epochs; {}.", fitted.epochs_done, fitted.epochs, kept));
  }
  if (!options.common.json.empty()) write_json(options.common.json, json_of(options, matrix, fitted));
  print_summary(options, matrix, fitted, out);
}

}  // namespace factorise::programs
