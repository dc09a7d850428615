// Character by character: what is no UTF-8, or is obeyed in place of being shown, is written in ASCII.

#include "io/printable.h"

#include <c10/util/StringUtil.h>

#include <cstdint>

#include "io/utf8.h"

namespace factorise {
namespace {

struct Range {
  uint32_t first, last;
};

/// What is not shown but changes how the rest is.
constexpr Range kObeyed[] = {
    {0x00, 0x1f},        // C0
    {0x7f, 0x9f},        // DEL and C1, among them CSI, U+009B
    {0xad, 0xad},        // soft hyphen
    {0x61c, 0x61c},      // Arabic letter mark
    {0x200b, 0x200b},    // zero width space
    {0x200e, 0x200f},    // left-to-right and right-to-left marks
    {0x2028, 0x202e},    // line and paragraph separators; embeddings and overrides
    {0x2060, 0x206f},    // word joiner, invisible operators, isolates
    {0xfeff, 0xfeff},    // byte-order mark
    {0xfff9, 0xfffb},    // interlinear annotations
    {0xe0000, 0xe007f},  // tags
};

bool is_obeyed(uint32_t code) {
  for (const auto& [first, last] : kObeyed) {
    if (first <= code && code <= last) return true;
  }
  return false;
}

/// The character that `bytes`, which is all of its UTF-8 form, stands for.
uint32_t code_of(std::string_view bytes) {
  const auto lead = static_cast<uint8_t>(bytes[0]);
  if (bytes.size() == 1) return lead;
  uint32_t code = lead & (0xffU >> (bytes.size() + 1));
  for (const char c : bytes.substr(1)) code = code << 6 | (static_cast<uint8_t>(c) & 0x3fU);
  return code;
}

std::string hexadecimal(uint32_t number, int digits) {
  std::string text;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += "0123456789abcdef"[number >> shift & 0xf];
  return text;
}

enum class Form { line, lines, json };

std::string escaped(uint32_t code, Form form) {
  if (form == Form::json && code >= 0x10000) {
    const uint32_t above = code - 0x10000;  // UTF-16's two halves
    return "\\u" + hexadecimal(0xd800 + (above >> 10), 4) + "\\u" + hexadecimal(0xdc00 + (above & 0x3ff), 4);
  }
  if (form != Form::json && code < 0x80) return "\\x" + hexadecimal(code, 2);
  return code < 0x10000 ? "\\u" + hexadecimal(code, 4) : "\\U" + hexadecimal(code, 8);
}

std::string clean(std::string_view text, size_t longest, Form form) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text.substr(at));
    const std::string_view bytes = text.substr(at, length);
    std::string part;
    if (length == 0) {
      part = "\\x" + hexadecimal(static_cast<uint8_t>(text[at]), 2);
    } else if (is_obeyed(code_of(bytes)) && !(form != Form::line && bytes == "\n")) {
      part = escaped(code_of(bytes), form);
    } else {
      part = bytes;
    }
    if (part.size() > longest - result.size()) return c10::str(result, "… (", text.size(), " bytes)");
    result += part;
    at += length == 0 ? 1 : length;
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text, size_t longest) { return clean(text, longest, Form::line); }

std::string printable_lines(std::string_view text) { return clean(text, std::string_view::npos, Form::lines); }

std::string printable_json(std::string_view json) { return clean(json, std::string_view::npos, Form::json); }

}  // namespace factorise
