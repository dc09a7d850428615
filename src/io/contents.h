#pragma once
// A file's bytes in memory, for the small files (CSV) and for those whose git blob id is asked for.

#include <filesystem>
#include <source_location>
#include <string>
#include <string_view>

namespace factorise {

/// Throws FileError with this sentence, as printable text: it may quote paths and what is in files as they are.
[[noreturn]] void refuse_file(const std::string& sentence,
                              const std::source_location& where = std::source_location::current());

/// A name that came from a file, for a message: printable, and short.
std::string shown(std::string_view name);

/// Throws FileError unless there is a regular file. `function`: the function that the error names.
void check_regular(const char* function, const std::filesystem::path& path);

/// All bytes of a regular file. `function`: the function that the error names. Throws FileError for a file that cannot
/// be read.
std::string read_contents(const char* function, const std::filesystem::path& path);

}  // namespace factorise
