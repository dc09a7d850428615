// Comma-separated values after RFC 4180, strictly: what that leaves open is refused rather than guessed, but for empty
// lines, which are skipped, as Python's csv module does.

#include "io/csv.h"

#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <algorithm>
#include <string_view>

#include "io/contents.h"
#include "io/file_kind.h"
#include "io/utf8.h"

namespace factorise {
namespace {

class CsvParser {
 public:
  CsvParser(const char* function, std::string_view text, std::string_view name)
      : function_(function), text_(text), name_(name) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  std::vector<CsvRow> rows() {
    check_characters();
    std::vector<CsvRow> rows;
    while (at_ < text_.size()) {
      if (take_line_break()) continue;
      CsvRow row{line_, {}};
      do row.fields.push_back(field());
      while (take(','));
      if (at_ < text_.size()) end_of_row();
      if (!rows.empty() && row.fields.size() != rows.front().fields.size()) {
        refuse(row.line, "must have ", rows.front().fields.size(), " fields, as line ", rows.front().line,
               " has, but has ", row.fields.size(), ".");
      }
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void refuse(int64_t line, const Parts&... parts) const {
    refuse_file(c10::str("[", function_, "] ", name_, ", line ", line, ": ", parts...));
  }

  /// Refuses what has no place in a CSV, and what could not be printed or written to JSON later on.
  void check_characters() const {
    int64_t line = 1;
    for (size_t i = 0; i < text_.size();) {
      if (text_[i] == '\0') refuse(line, "must be text, but holds a NUL byte.");
      const size_t length = utf8_length(text_.substr(i));
      if (length == 0) refuse(line, "must be UTF-8, but holds bytes that are not. Save the file as UTF-8.");
      line += text_[i] == '\n';
      i += length;
    }
  }

  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool take_line_break() {
    if (text_.substr(at_).starts_with("\r\n")) ++at_;
    if (!take('\n')) return false;
    ++line_;
    return true;
  }

  std::string field() { return take('"') ? quoted() : plain(); }

  std::string plain() {
    const size_t end = std::min(text_.find_first_of(",\"\r\n", at_), text_.size());
    std::string value(text_.substr(at_, end - at_));
    at_ = end;
    if (at_ < text_.size() && text_[at_] == '"') {
      refuse(line_, "a field with a quote in it must be quoted, and the quote doubled, but the field beginning with ",
             value, " is not.");
    }
    return value;
  }

  std::string quoted() {
    const int64_t opened = line_;
    std::string value;
    for (;;) {
      const size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) refuse(opened, "the quote opened here must be closed, but never is.");
      const auto piece = text_.substr(at_, quote - at_);
      value += piece;
      line_ += std::count(piece.begin(), piece.end(), '\n');
      at_ = quote + 1;
      if (!take('"')) return value;
      value += '"';
    }
  }

  void end_of_row() {
    if (take_line_break()) return;
    if (text_[at_] == '\r') {
      refuse(line_, "a carriage return must be followed by a line feed, or stand in quotes, but is neither.");
    }
    refuse(line_, "a closing quote must be followed by a comma or the end of the line, but is followed by other text.");
  }

  const char* function_;
  std::string_view text_, name_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

std::vector<std::vector<std::string>> fields_of(std::vector<CsvRow> rows) {
  std::vector<std::vector<std::string>> fields;
  fields.reserve(rows.size());
  for (CsvRow& row : rows) fields.push_back(std::move(row.fields));
  return fields;
}

}  // namespace

std::string csv_field(const std::string& text) {
  const bool is_plain = !text.empty() && text.find_first_of(",\"\r\n") == std::string::npos;
  if (is_plain) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::vector<CsvRow> parse_csv_rows(const char* function, const std::string& text, const std::string& name) {
  return CsvParser(function, text, name).rows();
}

std::vector<std::vector<std::string>> parse_csv(const std::string& text, const std::string& name) {
  return fields_of(parse_csv_rows("parse_csv", text, name));
}

std::vector<std::vector<std::string>> load_csv(const std::filesystem::path& path) {
  return fields_of(parse_csv_rows("load_csv", read_text("load_csv", path), path.string()));
}

}  // namespace factorise
