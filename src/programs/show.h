#pragma once
// `factorise show`: what a .pt file holds, without Python and without running anything in it.

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "programs/command_line.h"

namespace factorise::programs {

struct ShowOptions {
  CommonOptions common;  ///< json and quiet alone
  std::string file, key;
};

void add_show_options(CLI::App& app, ShowOptions& options);

/// Reads and prints. Throws FileError.
void show(const ShowOptions& options);

/// What it says of tensors: counts and extremes of a tensor's elements. NaN is counted and otherwise left out.
struct Statistics {
  int64_t elements = 0, zeros = 0, nan = 0;
  std::optional<double> min, max, mean;  ///< of what is not NaN; nothing where there is nothing
};

/// Of a sparse tensor those of its entries. One pass, a piece of memory at a time, so that a file larger than memory
/// can be shown.
Statistics statistics(const at::Tensor& tensor);

/// The first rows and columns as lines of aligned numbers, each indented by two; of a tensor of more dimensions the
/// first matrix, of a sparse one the first entries with their places. "…" stands for what is left out.
std::string corner(const at::Tensor& tensor);

/// An entry of a sparse tensor.
struct Entry {
  std::vector<int64_t> place;  ///< its indices
  at::Tensor value;            ///< a single one, unless the tensor has dense dimensions
};

/// What corner() shows of a sparse tensor.
std::vector<Entry> first_entries(const at::Tensor& tensor);

/// What corner() shows of a dense one, as a tensor: at most two dimensions.
at::Tensor corner_tensor(const at::Tensor& tensor);

}  // namespace factorise::programs
