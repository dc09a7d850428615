#pragma once
// The zip container of torch.save, read from memory: compressed entries are known, but not unpacked (PKWARE,
// APPNOTE.TXT 6.3.10).

#include <string>
#include <string_view>
#include <vector>

#include "io/mapped_file.h"

namespace factorise {

/// An entry.
struct ZipEntry {
  std::string name;
  uint64_t header;             ///< the local header's offset in the file
  uint64_t offset;             ///< its data's
  uint64_t size;               ///< and how many bytes of the file it takes
  uint32_t crc32;              ///< 0 where it was not computed: torch.serialization.set_crc32_options(False)
  bool is_compressed = false;  ///< TorchScript's code is; the data is then not what the entry stands for
};

/// The entries of an archive. Every offset and size is checked against the file, entries against each other, and local
/// headers against the directory.
class ZipArchive {
 public:
  /// `where` begins every message: "[load_pt] file.pt". Throws FileError for what is damaged or encrypted.
  ZipArchive(Bytes file, std::string where);

  const std::vector<ZipEntry>& entries() const { return entries_; }  ///< sorted by name
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
  void locate(ZipEntry& entry, uint64_t directory) const;
  void check_apart() const;

  Bytes file_;
  std::string where_;
  std::vector<ZipEntry> entries_;
};

}  // namespace factorise
