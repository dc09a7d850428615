// The course's titles.csv: a header movie,name and a row for each movie, in any order.

#include "io/titles.h"

#include <factorise/datasets.h>
#include <factorise/io.h>

#include <algorithm>
#include <unordered_map>

#include "io/contents.h"
#include "io/csv.h"
#include "io/file_kind.h"
#include "io/printable.h"
#include "io/text.h"
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
  std::unordered_map<int64_t, const CsvRow*> row_of;
};

bool begins_with(const std::vector<CsvRow>& rows, const std::vector<std::string>& header) {
  if (rows.empty() || rows.front().fields.size() < header.size()) return false;
  return std::equal(header.begin(), header.end(), rows.front().fields.begin());
}

/// `numbers`: what the movies' numbers must be beside whole.
Named named(const std::filesystem::path& path, std::vector<CsvRow> rows, size_t first, const std::string& numbers) {
  Named result{std::move(rows), {}};
  for (size_t i = first; i < result.rows.size(); ++i) {
    const CsvRow& row = result.rows[i];
    const auto movie = number_in<int64_t>(row.fields[0]);
    if (!movie || *movie < 0) {
      refuse(path, ", line ", row.line, ": movie must be a whole number", numbers, ", but is ",
             row.fields[0].empty() ? "empty" : shown(row.fields[0]), ".");
    }
    const auto [known, is_new] = result.row_of.emplace(*movie, &row);
    if (!is_new) {
      refuse(path, ", line ", row.line, ": every movie must be named once, but movie ", *movie,
             " is already named on line ", known->second->line, ".");
    }
  }
  return result;
}

/// What is not UTF-8 is taken as Latin-1, in which every byte is a character.
std::string to_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x80) {
      result += c;
    } else {
      result += {static_cast<char>(0xC0 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3F))};
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

}  // namespace

std::vector<std::string> load_titles(const std::filesystem::path& path, int64_t movies) {
  TORCH_CHECK_VALUE(movies >= 1, "[load_titles] movies must be at least 1, but was ", movies, ".");
  auto csv = parse_csv_rows(kFunction, read_text(kFunction, path), path.string());
  if (!begins_with(csv, {"movie", "name"}) || csv.front().fields.size() != 2) {
    refuse(path, ", line 1: must be the header movie,name, but ",
           csv.empty() ? "the file is empty." : "is " + shown(c10::Join(",", csv.front().fields)) + ".");
  }
  const auto [rows, row_of] = named(path, std::move(csv), 1, c10::str(" from 0 to ", movies - 1));
  int64_t largest = -1;
  for (const auto& [movie, row] : row_of) largest = std::max(largest, movie);

  // A file that is sound, but of other ratings, is not a broken file.
  const auto named = static_cast<int64_t>(row_of.size());
  TORCH_CHECK_VALUE(largest != named - 1 || named == movies, "[load_titles] ", printable(path.string()),
                    " must name the ", movies, " movies of the ratings, but names ", named, ".");
  std::vector<std::string> titles(static_cast<size_t>(movies));
  for (const auto& [movie, row] : row_of) {
    if (movie >= movies) {
      refuse(path, ", line ", row->line, ": movie must be a whole number from 0 to ", movies - 1, ", but is ", movie,
             ".");
    }
    titles[static_cast<size_t>(movie)] = row->fields[1];
  }
  for (int64_t movie = 0; movie < movies; ++movie) {
    if (!row_of.contains(movie)) {
      refuse(path, ": all movies from 0 to ", movies - 1, " must be named, but movie ", movie, " is missing.");
    }
  }
  return titles;
}

std::vector<std::string> load_titles_of(const std::filesystem::path& path, const at::Tensor& ids) {
  const std::string text = read_text(kFunction, path);
  const std::string_view first = std::string_view(text).substr(0, text.find('\n'));
  const std::string_view separator = first.find("::") != std::string_view::npos ? "::" : "|";
  const bool is_csv = first.find(separator) == std::string_view::npos;
  auto lines = is_csv ? parse_csv_rows(kFunction, text, path.string()) : split_lines(path, text, separator);
  if (is_csv && !begins_with(lines, {"movieId", "title"})) {
    refuse(path, ", line 1: must be the header movieId,title, or a movie's number and title with :: or | between, as ",
           "the ratings have ids of their own, but ",
           lines.empty() ? "the file is empty." : "is " + shown(first) + ".");
  }
  const auto [rows, row_of] = named(path, std::move(lines), is_csv ? 1 : 0, "");
  std::vector<std::string> titles(static_cast<size_t>(ids.numel()));
  bool is_any = false;
  for (size_t i = 0; i < titles.size(); ++i) {
    const auto found = row_of.find(ids.const_data_ptr<int64_t>()[i]);
    if (found == row_of.end()) continue;
    titles[i] = found->second->fields[1];
    is_any = true;
  }
  if (!is_any) refuse(path, ": must name movies of the ratings by their ids, but names none of them.");
  return titles;
}

}  // namespace factorise
