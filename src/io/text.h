#pragma once
// Text as it is read from files: lines, and numbers that are a whole field.

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace factorise {

/// Takes the first line off a text, without its end, \n or \r\n.
inline std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// A field as a number; nothing where it is anything else, spaces and a plus sign included.
template <class T>
std::optional<T> number_in(std::string_view field) {
  T number{};
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return number;
}

}  // namespace factorise
