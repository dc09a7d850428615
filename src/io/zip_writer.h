#pragma once
// The zip container of torch.save, written: stored entries with their checksums, data at multiples of 64 bytes.

#include <cstdint>
#include <string>
#include <vector>

#include "io/atomic_file.h"

namespace factorise {

class ZipWriter {
 public:
  /// Sizes and offsets from `wide` on are written in 64-bit fields, as zip needs it from 4 GiB on. (Tests set it
  /// lower.)
  explicit ZipWriter(AtomicFile& file, uint64_t wide = 0xFFFFFFFF) : file_(file), wide_(wide) {}

  void add(const std::string& name, Bytes bytes);
  void add(const std::string& name, const std::string& text) {
    add(name, Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  }
  /// Writes the directory. Nothing may be added after it.
  void finish();

 private:
  struct Entry {
    std::string name;
    uint64_t header, size;
    uint32_t crc32;
  };
  std::string directory_entry(const Entry& entry) const;

  AtomicFile& file_;
  uint64_t wide_;
  std::vector<Entry> entries_;
};

}  // namespace factorise
