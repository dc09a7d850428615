#pragma once
// The sentence of a FileError.

#include <factorise/io.h>

#include <string>

namespace factorise::tests {

/// What `action` is refused with; empty where it is not.
template <class Action>
std::string refusal_of(Action action) {
  try {
    action();
  } catch (const FileError& error) {
    return error.what_without_backtrace();
  }
  return "";
}

inline bool holds(const std::string& sentence, const std::string& part) {
  return sentence.find(part) != std::string::npos;
}

}  // namespace factorise::tests
