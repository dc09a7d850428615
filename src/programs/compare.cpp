// Two models side by side: entries, subspaces, losses.

#include "programs/verbs.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <factorise/predict.h>
#include <factorise/subspace.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "programs/json_file.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

using Angles = std::optional<std::vector<double>>;

struct Compared {
  bool equal;
  double difference;
  Angles U, V;  ///< empty where columns are dependent, and span a space of fewer dimensions than columns
  std::optional<double> loss_a, loss_b;
};

Angles angles_between(const at::Tensor& X, const at::Tensor& Y) {
  try {
    return principal_angles(X, Y);
  } catch (const c10::ValueError&) {
    return std::nullopt;
  }
}

bool same_bits(const at::Tensor& x, const at::Tensor& y) {
  return x.scalar_type() == y.scalar_type() && x.sizes() == y.sizes() && at::equal(x, y);
}

Compared compared(const CompareOptions& options, const Model& a, const Model& b, const Output& out) {
  Compared result{same_bits(a.factors.U, b.factors.U) && same_bits(a.factors.V, b.factors.V),
                  largest_difference(a.factors, b.factors),
                  angles_between(a.factors.U, b.factors.U),
                  angles_between(a.factors.V, b.factors.V),
                  a.loss,
                  b.loss};
  if (!options.matrix.file.empty() || !options.matrix.entries.empty()) {
    const Matrix matrix = read_matrix(options.matrix);
    notice_zeros(options.matrix, matrix, out);
    result.loss_a = squared_error(matrix.A, a.factors, matrix.M);
    result.loss_b = squared_error(matrix.A, b.factors, matrix.M);
  }
  return result;
}

nlohmann::ordered_json json_of(const CompareOptions& options, const Compared& result) {
  const auto loss = [](const std::optional<double>& value) {
    return value ? number(*value) : nlohmann::ordered_json(nullptr);
  };
  const auto angles = [](const Angles& values) {
    return values ? nlohmann::ordered_json(*values) : nlohmann::ordered_json(nullptr);
  };
  return {{"a", options.a},
          {"b", options.b},
          {"equal", result.equal},
          {"max_difference", number(result.difference)},
          {"angles_U", angles(result.U)},
          {"angles_V", angles(result.V)},
          {"loss_a", loss(result.loss_a)},
          {"loss_b", loss(result.loss_b)}};
}

void print(const CompareOptions& options, const Model& a, const Model& b, const Compared& result, const Output& out) {
  const auto loss = [](const std::optional<double>& value) {
    return value ? figure(*value) : std::string("not known (--matrix FILE computes it)");
  };
  const auto angles = [](const Angles& values) {
    if (!values) return std::string("none: the columns of one are dependent");
    std::vector<std::string> texts;
    for (const double angle : *values) texts.push_back(fmt::format("{:.3g}", angle));
    return fmt::format("{}", fmt::join(texts, ", "));
  };
  out.print(pairs({{"a", fmt::format("{}, {}", options.a, shape_text(a))},
                   {"b", fmt::format("{}, {}", options.b, shape_text(b))},
                   {"U and V", result.equal ? "equal, every bit" : "not equal"},
                   {"entries of U Vᵀ", fmt::format("at most {} apart", figure(result.difference))},
                   {"angles of U", angles(result.U)},
                   {"angles of V", angles(result.V)},
                   {"loss of a", loss(result.loss_a)},
                   {"loss of b", loss(result.loss_b)}},
                  out.style()));
}

}  // namespace

void add_compare_options(CLI::App& app, CompareOptions& options) {
  const char* what = "A file with U and V, as fit --output writes it, or Python";
  add_text(app, "A", options.a, "F.pt", what);
  add_text(app, "B", options.b, "F.pt", what);
  add_factor_names(app, options.names, "A and B");
  add_matrix_options(app, "--matrix", "Judge both by this matrix: the squared error over its observed entries",
                     options.matrix);
  add_output_options(app, options.common);
  for (const char* name : {"A", "B"}) require(app, name);
  set_examples(app,
               "  factorise compare factors.pt python.pt\n"
               "  factorise compare a.pt b.pt --matrix ratings.pt --missing zero --json -");
}

void compare(const CompareOptions& options) {
  check_combinations(options.matrix, "--matrix");
  check_factor_names(options.names);
  check_writable(options.common.json, "--json", /*by_write_json=*/true);
  const Output out(options.common);
  const auto load = [&](const std::string& file) {
    return load_model(file, options.names, /*only_where_missing=*/true);
  };
  const Model a = load(options.a), b = load(options.b);
  for (const Model* model : {&a, &b}) notice_left_out(*model, out);
  if (options.names.given() && !a.is_named && !b.is_named) {
    refuse_value(fmt::format("--u and --v name tensors of a file without U and V, but {} and {} have both.", options.a,
                             options.b));
  }
  const Compared result = compared(options, a, b, out);
  if (!options.common.json.empty()) write_json(options.common.json, json_of(options, result));
  if (options.common.json != "-") print(options, a, b, result, out);
}

}  // namespace factorise::programs
