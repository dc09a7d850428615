#pragma once
// What comes from a file, or is a file's name, made fit for a sentence and for a terminal.

#include <cstddef>
#include <string>
#include <string_view>

namespace factorise {

/// The text on one line, as valid UTF-8 that no terminal obeys. Escaped are: control characters (C0, DEL, and C1 in
/// their UTF-8 form) and characters that reorder or hide text (Unicode's bidirectional controls, line separators and
/// tags; UTR 36, section 3), as \x1b or \u202e; bytes that are no UTF-8, as \x9b. A text that is longer than `longest`
/// bytes then is cut between two characters, and ends in "…" and what it had.
std::string printable(std::string_view text, size_t longest = std::string_view::npos);

/// The same for a text of our own that quotes others: its line breaks stay.
std::string printable_lines(std::string_view text);

/// A JSON text with those characters in its strings as JSON's \u009b: the same value. `json` must be UTF-8.
std::string printable_json(std::string_view json);

}  // namespace factorise
