#pragma once
// A model in a file: the U and V that `fit --output` writes, or that Python saved.

#include <factorise/factors.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "io/pairs.h"

namespace factorise::programs {

struct Model {
  std::string file;
  Factors factors;
  std::optional<double> loss;  ///< the squared error that the file says, where it says one
  Axis rows{0}, columns{0};    ///< with the ids of --entries, where it was fitted to such
};

/// Reads U and V from a dict with these names, or from a tuple or list of two matrices, as `torch.save((U, V), ...)`
/// writes what the sheet's functions return. Throws FileError where there are none, or none that belong together.
Model load_model(const std::string& file);

/// The row or column that is called so. Throws c10::ValueError, naming the option, where there is none.
int64_t index_of(const Model& model, const Axis& axis, const char* option, const std::string& id);

/// What the row or column with this index is called: a number or a string.
nlohmann::ordered_json json_id(const Axis& axis, int64_t index);

/// The i-th of a list, the same.
nlohmann::ordered_json json_id(const Ids& ids, int64_t i);

/// "1000 x 10000, rank 5".
std::string shape_text(const Model& model);

}  // namespace factorise::programs
