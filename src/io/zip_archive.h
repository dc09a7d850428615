#pragma once
// The zip container of torch.save, read from memory: stored entries alone (PKWARE, APPNOTE.TXT 6.3.10).

#include <string>
#include <string_view>
#include <vector>

#include "io/mapped_file.h"

namespace factorise {

/// A stored entry.
struct ZipEntry {
  std::string name;
  uint64_t offset;  ///< of its data in the file
  uint64_t size;
  uint32_t crc32;
};

/// The entries of an archive. Every offset and size is checked against the file, and entries against each other.
class ZipArchive {
 public:
  /// `where` begins every message: "[load_pt] file.pt". Throws FileError for what is damaged, compressed or encrypted.
  ZipArchive(Bytes file, std::string where);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null where there is none of this name.
  const ZipEntry* find(std::string_view name) const;
  Bytes data(const ZipEntry& entry) const { return file_.subspan(entry.offset, entry.size); }

 private:
  struct Directory {
    uint64_t offset, size, count;
  };
  [[noreturn]] void refuse(const std::string& reason) const;
  Directory find_directory() const;
  Directory find_directory64(uint64_t end_record, const Directory& directory) const;
  void read_directory(const Directory& directory);
  ZipEntry read_entry(uint64_t& at, uint64_t end) const;
  void locate(ZipEntry& entry, uint64_t local_header, uint64_t directory) const;
  void check_apart() const;

  Bytes file_;
  std::string where_;
  std::vector<ZipEntry> entries_;  // sorted by name
};

/// CRC-32 of ISO 3309, as zip has it.
uint32_t crc32_of(Bytes bytes, uint32_t before = 0);

}  // namespace factorise
