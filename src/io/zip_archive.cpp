// Reading a zip from its end: end record, central directory, local headers. Sizes come from the directory; a local
// header may leave its own to a record behind the data (flag 3), as torch.save does, but may not contradict.

#include "io/zip_archive.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cstring>

#include "io/contents.h"

namespace factorise {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr uint64_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
constexpr uint64_t kIn64 = 0xFFFFFFFF;  // of a field whose value is in the 64-bit record or extra field

template <class T>
T little(Bytes bytes, uint64_t at) {
  T value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(T));  // this code runs on little-endian machines alone
  return value;
}

uint16_t u16(Bytes bytes, uint64_t at) { return little<uint16_t>(bytes, at); }
uint32_t u32(Bytes bytes, uint64_t at) { return little<uint32_t>(bytes, at); }
uint64_t u64(Bytes bytes, uint64_t at) { return little<uint64_t>(bytes, at); }

std::string_view text(Bytes bytes, uint64_t at, uint64_t size) {
  return {reinterpret_cast<const char*>(bytes.data()) + at, size};
}

}  // namespace

ZipArchive::ZipArchive(Bytes file, std::string where) : file_(file), where_(std::move(where)) {
  read_directory(find_directory());
  check_apart();
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (size_t i = 1; i < entries_.size(); ++i) {
    if (entries_[i - 1].name == entries_[i].name) refuse(c10::str("holds ", shown(entries_[i].name), " twice"));
  }
}

void ZipArchive::refuse(const std::string& reason) const { refuse_file(c10::str(where_, ": the zip ", reason, ".")); }

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), name,
                                      [](const ZipEntry& entry, std::string_view key) { return entry.name < key; });
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

ZipArchive::Directory ZipArchive::find_directory() const {
  if (file_.size() >= kEndSize) {
    // A comment of up to 65535 bytes may follow the record.
    const uint64_t last = file_.size() - kEndSize, first = last > 0xFFFF ? last - 0xFFFF : 0;
    for (uint64_t at = last + 1; at-- > first;) {
      if (u32(file_, at) != kEnd || at + kEndSize + u16(file_, at + 20) != file_.size()) continue;
      const Directory directory{u32(file_, at + 16), u32(file_, at + 12), u16(file_, at + 10)};
      const auto whole = [&](uint64_t field, uint64_t in64) { return field == 0 || field == in64; };
      if (!whole(u16(file_, at + 4), 0xFFFF) || !whole(u16(file_, at + 6), 0xFFFF) ||
          u16(file_, at + 8) != directory.count) {
        refuse(c10::str("is one of several volumes, as its end record at byte ", at, " has it"));
      }
      return find_directory64(at, directory);
    }
  }
  refuse("has no end record: the file is cut off or damaged");
}

ZipArchive::Directory ZipArchive::find_directory64(uint64_t end_record, const Directory& directory) const {
  Directory result = directory;
  uint64_t end = end_record;
  if (end_record >= kLocator64Size && u32(file_, end_record - kLocator64Size) == kLocator64) {
    const uint64_t last = end_record - kLocator64Size, at = u64(file_, last + 8);
    if (at > last || last - at < kEnd64Size || u32(file_, at) != kEnd64) {
      refuse(c10::str("names byte ", at, " as its 64-bit end record's, where there is none"));
    }
    result = {u64(file_, at + 48), u64(file_, at + 40), u64(file_, at + 32)};
    const auto agree = [](uint64_t narrow, uint64_t wide, uint64_t in64) { return narrow == in64 || narrow == wide; };
    if (!agree(directory.offset, result.offset, kIn64) || !agree(directory.size, result.size, kIn64) ||
        !agree(directory.count, result.count, 0xFFFF)) {
      refuse("has two end records that contradict each other");
    }
    end = at;
  }
  if (result.offset > end || result.size > end - result.offset) {
    refuse(c10::str("has its directory of ", result.size, " bytes at byte ", result.offset,
                    ", so it would reach beyond the end record at byte ", end));
  }
  if (result.count > result.size / kCentralSize) {
    refuse(c10::str("has ", result.count, " entries in a directory of ", result.size,
                    " bytes, which has no room for "
                    "them"));
  }
  return result;
}

void ZipArchive::read_directory(const Directory& directory) {
  uint64_t at = directory.offset;
  const uint64_t end = directory.offset + directory.size;
  entries_.reserve(directory.count);
  for (uint64_t i = 0; i < directory.count; ++i) {
    if (end - at < kCentralSize || u32(file_, at) != kCentral) {
      refuse(c10::str("has no directory entry at byte ", at, ", where number ", i + 1, " of ", directory.count,
                      " should be"));
    }
    ZipEntry entry = read_entry(at, end);
    locate(entry, directory.offset);
    entries_.push_back(std::move(entry));
  }
  if (at != end) refuse(c10::str("has ", end - at, " bytes at byte ", at, " of its directory that belong to no entry"));
}

/// One directory entry, without the offset of its data.
ZipEntry ZipArchive::read_entry(uint64_t& at, uint64_t end) const {
  const uint64_t names = at + kCentralSize;
  const uint64_t name_size = u16(file_, at + 28), extra_size = u16(file_, at + 30), comment_size = u16(file_, at + 32);
  if (end - names < name_size + extra_size + comment_size) {
    refuse(c10::str("has a directory entry at byte ", at, " that is longer than the directory"));
  }
  ZipEntry entry{std::string(text(file_, names, name_size)), u32(file_, at + 42), 0, u32(file_, at + 24),
                 u32(file_, at + 16)};
  uint64_t packed = u32(file_, at + 20);
  if (u16(file_, at + 8) & 1) refuse(c10::str("holds ", shown(entry.name), " encrypted; it must be saved without"));
  entry.is_compressed = u16(file_, at + 10) != 0;
  // The 64-bit extra field holds those of the three that do not fit, in this order.
  uint64_t field = names + name_size;
  const uint64_t fields_end = field + extra_size;
  while (fields_end - field >= 4) {
    const uint64_t id = u16(file_, field), size = u16(file_, field + 2);
    field += 4;
    if (size > fields_end - field) refuse(c10::str("has a broken extra field for ", shown(entry.name)));
    uint64_t value = field, left = size;
    const auto take = [&](uint64_t& number) {
      if (id != 1 || number != kIn64 || left < 8) return;
      number = u64(file_, value);
      value += 8;
      left -= 8;
    };
    take(entry.size);
    take(packed);
    take(entry.header);
    field += size;
  }
  if (entry.is_compressed) {
    entry.size = packed;
  } else if (packed != entry.size) {
    refuse(c10::str("gives two sizes for ", shown(entry.name), ", ", packed, " and ", entry.size));
  }
  at = names + name_size + extra_size + comment_size;
  return entry;
}

/// Finds the data behind the local header.
void ZipArchive::locate(ZipEntry& entry, uint64_t directory) const {
  const uint64_t local = entry.header;
  if (local > directory || directory - local < kLocalSize || u32(file_, local) != kLocal) {
    refuse(c10::str("names byte ", local, " for ", shown(entry.name), ", where no entry begins"));
  }
  const uint64_t name_size = u16(file_, local + 26), extra_size = u16(file_, local + 28);
  const uint64_t room = directory - local - kLocalSize;
  if (name_size + extra_size > room || entry.size > room - name_size - extra_size) {
    refuse(c10::str("has ", entry.size, " bytes for ", shown(entry.name), " behind byte ", local,
                    ", so they would reach beyond its data"));
  }
  const bool sizes_behind = u16(file_, local + 6) & 8;
  const auto agrees = [&](uint64_t at, uint64_t value) {
    return u32(file_, at) == value || u32(file_, at) == kIn64 || (sizes_behind && u32(file_, at) == 0);
  };
  if (text(file_, local + kLocalSize, name_size) != entry.name || (u16(file_, local + 6) & 1) != 0 ||
      (u16(file_, local + 8) != 0) != entry.is_compressed || !agrees(local + 18, entry.size) ||
      (!entry.is_compressed && !agrees(local + 22, entry.size)) ||
      (u32(file_, local + 14) != entry.crc32 && !(sizes_behind && u32(file_, local + 14) == 0))) {
    refuse(c10::str("contradicts its directory's ", shown(entry.name), " at byte ", local, ", where the entry begins"));
  }
  entry.offset = local + kLocalSize + name_size + extra_size;
}

/// Entries that overlap would let a small file pretend to hold much.
void ZipArchive::check_apart() const {
  std::vector<std::pair<uint64_t, uint64_t>> spans;
  spans.reserve(entries_.size());
  for (const ZipEntry& entry : entries_) spans.emplace_back(entry.header, entry.offset + entry.size);
  std::sort(spans.begin(), spans.end());
  for (size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].first < spans[i - 1].second) refuse(c10::str("has entries that overlap at byte ", spans[i].first));
  }
}

}  // namespace factorise
