#pragma once
// Bytes of files that other programs wrote, as they stand in a test.

#include <string>

namespace factorise::tests {

inline std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

}  // namespace factorise::tests
