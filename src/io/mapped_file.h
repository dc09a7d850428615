#pragma once
// A file in memory without reading it: pages come in when they are touched, and writing to them changes a private copy.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace factorise {

using Bytes = std::span<const uint8_t>;

/// A regular file, mapped copy-on-write. It must not shrink while it is mapped.
class MappedFile {
 public:
  /// Throws FileError where the file cannot be read; `function` is the function that the message names.
  static std::shared_ptr<MappedFile> open(const char* function, const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  Bytes bytes() const { return {data_, size_}; }
  /// For tensors, which may be written to: what is written stays in this process.
  uint8_t* writable() { return data_; }

 private:
  MappedFile(uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t* data_;
  size_t size_;
};

}  // namespace factorise
