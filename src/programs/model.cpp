// Finding U and V, and refusing what cannot be them.

#include "programs/model.h"

#include <ATen/core/Tensor.h>
#include <factorise/io.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "io/contents.h"
#include "io/pt_leaves.h"
#include "programs/command_line.h"

namespace factorise::programs {
namespace {

bool is_factor(const Tensor& tensor) {
  return !tensor.is_sparse() && tensor.dim() == 2 && tensor.numel() > 0 && c10::isFloatingType(tensor.scalar_type());
}

}  // namespace

Model load_model(const std::string& file) {
  Model model{file, {}, std::nullopt};
  Tensor first, second;  // of a tuple
  for (const Leaf& leaf : leaves(load_pt(file))) {
    if (leaf.name == "row_ids") model.rows.ids = ids_in(leaf.value).value_or(Ids());
    if (leaf.name == "column_ids") model.columns.ids = ids_in(leaf.value).value_or(Ids());
    if (leaf.value.is_tensor() && !leaf.value.tensor().is_sparse()) {
      const Tensor& tensor = leaf.value.tensor();
      if (leaf.name == "U") model.factors.U = tensor;
      if (leaf.name == "V") model.factors.V = tensor;
      if (leaf.name == "0") first = tensor;
      if (leaf.name == "1") second = tensor;
    } else if (const auto* loss = std::get_if<double>(&leaf.value.value); loss && leaf.name == "loss") {
      model.loss = *loss;
    }
  }
  auto& [U, V] = model.factors;
  if (!U.defined() && !V.defined()) model.factors = {first, second};
  if (!U.defined() || !V.defined()) {
    refuse_file(
        fmt::format("{} must hold U and V, as fit --output writes them, or a tuple of the two, but does not.", file));
  }
  if (!is_factor(U) || !is_factor(V) || U.size(1) != V.size(1)) {
    refuse_file(
        fmt::format("{}: U and V must be matrices of real numbers with as many columns as each other, but are not. "
                    "See factorise show {}.",
                    file, file));
  }
  if (!U.isfinite().all().item<bool>() || !V.isfinite().all().item<bool>()) {
    refuse_file(fmt::format("{}: U and V must be finite, but hold NaN or infinity.", file));
  }
  model.rows.size = U.size(0);
  model.columns.size = V.size(0);
  if (!are_ids(model.rows.ids, U.size(0)) || !are_ids(model.columns.ids, V.size(0))) {
    refuse_file(
        fmt::format("{}: row_ids and column_ids must name every row of U and V once, ascending, but do not.", file));
  }
  return model;
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

std::string shape_text(const Model& model) {
  return fmt::format("{} x {}, rank {}", model.factors.U.size(0), model.factors.V.size(0), model.factors.U.size(1));
}

}  // namespace factorise::programs
