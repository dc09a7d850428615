// Lines of plain numbers are read by a few loops over their characters; all others field by field.

#include "io/entries_reader.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <unordered_map>

#include "io/contents.h"
#include "io/file_kind.h"
#include "io/text.h"
#include "io/text_lines.h"
#include "io/utf8.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_entries";

/// The different texts, numbered as they come.
class Numbering {
 public:
  int64_t of(std::string text) {
    const auto [at, is_new] = numbers_.emplace(std::move(text), static_cast<int64_t>(numbers_.size()));
    return at->second;
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> list(numbers_.size());
    for (const auto& [text, number] : numbers_) list[static_cast<size_t>(number)] = text;
    return list;
  }

 private:
  std::unordered_map<std::string, int64_t> numbers_;
};

/// The ids of the rows, or of the columns.
struct Side {
  bool are_texts = false;
  Numbering texts = {};
  int64_t fraction_line = 0;  ///< of the first real that is not whole; 0: none
  std::string fraction = {};
};

/// A number that is not whole: a rating where an id should be, rather than a name.
bool is_fraction(std::string_view text) {
  return text.find_first_not_of("-.0123456789") == std::string_view::npos && text.find('.') != std::string_view::npos &&
         number_in<double>(text) && !id_number(text);
}

/// Takes at most 18 digits without a leading zero.
bool take_digits(const char*& at, const char* end, int64_t& number) {
  constexpr int kMostDigits = 18;
  const char* begin = at;
  int64_t value = 0;
  for (; at < end; ++at) {
    const auto digit = static_cast<unsigned char>(*at - '0');
    if (digit > 9) break;
    value = static_cast<int64_t>(10 * static_cast<uint64_t>(value) + digit);
  }
  number = value;
  return at > begin && at - begin <= kMostDigits && (*begin != '0' || at - begin == 1);
}

class Reader {
 public:
  Reader(const std::filesystem::path& path, const ColumnChoice& choice)
      : name_(path.string()), text_(read_text(kFunction, path)), choice_(choice), lines_(text_) {
    has_quotes_ = text_.find('"') != std::string::npos;
  }

  RawEntries read(bool with_lines) {
    check_line_ends();
    RawEntries found;
    // A side that turns out to be of texts is read anew, as 1 and 1.0 are one number and two texts.
    while (!pass(found, with_lines)) continue;
    if (found.entries.empty()) {
      refuse(lines_.number(), "must be an entry, but the file ", lines_.number() == 1 ? "is empty." : "ends.");
    }
    for (size_t role : {0, 1}) {
      const Side& side = sides_[role];
      if (side.are_texts || side.fraction_line == 0) continue;
      refuse(side.fraction_line, "the ", format_.names[role], " must be a whole number or a text, but is ",
             quoted(side.fraction), ".");
    }
    if (sides_[0].are_texts) found.row_texts = sides_[0].texts.texts();
    if (sides_[1].are_texts) found.column_texts = sides_[1].texts.texts();
    return found;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void refuse(int64_t line, const Parts&... parts) const {
    refuse_file(c10::str("[", kFunction, "] ", name_, ", line ", line, ": ", parts...));
  }

  static std::string quoted(std::string_view text) { return c10::str("'", shown(text), "'"); }

  void check_line_ends() const {
    const size_t end = text_.find('\r');
    if (end == std::string::npos || end + 1 == text_.size() || text_.find('\n') != std::string::npos) return;
    refuse(1,
           "must end with a line feed, but ends with a carriage return alone, as on old Macs: tr '\\r' '\\n' < FILE ",
           "> NEW mends that.");
  }

  /// By the first line, which is passed over where it is a header.
  void find_format() {
    TextLines ahead = lines_;
    std::string_view first, second;
    if (!ahead.next(first)) return;
    const int64_t line = ahead.number();
    TextLines behind = ahead;
    ahead.next(second);
    format_ = factorise::find_format(first, second, choice_, [&](const std::string& is) { refuse(line, is); });
    if (format_.has_header) lines_ = behind;
  }

  /// Reads all lines; false where a side has to be read as texts.
  bool pass(RawEntries& found, bool with_lines) {
    lines_ = TextLines(text_);
    found = {};
    for (Side& side : sides_) side = {side.are_texts};
    find_format();
    const std::string_view rest = lines_.rest();
    found.entries.reserve(static_cast<size_t>(std::count(rest.begin(), rest.end(), '\n')) + 1);
    const bool are_first_three = format_.at[2] == 2 && format_.at[0] + format_.at[1] == 1;
    const bool may_be_plain = are_first_three && !format_.has_movies && format_.separator != Separator::blank &&
                              !sides_[0].are_texts && !sides_[1].are_texts;
    row_is_first_ = format_.at[0] == 0;
    RawEntry entry{};
    for (std::string_view line; lines_.next(line);) {
      if (may_be_plain && take_plain(line, entry)) {
        found.entries.push_back(entry);
      } else {
        if (has_quotes_) complete(line);
        if (format_.has_movies && take_movie(line)) continue;
        if (!(format_.has_movies ? take_rating(line, entry) : take_entry(line, entry))) return false;
        found.entries.push_back(entry);
      }
      if (with_lines) found.lines.push_back(lines_.number());
    }
    return true;
  }

  void complete(std::string_view& line) {
    complete_record(lines_, line, format_.separator,
                    [this](const std::string& problem) { refuse(lines_.number(), problem); });
  }

  /// "1::2::3.5" and the like; false where it is anything else, an error perhaps.
  bool take_plain(std::string_view line, RawEntry& entry) const {
    const char *at = line.data(), *end = at + line.size();
    const char mark = static_cast<char>(format_.separator);
    const size_t width = format_.separator == Separator::colons ? 2 : 1;
    const auto is_separator = [&](const char* here) {
      return here < end && *here == mark && (width == 1 || (here + 1 < end && here[1] == mark));
    };
    const auto take_separator = [&] {
      if (!is_separator(at)) return false;
      at += width;
      return true;
    };
    int64_t first = 0, second = 0;
    if (!take_digits(at, end, first) || !take_separator() || !take_digits(at, end, second) || !take_separator()) {
      return false;
    }
    // A digit, perhaps with a half: nearly all ratings. from_chars takes the rest, and needs five times as long.
    if (end - at >= 1 && static_cast<unsigned char>(*at - '0') < 10 && (end - at == 1 || is_separator(at + 1))) {
      entry.value = *at - '0';
    } else {
      const auto [stop, error] = std::from_chars(at, end, entry.value);
      if (error != std::errc() || (stop != end && !is_separator(stop)) || !std::isfinite(entry.value)) return false;
    }
    (row_is_first_ ? entry.row : entry.column) = first;
    (row_is_first_ ? entry.column : entry.row) = second;
    return true;
  }

  /// Any line; false where an id is the first that must be a text.
  bool take_entry(std::string_view line, RawEntry& entry) {
    std::array<Field, 3> fields;
    size_t found = 0;
    const size_t last = *std::max_element(format_.at.begin(), format_.at.end());
    FieldReader reader(line, format_.separator);
    Field field;
    for (size_t i = 0; i <= last && reader.next(field); ++i) {
      for (size_t role = 0; role < 3; ++role) {
        if (format_.at[role] != i) continue;
        fields[role] = field;
        ++found;
      }
    }
    if (found < 3) {
      const auto& [row, column, value] = format_.names;
      const bool row_is_first = format_.at[0] < format_.at[1];
      refuse(lines_.number(), "must be ", row_is_first ? row : column, ", ", row_is_first ? column : row, ", ", value,
             ", but is ", quoted(line), ".");
    }
    entry.value = value_in(fields[2]);
    return take_id(0, fields[0], entry.row) && take_id(1, fields[1], entry.column);
  }

  /// "123:" of Netflix's files.
  bool take_movie(std::string_view line) {
    if (!line.ends_with(':')) return false;
    const auto movie = number_in<int64_t>(line.substr(0, line.size() - 1));
    if (!movie) refuse(lines_.number(), "must be a movie's number and :, but is ", quoted(line), ".");
    movie_ = *movie;
    return true;
  }

  /// "user,rating,date", of the movie above.
  bool take_rating(std::string_view line, RawEntry& entry) {
    const std::vector<Field> fields = fields_of(line, Separator::comma);
    if (fields.size() < 2 || fields.size() > 3) {
      refuse(lines_.number(), "must be user,rating,date, or a movie's number and :, but is ", quoted(line), ".");
    }
    entry.row = movie_;
    entry.value = value_in(fields[1]);
    return take_id(1, fields[0], entry.column);
  }

  double value_in(Field field) const {
    const auto value = field.starts_with('"') ? number_in<double>(unquoted(field)) : number_in<double>(field);
    if (!value || !std::isfinite(*value)) {
      refuse(lines_.number(), "the ", format_.names[2], " must be a finite number, but is ", quoted(unquoted(field)),
             ".");
    }
    return *value;
  }

  bool take_id(size_t role, Field field, int64_t& id) {
    Side& side = sides_[role];
    const std::string text = unquoted(field);
    const auto refuse_id = [&] {
      refuse(lines_.number(), "the ", format_.names[role], " must be a whole number or a text, but is ", quoted(text),
             ".");
    };
    if (text.empty() || text.find('\0') != std::string::npos) refuse_id();
    if (side.are_texts) {
      id = side.texts.of(to_utf8(text));
      return true;
    }
    if (const auto number = id_number(text)) {
      id = *number;
    } else if (is_fraction(text)) {
      if (side.fraction_line == 0) {
        side.fraction_line = lines_.number();
        side.fraction = text;
      }
    } else {
      side.are_texts = true;
      return false;
    }
    return true;
  }

  const std::string name_, text_;
  const ColumnChoice choice_;
  TextLines lines_;
  TextFormat format_;
  bool has_quotes_ = false, row_is_first_ = false;
  std::array<Side, 2> sides_;
  int64_t movie_ = 0;
};

}  // namespace

RawEntries read_raw_entries(const std::filesystem::path& path, const ColumnChoice& choice, bool with_lines) {
  return Reader(path, choice).read(with_lines);
}

}  // namespace factorise
