// Checkpoints are .pt files: `factorise show` and Python read them too.

#include "programs/checkpoint.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <factorise/io.h>
#include <fmt/format.h>

#include <map>

#include "io/contents.h"
#include "io/pt_leaves.h"
#include "programs/command_line.h"

namespace factorise::programs {
namespace {

constexpr char kFormat[] = "factorise checkpoint 1";

/// The values of a file, each refused where it is missing or of another type.
class Values {
 public:
  explicit Values(const std::string& file) : file_(file) {
    for (const Leaf& leaf : leaves(load_pt(file))) {
      if (!leaf.value.is_tensor() || !leaf.value.tensor().is_sparse()) values_[leaf.name] = leaf.value;
    }
    if (!has("format") || get<std::string>("format") != kFormat) {
      refuse_file(fmt::format("{} must be a checkpoint, as fit --checkpoint writes it, but is not.", file));
    }
  }

  bool has(const std::string& name) const { return values_.contains(name); }

  template <class T>
  T get(const std::string& name) const {
    const auto found = values_.find(name);
    const T* value = found == values_.end() ? nullptr : std::get_if<T>(&found->second.value);
    if (!value) refuse_file(fmt::format("{} must hold {}, as every checkpoint, but does not.", file_, name));
    return *value;
  }

 private:
  std::string file_;
  std::map<std::string, PtValue> values_;
};

using Dict = std::vector<std::pair<std::string, PtEntry>>;

/// The tensors of a posterior by their names; `visit` is called with each. The draws are apart.
template <class PosteriorType, class Visit>
void visit_tensors(PosteriorType& posterior, Visit visit) {
  visit("rows", posterior.rows);
  visit("columns", posterior.columns);
  visit("mean_U", posterior.mean.U);
  visit("mean_V", posterior.mean.V);
  visit("means", posterior.means);
  visit("squares", posterior.squares);
  visit("noise", posterior.noise);
  visit("errors", posterior.errors);
}

void add_posterior(Dict& dict, const Posterior& posterior) {
  visit_tensors(posterior, [&](const char* name, const at::Tensor& tensor) {
    if (tensor.defined()) dict.emplace_back(name, tensor);
  });
  dict.emplace_back("burned_in", posterior.burn_in);
  dict.emplace_back("has_biases", posterior.has_biases);
  dict.emplace_back("observed_mean", posterior.observed_mean);
  dict.emplace_back("draws", std::ssize(posterior.draws));
  for (const auto& [name, draws] : {std::pair("draws", &posterior.draws), std::pair("unseen", &posterior.unseen)}) {
    if (draws->empty()) continue;
    std::vector<at::Tensor> U, V;
    for (const Factors& draw : *draws) {
      U.push_back(draw.U);
      V.push_back(draw.V);
    }
    dict.emplace_back(fmt::format("{}_U", name), at::stack(U));
    dict.emplace_back(fmt::format("{}_V", name), at::stack(V));
  }
  if (!posterior.row_priors.empty()) dict.emplace_back("row_priors", at::stack(posterior.row_priors));
}

Posterior posterior_of(const std::string& file, const Values& values) {
  Posterior posterior;
  visit_tensors(posterior, [&](const char* name, at::Tensor& tensor) {
    if (values.has(name)) tensor = values.get<at::Tensor>(name);
  });
  posterior.burn_in = values.get<int64_t>("burned_in");
  posterior.has_biases = values.get<bool>("has_biases");
  posterior.observed_mean = values.get<double>("observed_mean");
  const auto count = values.get<int64_t>("draws");
  for (const auto& [name, draws] : {std::pair("draws", &posterior.draws), std::pair("unseen", &posterior.unseen)}) {
    if (count == 0) break;
    const auto U = values.get<at::Tensor>(fmt::format("{}_U", name)),
               V = values.get<at::Tensor>(fmt::format("{}_V", name));
    if (U.dim() != 3 || V.dim() != 3 || U.size(0) != count || V.size(0) != count || U.size(2) != V.size(2)) {
      refuse_file(fmt::format("{} must hold {} draws of U and V, but does not.", file, count));
    }
    for (int64_t i = 0; i < count; ++i) draws->push_back({U[i].contiguous(), V[i].contiguous()});
  }
  if (count == 0) return posterior;
  const auto priors = values.get<at::Tensor>("row_priors");
  if (priors.dim() != 3 || priors.size(0) != count) {
    refuse_file(fmt::format("{} must hold {} priors of the rows, but does not.", file, count));
  }
  for (int64_t i = 0; i < count; ++i) posterior.row_priors.push_back(priors[i].contiguous());
  return posterior;
}

}  // namespace

void save_checkpoint(const std::string& file, const State& state, const Settings& settings) {
  Dict dict{{"format", std::string(kFormat)}, {"epoch", state.epoch}};
  if (state.factors) dict.insert(dict.end(), {{"U", state.factors->U}, {"V", state.factors->V}});
  if (state.posterior) add_posterior(dict, *state.posterior);
  if (state.best) {
    dict.insert(dict.end(), {{"best_U", state.best->factors.U},
                             {"best_V", state.best->factors.V},
                             {"best_rmse", state.best->error},
                             {"best_epoch", state.best->epoch},
                             {"worse", state.worse}});
  }
  for (const auto& [name, text] : settings) dict.emplace_back(name, text);
  save_pt(file, dict);
}

State load_checkpoint(const std::string& file, const Settings& settings) {
  const Values values(file);
  for (const auto& [name, text] : settings) {
    const auto before = values.get<std::string>(name);
    if (before != text) {
      refuse_value(fmt::format("{} is of another run: {} was {}, but is {}. Give what was given then.", file, name,
                               shown(before), text));
    }
  }
  State state;
  state.epoch = values.get<int64_t>("epoch");
  if (values.has("draws")) {
    state.posterior = posterior_of(file, values);
    return state;
  }
  state.factors = {values.get<at::Tensor>("U"), values.get<at::Tensor>("V")};
  if (values.has("best_U")) {
    state.best = Patience::Best{{values.get<at::Tensor>("best_U"), values.get<at::Tensor>("best_V")},
                                values.get<double>("best_rmse"),
                                values.get<int64_t>("best_epoch")};
    state.worse = values.get<int64_t>("worse");
  }
  return state;
}

}  // namespace factorise::programs
