#pragma once
// "Did you mean": the known word nearest to a mistyped one.

#include <string>
#include <string_view>
#include <vector>

namespace factorise::programs {

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal string
/// alignment distance).
int edit_distance(std::string_view a, std::string_view b);

/// The nearest of the words, or "" where none is near: at most one slip in three letters, or a beginning of it.
std::string nearest(std::string_view word, const std::vector<std::string>& words);

/// "fit or show", "sgd, gd or ad".
std::string one_of(const std::vector<std::string>& words);

}  // namespace factorise::programs
