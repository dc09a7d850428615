// The options of `factorise fit`, and the combinations of them that are refused.

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "programs/fit.h"

namespace factorise::programs {
namespace {

/// Refuses to write one result over another, or over what the run reads.
void check_files(const FitOptions& options) {
  const MatrixOptions& matrix = options.matrix;
  const std::vector<std::pair<const char*, const std::string&>> written{
      {"--output", options.output}, {"--checkpoint", options.checkpoint}, {"--json", options.common.json}};
  std::vector<std::pair<const char*, const std::string&>> others{
      {"A.pt", matrix.file}, {"--mask", matrix.mask}, {"--entries", matrix.entries}, {"--test", options.test}};
  for (const auto& [option, file] : written) {
    if (file.empty()) continue;
    if (file == "-" && option != written.back().first) {
      throw UsageError(fmt::format("{} must be a file, but was -.", option));
    }
    for (const auto& [other, name] : others) {
      std::error_code error;  // of one that does not exist
      if (file == name || (!name.empty() && std::filesystem::equivalent(file, name, error))) {
        throw UsageError(fmt::format("{} and {} cannot be the same file, but are both {}.", option, other, file));
      }
    }
    others.emplace_back(option, file);
  }
}

}  // namespace

void add_fit_options(CLI::App& app, FitOptions& options) {
  std::vector<std::string> methods;
  for (const auto& [name, method] : named_methods()) methods.push_back(name);
  add_choice(
      app, "--method", options.method, methods,
      "sgd: one entry at a time; gd: full-batch descent; ad: the same with autograd; als: alternating least squares; "
      "gibbs: the mean of draws from the posterior, with deviations");
  add_matrix_options(app, "A.pt", "A file with the matrix, as torch.save writes it, or NumPy's .npy", options.matrix);
  options.settings.add_to(app);
  add_choice(app, "--dtype", options.dtype, {"float32", "float64"}, "Type to compute in (default: A's, else float32)");
  add_choice(app, "--engine", options.engine, {"reference", "fused"},
             "Which code runs the epochs (default: fused; reference on a device without its kernels)");
  add_text(app, "--initial", options.initial, "F.pt", "Start from the U and V of this file, as --output writes it");
  add_factor_names(app, options.initial_names, "F.pt");
  add_text(app, "--output", options.output, "OUT.pt", "Write U, V and the settings there");
  add_text(app, "--test", options.test, "FILE",
           "Judge by the ratings in this file, as MovieLens' u1.test: lines as --entries has them, or convert's .pt");
  add_clip(app, options.clip, "the predictions that --hold-out and --test judge");
  add_text(app, "--checkpoint", options.checkpoint, "C.pt", "Write there what --resume goes on from, now and then");
  add_text(app, "--resume", options.resume, "C.pt",
           "Go on from there, to the same bits; given otherwise what was given");
  add_flag(app, "--plot", options.plot, "Draw how the loss fell, below the summary");
  add_common_options(app, options.common);
  add_config(app);
  for (const char* name : {"--method", "--rank"}) require(app, name);
  set_examples(app,
               "  factorise fit A.pt --method sgd --rank 2\n"
               "  factorise fit ratings.pt --method gd --rank 5 --missing zero --output factors.pt\n"
               "  factorise fit ratings.pt --method sgd --rank 5 --missing zero --lr 0.002 --weight-decay 0.02\n"
               "  factorise fit ratings.pt --method sgd --rank 8 --missing zero --hold-out 0.1 --patience 3\n"
               "  factorise fit A.pt --method sgd --rank 2 --checkpoint C.pt --resume C.pt --output factors.pt\n"
               "  factorise fit --entries ml-1m/ratings.dat --method sgd --rank 8 --lr 0.002 --output factors.pt\n"
               "  factorise fit --entries u1.base --test u1.test --method sgd --rank 5 --lr 0.002 --clip auto\n"
               "  factorise fit --entries u1.base --test u1.test --method als --rank 5 --biases --clip auto\n"
               "  factorise fit --entries u1.base --test u1.test --method gibbs --rank 20 --output model.pt\n"
               "  factorise fit A.pt --config fit.toml\n"
               "  factorise fit A.pt --method ad --rank 2 --initial factors.pt --epochs 500 --json -");
}

void check_fit_options(const FitOptions& options) {
  options.settings.check_method(options.method);
  if (name_of(options.matrix).empty()) throw UsageError("A.pt is required, or --entries with what is in it.");
  check_combinations(options.matrix, "A.pt");
  check_factor_names(options.initial_names);
  check_clip(options.clip);
  const auto needs = [](bool given, const char* option, bool there, const char* others) {
    if (given && !there) throw UsageError(fmt::format("{} is for {} alone, but there is none.", option, others));
  };
  const bool holds_out = options.hold_out().has_value(), has_patience = options.patience().has_value();
  needs(options.settings.given<int64_t>("split_seed").has_value(), "--split-seed", holds_out, "--hold-out");
  needs(options.initial_names.given(), "--u", !options.initial.empty(), "--initial");
  needs(!options.clip.text.empty(), "--clip", holds_out || !options.test.empty(), "--hold-out and --test");
  needs(has_patience, "--patience", holds_out, "--hold-out");
  needs(options.settings.given<double>("bias_regularisation").has_value(), "--bias-regularisation",
        options.settings.given<bool>("biases").has_value(), "--biases");
  needs(options.settings.given<int64_t>("every").has_value(), "--every", !options.checkpoint.empty() || has_patience,
        "--checkpoint and --patience");
  check_files(options);
}

}  // namespace factorise::programs
