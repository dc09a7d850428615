// Reads a file whole.

#include "io/contents.h"

#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "io/printable.h"

namespace factorise {

void refuse_file(const std::string& sentence, const std::source_location& where) {
  throw FileError({where.function_name(), where.file_name(), static_cast<uint32_t>(where.line())},
                  printable_lines(sentence));
}

std::string shown(std::string_view name) {
  constexpr size_t kLongest = 120;
  return printable(name, kLongest);
}

void check_regular(const char* function, const std::filesystem::path& path) {
  // A folder opens like a file, and a pipe might never end.
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    refuse_file(c10::str("[", function, "] ", path.string(), ": there must be such a file, but ",
                         status.type() == std::filesystem::file_type::not_found ? "there is none" : error.message(),
                         "."));
  }
  if (!std::filesystem::is_regular_file(status)) {
    refuse_file(c10::str("[", function, "] ", path.string(), ": must be a file, but is ",
                         std::filesystem::is_directory(status) ? "a folder." : "something else."));
  }
}

std::string read_contents(const char* function, const std::filesystem::path& path) {
  check_regular(function, path);
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  if (file) {
    const auto size = std::filesystem::file_size(path, error);
    bytes.resize(error ? 0 : size);
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  if (!file) {
    refuse_file(c10::str("[", function, "] ", path.string(),
                         ": must be readable, but reading failed: ", std::strerror(errno), "."));
  }
  return bytes;
}

}  // namespace factorise
