#pragma once
// What a .pt file holds, without its dicts and lists: each part under the name that load_tensor and `show` know it by.

#include <factorise/io.h>

#include <string>
#include <vector>

namespace factorise {

/// Something in a file that is no container (or an empty one, or a list of strings alone, such as ids), and the path
/// that leads to it: its keys and indices, joined with dots.
struct Leaf {
  std::string name;
  PtValue value;
};

/// All of them, depth first, in the file's order.
std::vector<Leaf> leaves(const PtValue& value);

/// What load_tensor returns of a file, of one that has been read. Throws FileError, as that does.
at::Tensor tensor_in(const PtValue& value, const std::filesystem::path& path, const std::string& key = "");

}  // namespace factorise
