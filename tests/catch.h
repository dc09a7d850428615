#pragma once
// Catch2, version 2 or 3. Include it after every torch header: torch's logging has a CHECK macro of its own.

#include <string>

#undef CHECK
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

namespace factorise::tests {

/// A matcher of strings that contain another. Version 3 calls it otherwise.
inline auto contains(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

}  // namespace factorise::tests
