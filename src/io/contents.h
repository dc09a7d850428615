#pragma once
// A file's bytes in memory, for the small files (CSV) and for those whose git blob id is asked for.

#include <filesystem>
#include <source_location>
#include <string>
#include <string_view>

namespace factorise {

/// Throws FileError with this sentence.
[[noreturn]] void refuse_file(const std::string& sentence,
                              const std::source_location& where = std::source_location::current());

/// A name that came from a file, for a message: short, on one line, and nothing that a terminal would obey.
std::string shown(std::string_view name);

/// All bytes of a regular file. `function`: whom the error names. Throws FileError where it cannot be read.
std::string read_contents(const char* function, const std::filesystem::path& path);

}  // namespace factorise
