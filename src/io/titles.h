#pragma once
// Titles of rows that have ids, as of movies that MovieLens numbers.

#include <filesystem>
#include <string>
#include <vector>

#include "io/ids.h"

namespace factorise {

/// One title for each id, "" where the file names none. The file has a header with a column of ids, called as entries
/// call their rows (role_of()), and one of titles or names: MovieLens' movies.csv, movieId,title, or Book-Crossing's
/// "ISBN";"Book-Title". Or it is MovieLens' movies.dat, id::title::genres, or u.item, id|title|... In UTF-8 or Latin-1.
/// It may name other movies too. Throws FileError naming the line that is no title or names a movie for the second
/// time, and where no id has a title.
std::vector<std::string> load_titles_of(const std::filesystem::path& path, const Ids& ids);

}  // namespace factorise
