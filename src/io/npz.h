#pragma once
// NumPy's .npz: a zip of .npy files, stored or deflated, each array under its name.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

namespace factorise {

/// The array called `key`, or the only one where `key` is empty; as load_npy reads it. Throws FileError where there is
/// no such array or, without a key, more than one; the message lists the names that there are.
at::Tensor load_npz(const std::filesystem::path& path, const std::string& key = "");

}  // namespace factorise
