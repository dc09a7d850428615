#pragma once
// JSON and other results in files. A file that cannot be written is refused before a long run.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace factorise::programs {

/// Writes the value, indented, to a file (whole or not at all) or, for "-", to stdout. NaN and infinity become null.
/// A target that is no regular file, as bash's >(jq .) and /dev/stderr, is written to directly. Throws FileError.
void write_json(const std::string& target, const nlohmann::ordered_json& value);

/// Refuses a file that cannot be written: no such folder, not allowed, is a folder or, unless write_json will write it,
/// a device or pipe. `option` is named in the message. Throws FileError. No file is left behind; "" and "-" are
/// accepted.
void check_writable(const std::string& path, const std::string& option, bool by_write_json = false);

/// The same for a folder that files will be written into, which is made where it is missing.
void make_folder(const std::string& path, const std::string& option);

/// A tensor as nested lists of numbers; integers and bools stay what they are.
nlohmann::ordered_json to_json(const at::Tensor& tensor);

/// A number, or null where it is not finite.
nlohmann::ordered_json number(double value);

}  // namespace factorise::programs
