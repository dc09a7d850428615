#pragma once
// What gzip and zip's deflate have compressed, as it was, by zlib, where the build has it. RFC 1951 and 1952.

#include <filesystem>
#include <string>
#include <string_view>

namespace factorise {

/// The contents of a gzip file, all of its members; `bytes` are the file's. Its checksums are checked. What would be
/// larger than a half of this machine's memory is refused. `function`, `path`: what errors name. Throws FileError.
std::string gunzip(const char* function, const std::filesystem::path& path, std::string_view bytes);

/// The first of these contents, at most `most` of them; fewer where they are damaged, none where the build has no zlib.
std::string gunzip_head(std::string_view bytes, size_t most);

/// What a zip's entry holds that was deflated, within the same limit. `where` begins every message. Throws FileError.
std::string inflated(const std::string& where, std::string_view bytes);

}  // namespace factorise
