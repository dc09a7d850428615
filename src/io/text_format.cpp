// Separators are tried from the least ambiguous to the most: what gives a line of entries, or names that are known,
// is it.

#include "io/text_format.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <utility>

#include "io/contents.h"
#include "io/text.h"

namespace factorise {
namespace {

constexpr std::array kSeparators{Separator::colons, Separator::tab,   Separator::semicolon,
                                 Separator::bar,    Separator::comma, Separator::blank};
constexpr std::array<const char*, 3> kRoles{"row", "column", "value"};
constexpr size_t kNone = 3;
constexpr size_t kMostWithoutHeader = 4;  // a rating and its time

/// What published files call the three, in small letters and digits alone.
constexpr std::array kRows{"row",    "item",     "itemid", "iid",     "movie",    "movieid",    "film",
                           "filmid", "book",     "bookid", "isbn",    "product",  "productid",  "asin",
                           "track",  "trackid",  "song",   "songid",  "artist",   "artistid",   "parentasin",
                           "joke",   "jokeid",   "anime",  "animeid", "business", "businessid", "game",
                           "gameid", "recipeid", "beerid"};
constexpr std::array kColumns{"column", "col",        "user",     "userid",   "uid",        "usr",
                              "userno", "reviewerid", "reviewer", "customer", "customerid", "memberid"};
constexpr std::array kValues{"value", "val",  "rating",  "ratings",     "bookrating", "score",
                             "stars", "star", "overall", "ratingvalue", "weight"};

bool is_number(Field field) { return number_in<double>(unquoted(field)).has_value(); }

/// Neither the first of the entries nor a line of a table.
bool are_names(const std::vector<Field>& fields) { return std::none_of(fields.begin(), fields.end(), is_number); }

std::string list_of(const std::vector<Field>& fields) {
  std::vector<std::string> names;
  for (const Field& field : fields) names.push_back(shown(unquoted(field)));
  return c10::Join(", ", names);
}

/// A name without RecBole's type, "user_id:token".
std::string_view untyped(std::string_view name) { return name.substr(0, name.find(':')); }

/// The column that a choice means, by its name or its place; nothing where there is none.
std::optional<size_t> chosen(const std::string& choice, const std::vector<Field>& header, size_t fields) {
  for (size_t i = 0; i < header.size(); ++i) {
    const std::string name = unquoted(header[i]);
    if (name == choice || untyped(name) == choice) return i;
  }
  const auto place = number_in<size_t>(choice);
  return place && *place >= 1 && *place <= fields ? std::optional(*place - 1) : std::nullopt;
}

/// Finds row, column and value in a header or, without one, by their places.
class Columns {
 public:
  Columns(const std::vector<Field>& first, const ColumnChoice& choice) : first_(first), has_header_(are_names(first)) {
    const std::array choices{choice.row, choice.column, choice.value};
    const std::vector<Field> header = has_header_ ? first : std::vector<Field>();
    for (size_t role = 0; role < 3; ++role) {
      if (!choices[role].empty()) {
        const auto found = chosen(choices[role], header, first.size());
        if (found) take(role, *found);
        if (!found && problem_.empty()) {
          problem_ = c10::str("must have the ", kRoles[role], "'s column ", shown(choices[role]), ", but has ",
                              has_header_ ? list_of(first) : c10::str(first.size(), " fields and no names"), ".");
        }
      } else if (has_header_) {
        find(role);
      } else {
        take(role, std::array<size_t, 3>{1, 0, 2}[role]);
      }
    }
    if (!problem_.empty()) return;
    if (at_[0] == at_[1] || at_[0] == at_[2] || at_[1] == at_[2]) {
      problem_ = "must have row, column and value in three columns, but two of them are one.";
    } else if (!has_header_ && !choice.given() && first.size() > kMostWithoutHeader) {
      problem_ = c10::str("must be user, movie, rating and at most a time, but has ", first.size(),
                          " fields and no names: say which they are, as --columns row=2,column=1,value=3; where each "
                          "line is a row of a matrix, give the file as the matrix, with --missing.");
    }
  }

  bool has_header() const { return has_header_; }
  /// What is wrong; empty: nothing.
  const std::string& problem() const { return problem_; }
  const std::array<size_t, 3>& at() const { return at_; }
  /// Whether the first line is an entry or a header, as far as can be seen.
  bool fits() const {
    const size_t most = *std::max_element(at_.begin(), at_.end());
    return problem_.empty() && most < first_.size() && (has_header_ || is_number(first_[at_[2]]));
  }

 private:
  void take(size_t role, size_t field) { at_[role] = field; }

  void find(size_t role) {
    std::vector<size_t> found;
    for (size_t i = 0; i < first_.size(); ++i) {
      if (role_of(unquoted(first_[i])) == role) found.push_back(i);
    }
    if (found.size() == 1) return take(role, found[0]);
    if (!problem_.empty()) return;
    problem_ = found.empty() ? c10::str(
                                   "must be an entry, or the names row,column,value or userId,movieId,rating or "
                                   "others of that kind, but is ",
                                   list_of(first_), ".")
                             : c10::str("must have one column of the ", kRoles[role], "s, but ",
                                        shown(unquoted(first_[found[0]])), " and ", shown(unquoted(first_[found[1]])),
                                        " may both be it.");
    problem_ += " Say which is which: --columns row=NAME,column=NAME,value=NAME.";
  }

  const std::vector<Field>& first_;
  bool has_header_;
  std::array<size_t, 3> at_{1, 0, 2};
  std::string problem_;
};

/// "123:", which begins a movie's ratings in Netflix's files.
bool is_movie_line(std::string_view line) {
  return line.ends_with(':') && number_in<int64_t>(line.substr(0, line.size() - 1)).has_value();
}

TextFormat format_of(Separator separator, const std::vector<Field>& first, const Columns& columns,
                     std::string_view second) {
  TextFormat format;
  format.separator = separator;
  format.at = columns.at();
  format.has_header = columns.has_header();
  if (!format.has_header) return format;
  for (size_t role = 0; role < 3; ++role) format.names[role] = shown(untyped(unquoted(first[format.at[role]])));
  // R leaves the name of its row numbers out.
  if (fields_of(second, separator).size() == first.size() + 1) {
    for (size_t& at : format.at) ++at;
  }
  return format;
}

}  // namespace

std::optional<ColumnChoice> parse_columns(const std::string& text) {
  ColumnChoice choice;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const size_t equals = std::min(part.find('='), part.size());
    std::string* target = nullptr;
    for (const auto& [name, value] :
         {std::pair("row", &choice.row), std::pair("column", &choice.column), std::pair("value", &choice.value)}) {
      if (part.substr(0, equals) == name) target = value;
    }
    if (!target || !target->empty() || equals + 1 >= part.size()) return std::nullopt;
    *target = part.substr(equals + 1);
    begin = end + 1;
  }
  return choice;
}

size_t FieldReader::closing_quote(std::string_view text) const {
  const auto ends_field = [&](size_t at) {
    while (at < text.size() && separator_ != Separator::blank && (text[at] == ' ' || text[at] == '\r')) ++at;
    return at == text.size() ||
           (separator_ == Separator::blank ? text[at] == ' ' || text[at] == '\t'
                                           : text[at] == static_cast<char>(separator_) || text[at] == '\n');
  };
  for (size_t at = 1; (at = text.find('"', at)) != std::string_view::npos; ++at) {
    if (text.substr(at).starts_with("\"\"") && text[at - 1] != '\\') {
      ++at;
    } else if (ends_field(at + 1)) {
      return at + 1;
    }
  }
  return 0;
}

std::vector<Field> fields_of(std::string_view line, Separator separator) {
  std::vector<Field> fields;
  FieldReader reader(line, separator);
  for (Field field; reader.next(field);) fields.push_back(field);
  return fields;
}

std::string unquoted(Field field) {
  if (field.size() < 2 || field.front() != '"' || field.back() != '"') return std::string(field);
  std::string text;
  for (size_t i = 1; i + 1 < field.size(); ++i) {
    const bool escapes = (field[i] == '"' || field[i] == '\\') && i + 2 < field.size() && field[i + 1] == '"';
    if (escapes) ++i;
    text += field[i];
  }
  return text;
}

size_t role_of(std::string_view name) {
  std::string plain;
  for (const char c : untyped(name)) {
    if (c >= 'A' && c <= 'Z') plain += static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) plain += c;
  }
  const auto is_in = [&](const auto& names) { return std::find(names.begin(), names.end(), plain) != names.end(); };
  return is_in(kRows) ? 0 : is_in(kColumns) ? 1 : is_in(kValues) ? 2 : kNone;
}

std::optional<Separator> find_separator(std::string_view line, size_t fields) {
  for (const Separator separator : kSeparators) {
    if (fields_of(line, separator).size() >= fields) return separator;
  }
  return std::nullopt;
}

TextFormat find_format(std::string_view first, std::string_view second, const ColumnChoice& choice,
                       const std::function<void(const std::string&)>& refuse) {
  if (is_movie_line(first)) {
    TextFormat format;
    format.has_movies = true;
    return format;
  }
  for (const Separator separator : kSeparators) {
    const std::vector<Field> fields = fields_of(first, separator);
    if (fields.size() < 3) continue;
    const Columns columns(fields, choice);
    if (columns.fits()) return format_of(separator, fields, columns, second);
  }
  const std::optional<Separator> separator = find_separator(first, 2);
  if (!separator) {
    refuse(c10::str("must be fields with tabs, commas, semicolons, bars, spaces or :: between them, but is ",
                    shown(first), "."));
  }
  const std::vector<Field> fields = fields_of(first, find_separator(first, 3).value_or(*separator));
  const Columns columns(fields, choice);
  if (!columns.problem().empty()) refuse(columns.problem());
  return format_of(find_separator(first, 3).value_or(*separator), fields, columns, second);  // its lines are refused
}

}  // namespace factorise
