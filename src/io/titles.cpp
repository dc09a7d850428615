// The course's titles.csv: a header movie,name and a row for each movie, in any order.

#include <factorise/datasets.h>
#include <factorise/io.h>

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

}  // namespace

std::vector<std::string> load_titles(const std::filesystem::path& path, int64_t movies) {
  TORCH_CHECK_VALUE(movies >= 1, "[load_titles] movies must be at least 1, but was ", movies, ".");
  auto rows = parse_csv_rows(kFunction, read_contents(kFunction, path), path.string());
  if (rows.empty() || rows.front().fields != std::vector<std::string>{"movie", "name"}) {
    refuse(path, ", line 1: must be the header movie,name, but ",
           rows.empty() ? "the file is empty." : "is " + c10::Join(",", rows.front().fields) + ".");
  }

  std::unordered_map<int64_t, const CsvRow*> row_of;
  int64_t largest = -1;
  for (size_t i = 1; i < rows.size(); ++i) {
    const CsvRow& row = rows[i];
    const auto movie = whole_number(row.fields[0]);
    if (!movie || *movie < 0) {
      refuse(path, ", line ", row.line, ": movie must be a whole number from 0 to ", movies - 1, ", but is ",
             row.fields[0].empty() ? "empty" : row.fields[0], ".");
    }
    const auto [known, is_new] = row_of.emplace(*movie, &row);
    if (!is_new) {
      refuse(path, ", line ", row.line, ": every movie must be named once, but movie ", *movie,
             " is already named on line ", known->second->line, ".");
    }
    largest = std::max(largest, *movie);
  }

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

}  // namespace factorise
