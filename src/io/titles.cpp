// The course's titles.csv: a header movie,name and a row for each movie, in any order.

#include "io/titles.h"

#include <factorise/io.h>

#include <algorithm>
#include <unordered_map>

#include "io/contents.h"
#include "io/csv.h"
#include "io/file_kind.h"
#include "io/printable.h"
#include "io/text.h"
#include "io/text_lines.h"
#include "io/utf8.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_titles";

template <typename... Parts>
[[noreturn]] void refuse(const std::filesystem::path& path, const Parts&... parts) {
  refuse_file(c10::str("[", kFunction, "] ", path.string(), parts...));
}

/// The lines of a file, and which of them names which movie. The first one may be a header.
struct Named {
  std::vector<CsvRow> rows;
  std::unordered_map<std::string, const CsvRow*> row_of;  ///< by the movie's id
};

bool begins_with(const std::vector<CsvRow>& rows, const std::vector<std::string>& header) {
  if (rows.empty() || rows.front().fields.size() < header.size()) return false;
  return std::equal(header.begin(), header.end(), rows.front().fields.begin());
}

/// `must_be`: what a movie's id must be: a whole number, or (empty) any text.
Named named(const std::filesystem::path& path, std::vector<CsvRow> rows, size_t first, const std::string& must_be) {
  Named result{std::move(rows), {}};
  for (size_t i = first; i < result.rows.size(); ++i) {
    const CsvRow& row = result.rows[i];
    std::string movie = row.fields[0];
    if (!must_be.empty()) {
      const auto number = number_in<int64_t>(movie);
      if (!number || *number < 0) {
        refuse(path, ", line ", row.line, ": movie must be ", must_be, ", but is ",
               movie.empty() ? "empty" : shown(movie), ".");
      }
      movie = std::to_string(*number);  // 007 is movie 7 where all are numbers
    }
    const auto [known, is_new] = result.row_of.emplace(movie, &row);
    if (!is_new) {
      refuse(path, ", line ", row.line, ": every movie must be named once, but movie ", shown(movie),
             " is already named on line ", known->second->line, ".");
    }
  }
  return result;
}

/// The first two fields of every line.
std::vector<CsvRow> split_lines(const std::filesystem::path& path, std::string_view text, std::string_view separator) {
  std::vector<CsvRow> rows;
  for (int64_t line = 1; !text.empty(); ++line) {
    const std::string_view content = take_line(text);
    if (content.empty()) continue;
    const size_t first = content.find(separator);
    if (first == std::string_view::npos) {
      refuse(path, ", line ", line, ": must be a movie's number, ", separator, " and its title, but is ",
             shown(content), ".");
    }
    const std::string_view rest = content.substr(first + separator.size());
    rows.push_back({line, {std::string(content.substr(0, first)), to_utf8(rest.substr(0, rest.find(separator)))}});
  }
  return rows;
}

/// Ids and titles of a file whose header names columns of both, as movieId,title or "ISBN";"Book-Title" do; none where
/// it does not. The course's movie,name has no ids, but places.
std::vector<CsvRow> with_header(const std::filesystem::path& path, const std::string& text) {
  TextLines lines(text);
  std::string_view line;
  if (!lines.next(line)) return {};
  const std::optional<Separator> separator = find_separator(line, 2);
  if (!separator) return {};
  std::optional<size_t> id, title;
  const std::vector<Field> header = fields_of(line, *separator);
  if (header == std::vector<Field>{"movie", "name"}) return {};
  for (size_t i = 0; i < header.size(); ++i) {
    std::string name = unquoted(header[i]);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!id && role_of(name) == 0) {
      id = i;
    } else if (!title && (name.ends_with("title") || name.ends_with("name"))) {
      title = i;
    }
  }
  if (!id || !title) return {};
  std::vector<CsvRow> rows;
  while (lines.next(line)) {
    const auto refuse_line = [&](const std::string& is) { refuse(path, ", line ", lines.number(), ": ", is); };
    complete_record(lines, line, *separator, refuse_line);
    const std::vector<Field> fields = fields_of(line, *separator);
    if (fields.size() <= std::max(*id, *title)) {
      refuse_line(c10::str("must have a title, but is ", shown(line), "."));
    }
    rows.push_back({lines.number(), {to_utf8(unquoted(fields[*id])), to_utf8(unquoted(fields[*title]))}});
  }
  return rows;
}

}  // namespace

std::vector<std::string> load_titles(const std::filesystem::path& path, int64_t movies) {
  TORCH_CHECK_VALUE(movies >= 1, "[load_titles] movies must be at least 1, but was ", movies, ".");
  auto csv = parse_csv_rows(kFunction, read_text(kFunction, path), path.string());
  if (!begins_with(csv, {"movie", "name"}) || csv.front().fields.size() != 2) {
    refuse(path, ", line 1: must be the header movie,name, but ",
           csv.empty() ? "the file is empty." : "is " + shown(c10::Join(",", csv.front().fields)) + ".");
  }
  const auto [rows, row_of] = named(path, std::move(csv), 1, c10::str("a whole number from 0 to ", movies - 1));
  int64_t largest = -1;
  for (const auto& [id, row] : row_of) largest = std::max(largest, *number_in<int64_t>(id));

  // A file that is sound, but of other ratings, is not a broken file.
  const auto named = static_cast<int64_t>(row_of.size());
  TORCH_CHECK_VALUE(largest != named - 1 || named == movies, "[load_titles] ", printable(path.string()),
                    " must name the ", movies, " movies of the ratings, but names ", named, ".");
  std::vector<std::string> titles(static_cast<size_t>(movies));
  for (const auto& [id, row] : row_of) {
    const int64_t movie = *number_in<int64_t>(id);
    if (movie >= movies) {
      refuse(path, ", line ", row->line, ": movie must be a whole number from 0 to ", movies - 1, ", but is ", movie,
             ".");
    }
    titles[static_cast<size_t>(movie)] = row->fields[1];
  }
  for (int64_t movie = 0; movie < movies; ++movie) {
    if (!row_of.contains(std::to_string(movie))) {
      refuse(path, ": all movies from 0 to ", movies - 1, " must be named, but movie ", movie, " is missing.");
    }
  }
  return titles;
}

std::vector<std::string> load_titles_of(const std::filesystem::path& path, const Ids& ids) {
  const std::string text = read_text(kFunction, path);
  const std::string_view first = std::string_view(text).substr(0, text.find('\n'));
  std::vector<CsvRow> lines = with_header(path, text);
  if (lines.empty()) {
    const std::string_view separator = first.find("::") != std::string_view::npos ? "::" : "|";
    if (first.find(separator) == std::string_view::npos) {
      refuse(
          path, ", line 1: must be the header movieId,title, or a movie's number and title with :: or | between, as ",
          "the ratings have ids of their own, but ", text.empty() ? "the file is empty." : "is " + shown(first) + ".");
    }
    lines = split_lines(path, text, separator);
  }
  const auto [rows, row_of] = named(path, std::move(lines), 0, ids.are_texts() ? "" : "a whole number");
  std::vector<std::string> titles(static_cast<size_t>(ids.size()));
  bool is_any = false;
  for (size_t i = 0; i < titles.size(); ++i) {
    const auto found = row_of.find(ids.text(static_cast<int64_t>(i)));
    if (found == row_of.end()) continue;
    titles[i] = found->second->fields[1];
    is_any = true;
  }
  if (!is_any) refuse(path, ": must name movies of the ratings by their ids, but names none of them.");
  return titles;
}

}  // namespace factorise
