#pragma once
// A file's bytes in memory, for the small files (CSV) and for those whose git blob id is asked for.

#include <filesystem>
#include <source_location>
#include <string>

namespace factorise {

/// Throws FileError with this sentence.
[[noreturn]] void refuse_file(const std::string& sentence,
                              const std::source_location& where = std::source_location::current());

/// All bytes of a regular file. `function`: whom the error names. Throws FileError where it cannot be read.
std::string read_contents(const char* function, const std::filesystem::path& path);

}  // namespace factorise
