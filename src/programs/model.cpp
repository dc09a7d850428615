// Finds U and V, and refuses tensors that cannot be them.

#include "programs/model.h"

#include <ATen/core/Tensor.h>
#include <factorise/io.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "io/contents.h"
#include "io/pt_leaves.h"
#include "io/text.h"
#include "programs/command_line.h"

namespace factorise::programs {
namespace {

constexpr size_t kMostNames = 6;

bool is_factor(const Tensor& tensor) {
  return !tensor.is_sparse() && tensor.dim() == 2 && tensor.numel() > 0 && c10::isFloatingType(tensor.scalar_type());
}

/// The tensors of a file by their names.
class Contents {
 public:
  explicit Contents(const std::string& file) : leaves_(leaves(load_pt(file))) {}

  const std::vector<Leaf>& all() const { return leaves_; }

  Tensor tensor(const std::string& name) const {
    for (const Leaf& leaf : leaves_) {
      if (leaf.name == name && leaf.value.is_tensor()) return leaf.value.tensor();
    }
    return {};
  }

  Ids ids(const std::string& name) const {
    for (const Leaf& leaf : leaves_) {
      if (leaf.name == name) return ids_in(leaf.value).value_or(Ids());
    }
    return {};
  }

  std::optional<double> real(const std::string& name) const { return value<double>(name); }
  std::optional<int64_t> whole(const std::string& name) const { return value<int64_t>(name); }

 private:
  template <class T>
  std::optional<T> value(const std::string& name) const {
    for (const Leaf& leaf : leaves_) {
      const auto* held = std::get_if<T>(&leaf.value.value);
      if (held && leaf.name == name) return *held;
    }
    return std::nullopt;
  }

  std::vector<Leaf> leaves_;
};

std::string shape_text(const Tensor& tensor) { return fmt::format("{} x {}", tensor.size(0), tensor.size(1)); }

/// The matrices that share their number of columns with another: candidates for U and V.
std::vector<std::vector<Leaf>> candidates(const Contents& contents) {
  std::vector<std::vector<Leaf>> groups;
  for (const Leaf& leaf : contents.all()) {
    if (!leaf.value.is_tensor() || !is_factor(leaf.value.tensor())) continue;
    const auto rank = [](const Leaf& of) { return of.value.tensor().size(1); };
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const std::vector<Leaf>& other) { return rank(other[0]) == rank(leaf); });
    if (group == groups.end()) {
      groups.push_back({leaf});
    } else {
      group->push_back(leaf);
    }
  }
  std::erase_if(groups, [](const std::vector<Leaf>& group) { return group.size() < 2; });
  std::stable_sort(groups.begin(), groups.end(), [](const std::vector<Leaf>& a, const std::vector<Leaf>& b) {
    return a[0].value.tensor().size(1) > b[0].value.tensor().size(1);  // biases, of one column, last
  });
  return groups;
}

/// "u.weight (943 x 20) and v.weight (1682 x 20)".
std::string listed(const std::vector<Leaf>& group) {
  std::vector<std::string> names;
  for (const Leaf& leaf : group) {
    if (names.size() == kMostNames) break;
    names.push_back(fmt::format("{} ({})", shown(leaf.name), shape_text(leaf.value.tensor())));
  }
  if (group.size() > kMostNames) names.push_back(fmt::format("{} more", group.size() - kMostNames));
  const std::string last = names.back();
  names.pop_back();
  return fmt::format("{} and {}", fmt::join(names, ", "), last);
}

/// Which of a file's tensors --u and --v could name, as sentences; "" where none could.
std::string advice(const Contents& contents) {
  const auto groups = candidates(contents);
  if (groups.empty()) return "";
  const auto& [first, second] = std::pair(groups[0][0], groups[0][1]);
  return fmt::format(
      " It holds {}, of as many columns as each other: --u {} --v {} takes these two, --u the one whose "
      "rows are the matrix's rows.",
      listed(groups[0]), shown(first.name), shown(second.name));
}

Factors named_factors(const std::string& file, const FactorNames& names, const Contents& contents) {
  Factors factors;
  for (const auto& [option, name, factor] :
       {std::tuple("--u", names.u, &factors.U), std::tuple("--v", names.v, &factors.V)}) {
    *factor = contents.tensor(name);
    if (factor->defined()) continue;
    refuse_file(fmt::format("{} must name a tensor of {}, but there is none called '{}'.{} See factorise show {}.",
                            option, file, shown(name), advice(contents), file));
  }
  return factors;
}

/// Vectors of real numbers, one for each row of U or of V: most likely biases.
std::vector<std::string> biases(const Contents& contents, const Factors& factors) {
  const int64_t m = factors.U.size(0), n = factors.V.size(0);
  std::vector<std::string> names;
  for (const Leaf& leaf : contents.all()) {
    if (!leaf.value.is_tensor()) continue;
    const Tensor& tensor = leaf.value.tensor();
    const bool is_vector = tensor.dim() == 1 || (tensor.dim() == 2 && tensor.size(1) == 1);
    const bool is_chosen = tensor.is_same(factors.U) || tensor.is_same(factors.V);
    if (is_vector && !is_chosen && c10::isFloatingType(tensor.scalar_type()) &&
        (tensor.size(0) == m || tensor.size(0) == n)) {
      names.push_back(shown(leaf.name));
    }
  }
  return names;
}

/// U and V by their own names, or the two of a tuple; undefined where there are none.
Factors own_factors(const Contents& contents) {
  const Factors factors{contents.tensor("U"), contents.tensor("V")};
  if (factors.U.defined() || factors.V.defined()) return factors;
  return {contents.tensor("0"), contents.tensor("1")};
}

void check_factors(const std::string& file, const Factors& factors) {
  const auto& [U, V] = factors;
  if (!is_factor(U) || !is_factor(V) || U.size(1) != V.size(1)) {
    refuse_file(
        fmt::format("{}: U and V must be matrices of real numbers with as many columns as each other, but are not. "
                    "See factorise show {}.",
                    file, file));
  }
  if (!U.isfinite().all().item<bool>() || !V.isfinite().all().item<bool>()) {
    refuse_file(fmt::format("{}: U and V must be finite, but hold NaN or infinity.", file));
  }
}

bool are_counts(const Tensor& counts, int64_t size) {
  return !counts.defined() || (counts.scalar_type() == at::kLong && counts.dim() == 1 && counts.size(0) == size &&
                               counts.ge(0).all().item<bool>());
}

/// The observations that add_observations wrote; nothing for a file of another program.
std::optional<Observations> read_observations(const std::string& file, const Contents& contents,
                                              const Factors& factors) {
  const auto mean = contents.real("observed_mean");
  if (!mean) return std::nullopt;
  const auto low = contents.real("observed_min"), high = contents.real("observed_max");
  Observations observed{contents.tensor("row_counts"), contents.tensor("column_counts"), *mean, {}};
  if (!low || !high || !(*low <= *mean && *mean <= *high) || !std::isfinite(*low) || !std::isfinite(*high) ||
      !are_counts(observed.row_counts, factors.U.size(0)) || !are_counts(observed.column_counts, factors.V.size(0))) {
    refuse_file(
        fmt::format("{}: observed_mean must lie between observed_min and observed_max, and row_counts and "
                    "column_counts hold a whole number for every row of U and V, but do not.",
                    file));
  }
  observed.range = {*low, *high};
  return observed;
}

/// The draws that fit --method gibbs wrote; nothing for other files.
std::optional<Draws> read_draws(const std::string& file, const Contents& contents, const Factors& factors) {
  const auto count = contents.whole("draws");
  const auto noise = contents.real("noise_variance");
  if (!count || !noise) return std::nullopt;
  if (*count < 1 || factors.U.size(1) % *count != 0 || !(*noise >= 0)) {
    refuse_file(
        fmt::format("{}: draws must divide the columns of U and V, and noise_variance be at least 0, but are {} "
                    "and {}.",
                    file, *count, *noise));
  }
  const Factors unseen{contents.tensor("unseen_U"), contents.tensor("unseen_V")};
  for (const Tensor& row : {unseen.U, unseen.V}) {
    if (unseen.U.defined() == unseen.V.defined() && !row.defined()) continue;
    if (row.defined() && is_factor(row) && row.size(0) == 1 && row.size(1) == factors.U.size(1)) continue;
    refuse_file(
        fmt::format("{}: unseen_U and unseen_V must be 1 x {}, as a row of U, but are not.", file, factors.U.size(1)));
  }
  return Draws{*count, *noise, unseen};
}

/// Two finite numbers, the first no larger than the second; nothing for any other text.
std::optional<Range> two_numbers(std::string_view text) {
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto low = number_in<double>(text.substr(0, comma)), high = number_in<double>(text.substr(comma + 1));
  if (!low || !high || !std::isfinite(*low) || !std::isfinite(*high) || *low > *high) return std::nullopt;
  return Range{*low, *high};
}

}  // namespace

void add_factor_names(CLI::App& app, FactorNames& names, const std::string& of) {
  add_text(app, "--u", names.u, "NAME",
           fmt::format("The tensor of {} that is U, by the name that show lists; where it is not called U", of));
  add_text(app, "--v", names.v, "NAME", "The one that is V, the same");
}

void check_factor_names(const FactorNames& names) {
  if (names.u.empty() != names.v.empty()) throw UsageError("--u and --v must be given together.");
}

Model load_model(const std::string& file, const FactorNames& names, bool only_where_missing) {
  const Contents contents(file);
  Model model{file, own_factors(contents), contents.real("loss"), std::nullopt};
  const bool has_own = model.factors.U.defined() && model.factors.V.defined();
  if (names.given() && !(only_where_missing && has_own)) {
    model.factors = named_factors(file, names, contents);
    model.is_named = true;
  } else if (!has_own) {
    refuse_file(fmt::format("{} must hold U and V, as fit --output writes them, or a tuple of the two, but does not.{}",
                            file, advice(contents)));
  }
  check_factors(file, model.factors);
  if (model.is_named) model.left_out = biases(contents, model.factors);
  model.rows = {model.factors.U.size(0), contents.ids("row_ids")};
  model.columns = {model.factors.V.size(0), contents.ids("column_ids")};
  if (!are_ids(model.rows.ids, model.rows.size) || !are_ids(model.columns.ids, model.columns.size)) {
    refuse_file(
        fmt::format("{}: row_ids and column_ids must name every row of U and V once, ascending, but do not.", file));
  }
  model.observed = read_observations(file, contents, model.factors);
  if (!model.is_named) model.draws = read_draws(file, contents, model.factors);
  return model;
}

void notice_left_out(const Model& model, const Output& out) {
  if (model.left_out.empty()) return;
  out.notice(fmt::format("{}: {} {} left out: entries are those of U Vᵀ alone, without biases.", model.file,
                         fmt::join(model.left_out, ", "), model.left_out.size() == 1 ? "is" : "are"));
}

void add_observations(std::vector<std::pair<std::string, PtEntry>>& dict, const Observations& observed) {
  dict.emplace_back("observed_mean", observed.mean);
  dict.emplace_back("observed_min", observed.range.low);
  dict.emplace_back("observed_max", observed.range.high);
  if (!observed.row_counts.defined()) return;
  dict.emplace_back("row_counts", observed.row_counts);
  dict.emplace_back("column_counts", observed.column_counts);
}

int64_t index_of(const Model& model, const Axis& axis, const char* option, const std::string& id) {
  const std::optional<int64_t> index = axis.index_of(id);
  if (!index) {
    refuse_value(fmt::format("{} must be {} in {}, but was {}.", option, axis.limits(), model.file, shown(id)));
  }
  return *index;
}

nlohmann::ordered_json json_id(const Axis& axis, int64_t index) {
  return axis.ids.defined() ? json_id(axis.ids, index) : nlohmann::ordered_json(index);
}

nlohmann::ordered_json json_id(const Ids& ids, int64_t i) {
  return ids.are_texts() ? nlohmann::ordered_json(ids.text(i)) : nlohmann::ordered_json(ids.number(i));
}

void check_has_draws(const Model& model, const char* option) {
  if (model.draws && model.draws->count > 1) return;
  refuse_value(fmt::format("{} needs a model with two draws or more, as fit --method gibbs writes it, but {} {}.",
                           option, model.file, model.draws ? "has one" : "has none"));
}

std::string shape_text(const Model& model) {
  if (const auto& draws = model.draws) {
    return fmt::format("{} x {}, {} draws of {} columns", model.factors.U.size(0), model.factors.V.size(0),
                       draws->count, model.factors.U.size(1) / draws->count);
  }
  return fmt::format("{} x {}, rank {}", model.factors.U.size(0), model.factors.V.size(0), model.factors.U.size(1));
}

void add_clip(CLI::App& app, Clip& clip, const std::string& what) {
  add_text(
      app, "--clip", clip.text, "LOW,HIGH",
      fmt::format("Keep {} between these two, as 1,5; auto: between the lowest and highest seen in training", what));
}

void check_clip(const Clip& clip) {
  if (clip.text.empty() || clip.text == "auto" || two_numbers(clip.text)) return;
  throw UsageError(
      fmt::format("--clip must be auto or two numbers, LOW,HIGH, the first no larger, but was '{}'.", clip.text));
}

std::optional<Range> range_of(const Clip& clip, const std::optional<Observations>& observed, const std::string& file) {
  if (clip.text.empty()) return std::nullopt;
  if (clip.text != "auto") return two_numbers(clip.text);
  if (!observed) {
    refuse_value(fmt::format(
        "{} does not say between which values it was fitted: give --clip LOW,HIGH in place of auto.", file));
  }
  return observed->range;
}

}  // namespace factorise::programs
