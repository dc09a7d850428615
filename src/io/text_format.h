#pragma once
// How a text file has its entries: what stands between the fields, and which of them are row, column and value. Found
// in the first line: published files have no other sign.

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace factorise {

/// Which columns of a file are read: names of its header, or places counted from 1. Empty: to be found.
struct ColumnChoice {
  std::string row, column, value;

  bool given() const { return !(row + column + value).empty(); }
};

/// "row=NAME,column=NAME,value=NAME", or some of the three; nothing where it is anything else.
std::optional<ColumnChoice> parse_columns(const std::string& text);

/// One of the fields of a line: as it stands there, with its quotes.
using Field = std::string_view;

/// Between two fields: one of these characters, "::", or (blank) any number of spaces and tabs.
enum class Separator : char { colons = ':', tab = '\t', comma = ',', semicolon = ';', bar = '|', blank = ' ' };

/// Takes the fields off a line, one by one, without the spaces around them. A field that begins with a quote reaches to
/// the quote that ends it, whatever is between.
class FieldReader {
 public:
  FieldReader(std::string_view line, Separator separator) : rest_(line), separator_(separator) {
    if (separator == Separator::blank) trim();
  }

  /// False where there is none left.
  bool next(Field& field) {
    if (at_end_) return false;
    size_t end = 0;
    if (!rest_.empty() && rest_[0] == '"') {
      end = closing_quote(rest_);
      is_open_ |= end == 0;
    }
    if (separator_ == Separator::blank) {
      while (end < rest_.size() && rest_[end] != ' ' && rest_[end] != '\t') ++end;
      field = rest_.substr(0, end);
      rest_.remove_prefix(end);
      trim();
      at_end_ = rest_.empty();
      return !field.empty();
    }
    const char mark = static_cast<char>(separator_);
    const bool is_wide = separator_ == Separator::colons;
    while (end < rest_.size() && !(rest_[end] == mark && (!is_wide || rest_.substr(end).starts_with("::")))) ++end;
    field = trimmed(rest_.substr(0, end));
    at_end_ = end == rest_.size();
    rest_.remove_prefix(at_end_ ? end : end + (is_wide ? 2 : 1));
    while (!rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);  // before a quote
    return true;
  }

  /// Whether a field began with a quote that nothing ends: more lines may belong to it.
  bool is_open() const { return is_open_; }

 private:
  /// One past the quote that ends a field that begins with one; 0 where none does. A quote within is doubled or, as
  /// MySQL writes it, behind a backslash.
  size_t closing_quote(std::string_view text) const;
  void trim() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) rest_.remove_prefix(1);
  }
  static std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    return text;
  }

  std::string_view rest_;
  Separator separator_;
  bool at_end_ = false, is_open_ = false;
};

/// All fields of a line.
std::vector<Field> fields_of(std::string_view line, Separator separator);

/// What a field says, without its quotes.
std::string unquoted(Field field);

/// How a file is read.
struct TextFormat {
  Separator separator = Separator::comma;
  std::array<size_t, 3> at{1, 0, 2};  ///< where row, column and value are, from 0 on
  std::array<std::string, 3> names{"movie", "user", "rating"};
  bool has_header = false;
  bool has_movies = false;  ///< Netflix's form: "123:" and then "user,rating,date"
};

/// The format of a file whose first line (neither blank nor a comment) is this one, and whose next is `second`; empty
/// where there is none. Movies are rows and users columns, as in lab 1. `refuse`: is called with what is wrong with the
/// first line, and does not return.
TextFormat find_format(std::string_view first, std::string_view second, const ColumnChoice& choice,
                       const std::function<void(const std::string&)>& refuse);

/// The separator of a line of numbers or names, as find_format finds it, at least two fields; nothing where none is in
/// it.
std::optional<Separator> find_separator(std::string_view line, size_t fields);

/// The role, 0 row, 1 column, 2 value, of a column that is called so ("User-ID", "movieId", "rating:float"); 3: none.
size_t role_of(std::string_view name);

}  // namespace factorise
