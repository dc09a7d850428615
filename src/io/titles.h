#pragma once
// Titles of rows that have ids, as of movies that MovieLens numbers.

#include <filesystem>
#include <string>
#include <vector>

#include "io/ids.h"

namespace factorise {

/// One title for each id, "" where the file names none. The file is one of MovieLens': movies.csv, a CSV whose header
/// begins with movieId,title; movies.dat, id::title::genres; or u.item, id|title|..., the latter two in Latin-1 or
/// UTF-8. It may name other movies too. Throws FileError naming the line that is no title or names a
/// movie for the second time, and where no id has a title.
std::vector<std::string> load_titles_of(const std::filesystem::path& path, const Ids& ids);

}  // namespace factorise
