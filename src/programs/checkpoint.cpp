// Checkpoints are .pt files: `factorise show` and Python read them too.

#include "programs/checkpoint.h"

#include <ATen/core/Tensor.h>
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

}  // namespace

void save_checkpoint(const std::string& file, const State& state, const Settings& settings) {
  std::vector<std::pair<std::string, PtEntry>> dict{
      {"format", std::string(kFormat)}, {"U", state.factors->U}, {"V", state.factors->V}, {"epoch", state.epoch}};
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
