#pragma once
// Files that appear whole or not at all: written beside the target, synced, renamed over it.

#include <filesystem>
#include <string>

#include "io/mapped_file.h"

namespace factorise {

/// A file being written. What is not committed is removed; a target that was there stays as it was.
///
/// Where the file system can (O_TMPFILE), the file has no name until it is whole, so that not even a kill leaves
/// anything behind; else it is beside the target as .<name>.<number>. A target that is a link is followed. One that is
/// neither file nor folder (/dev/stdout, a pipe) is written to as it is. Permissions are those of the file that was
/// there, else those of any new file.
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

  /// Syncs the file, renames it to the target, and syncs the folder. Throws FileError.
  void commit();

 private:
  [[noreturn]] void refuse(int error) const;
  std::filesystem::path folder() const;
  bool open_unnamed();
  bool open_named();
  bool give_name();

  const char* function_;
  std::filesystem::path given_, target_;
  std::string temporary_;  ///< empty while there is no such name
  bool direct_ = false;
  int fd_ = -1;
  uint64_t written_ = 0;
};

}  // namespace factorise
