#pragma once
// NumPy's .npy files: one array, its type and shape in a line of text before it.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace factorise {

/// Reads a matrix: formats 1.0 to 3.0, little-endian numbers of the types that torch has, bool too, in either order of
/// memory. Nothing in the file is run: arrays of objects are refused. Throws FileError.
at::Tensor load_npy(const std::filesystem::path& path);

/// Writes a tensor as format 1.0. Whole or not at all. Throws FileError; c10::ValueError for types that NumPy has not.
void save_npy(const std::filesystem::path& path, const at::Tensor& tensor);

}  // namespace factorise
