#pragma once
// A text file line by line, without what says nothing: comments and blank lines.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "io/text.h"
#include "io/text_format.h"

namespace factorise {

/// The lines of a text that hold something. A byte-order mark, blank lines and lines that begin with # or % are passed
/// over.
class TextLines {
 public:
  explicit TextLines(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

  /// The next one; false at the end.
  bool next(std::string_view& line) {
    while (!rest_.empty()) {
      begin_ = rest_.data();
      line = take_line(rest_);
      number_ = ++last_;
      if (line.empty() || line[0] == '#' || line[0] == '%') continue;
      if (line[0] > ' ' || line.find_first_not_of(" \t") != std::string_view::npos) return true;
    }
    number_ = last_ + 1;
    return false;
  }

  /// Adds the line after it to the one that next() gave, as in quotes: false at the end.
  bool extend(std::string_view& line) {
    if (rest_.empty()) return false;
    std::string_view more = take_line(rest_);
    ++last_;
    line = {begin_, static_cast<size_t>(more.data() + more.size() - begin_)};
    return true;
  }

  /// Where the line that next() gave begins, from 1; after the last, one more than that.
  int64_t number() const { return number_; }
  /// What next() has not given yet.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  const char* begin_ = nullptr;
  int64_t number_ = 0, last_ = 0;
};

/// Completes a line whose quoted field goes on in the next ones, where `has_quotes`. `refuse` as find_format's.
template <class Refuse>
void complete_record(TextLines& lines, std::string_view& line, Separator separator, const Refuse& refuse) {
  constexpr int kMostLines = 1000;
  for (int i = 0;; ++i) {
    if (line.find('"') == std::string_view::npos) return;
    FieldReader reader(line, separator);
    for (Field field; reader.next(field);) continue;
    if (!reader.is_open()) return;
    if (i == kMostLines || !lines.extend(line)) refuse("the quote opened here must be closed, but never is.");
  }
}

}  // namespace factorise
