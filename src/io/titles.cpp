// The course's titles.csv: a header movie,name and a row for each movie, in any order.

#include "io/titles.h"

#include <factorise/datasets.h>
#include <factorise/io.h>

#include <algorithm>
#include <unordered_map>

#include "io/contents.h"
#include "io/csv.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_titles";

template <typename... Parts>
[[noreturn]] void refuse(const std::filesystem::path& path, const Parts&... parts) {
  refuse_file(c10::str("[", kFunction, "] ", path.string(), parts...));
}

using Headers = std::vector<std::vector<std::string>>;  ///< the beginnings of a first line that are accepted

/// The lines of a file, and which of them names which movie.
struct Named {
  std::vector<CsvRow> rows;
  std::unordered_map<int64_t, const CsvRow*> row_of;
};

Named read(const std::filesystem::path& path, const Headers& headers, const std::string& numbers) {
  Named named{parse_csv_rows(kFunction, read_contents(kFunction, path), path.string()), {}};
  const std::vector<CsvRow>& rows = named.rows;
  const auto begins = [&](const std::vector<std::string>& header) {
    const auto& fields = rows.front().fields;
    return fields.size() >= header.size() && std::equal(header.begin(), header.end(), fields.begin());
  };
  if (rows.empty() || std::none_of(headers.begin(), headers.end(), begins)) {
    std::string allowed;
    for (const auto& header : headers) allowed += (allowed.empty() ? "" : " or ") + c10::Join(",", header);
    refuse(path, ", line 1: must be the header ", allowed, ", but ",
           rows.empty() ? "the file is empty." : "is " + shown(c10::Join(",", rows.front().fields)) + ".");
  }
  for (size_t i = 1; i < rows.size(); ++i) {
    const CsvRow& row = rows[i];
    const auto movie = whole_number(row.fields[0]);
    if (!movie || *movie < 0) {
      refuse(path, ", line ", row.line, ": movie must be a whole number", numbers, ", but is ",
             row.fields[0].empty() ? "empty" : shown(row.fields[0]), ".");
    }
    const auto [known, is_new] = named.row_of.emplace(*movie, &row);
    if (!is_new) {
      refuse(path, ", line ", row.line, ": every movie must be named once, but movie ", *movie,
             " is already named on line ", known->second->line, ".");
    }
  }
  return named;
}

}  // namespace

std::vector<std::string> load_titles(const std::filesystem::path& path, int64_t movies) {
  TORCH_CHECK_VALUE(movies >= 1, "[load_titles] movies must be at least 1, but was ", movies, ".");
  const auto [rows, row_of] = read(path, {{"movie", "name"}}, c10::str(" from 0 to ", movies - 1));
  if (rows.front().fields.size() != 2) refuse(path, ", line 1: must be the header movie,name and nothing more.");
  int64_t largest = -1;
  for (const auto& [movie, row] : row_of) largest = std::max(largest, movie);

  // A file that is sound, but of other ratings, is not a broken file.
  const auto named = static_cast<int64_t>(row_of.size());
  TORCH_CHECK_VALUE(largest != named - 1 || named == movies, "[load_titles] ", path.string(), " must name the ", movies,
                    " movies of the ratings, but names ", named, ".");
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
  const auto [rows, row_of] = read(path, {{"movie", "name"}, {"movieId", "title"}}, "");
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
