#pragma once
// Titles of rows that have ids, as of movies that MovieLens numbers.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

namespace factorise {

/// One title for each id, "" where the file names none. The file is one of MovieLens': movies.csv, a CSV whose header
/// begins with movieId,title; movies.dat, id::title::genres; or u.item, id|title|..., the latter two in Latin-1 or
/// UTF-8. It may name other movies too. ids: int64, 1-D. Throws FileError naming the line that is no title or names a
/// movie for the second time, and where no id has a title.
std::vector<std::string> load_titles_of(const std::filesystem::path& path, const at::Tensor& ids);

}  // namespace factorise
