#pragma once
// Files that appear whole or not at all: written beside the target, synced, renamed over it.

#include <filesystem>
#include <string>

#include "io/mapped_file.h"

namespace factorise {

/// A file being written. What is not committed is removed; a target that was there stays as it was.
class AtomicFile {
 public:
  /// Throws FileError where the target's folder is missing or cannot be written to, or the target is a folder.
  AtomicFile(const char* function, const std::filesystem::path& target);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Throws FileError, on a full disk for example.
  void write(Bytes bytes);
  void write(const std::string& text) { write(Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size())); }
  uint64_t written() const { return written_; }

  /// Syncs the file, renames it to the target, and syncs the folder.
  void commit();

 private:
  [[noreturn]] void refuse(const char* what) const;
  void remove_temporary() noexcept;

  const char* function_;
  std::filesystem::path target_;
  std::string temporary_;
  int fd_ = -1;
  uint64_t written_ = 0;
};

}  // namespace factorise
