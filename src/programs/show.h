#pragma once
// `factorise show`: prints the contents of a .pt file, without Python and without running any code of the file.

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

/// Counts and extremes of a tensor's elements. NaN is counted and otherwise left out.
struct Statistics {
  int64_t elements = 0, zeros = 0, nan = 0;
  std::optional<double> min, max, mean;  ///< of the elements that are not NaN; nothing where there are none
};

/// Of a sparse tensor those of its entries. One pass, a piece of memory at a time, so that a file larger than memory
/// can be shown.
Statistics statistics(const at::Tensor& tensor);

/// The first rows and columns as lines of aligned numbers, each indented by two; of a tensor of more dimensions the
/// first matrix, of a sparse one the first entries with their places. "…" marks the parts left out.
std::string corner(const at::Tensor& tensor);

/// An entry of a sparse tensor.
struct Entry {
  std::vector<int64_t> place;  ///< its indices
  at::Tensor value;            ///< a single one, unless the tensor has dense dimensions
};

/// The entries that corner() shows of a sparse tensor.
std::vector<Entry> first_entries(const at::Tensor& tensor);

/// The part that corner() shows of a dense one: a tensor of at most two dimensions.
at::Tensor corner_tensor(const at::Tensor& tensor);

}  // namespace factorise::programs
