#pragma once
// NumPy's .npy files: one array, its type and shape in a line of text before it.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace factorise {

/// Reads a matrix: formats 1.0 to 3.0, real numbers of 8 to 64 bits and bool, in either order of bytes and of memory.
/// uint16, uint32 and uint64 become int32 and, both, int64: torch computes with those. Nothing in the file is run:
/// arrays of objects are refused. Throws FileError, also where a uint64 is beyond int64.
at::Tensor load_npy(const std::filesystem::path& path);

/// The same of bytes in memory. `where` begins every message: "[load_npy] file.npy".
at::Tensor parse_npy(const std::string& where, std::string_view bytes);

/// Writes a tensor as format 1.0. Whole or not at all. Throws FileError; c10::ValueError for types that NumPy has not.
void save_npy(const std::filesystem::path& path, const at::Tensor& tensor);

}  // namespace factorise
