#pragma once
// A model in a file: the U and V that `fit --output` writes, or that Python saved.

#include <factorise/factors.h>

#include <optional>
#include <string>

namespace factorise::programs {

struct Model {
  std::string file;
  Factors factors;
  std::optional<double> loss;  ///< the squared error that the file says, where it says one
};

/// Reads U and V from a dict with these names, or from a tuple or list of two matrices, as `torch.save((U, V), ...)`
/// writes what the sheet's functions return. Throws FileError where there are none, or none that belong together.
Model load_model(const std::string& file);

/// "1000 x 10000, rank 5".
std::string shape_text(const Model& model);

}  // namespace factorise::programs
