// Local headers, directory and end records (PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16).

#include "io/zip_writer.h"

#include <cstring>

#include "io/crc32.h"

namespace factorise {
namespace {

constexpr uint64_t kAlignment = 64;  // as torch.save has it, for readers that map
constexpr uint32_t kWide32 = 0xFFFFFFFF;
constexpr uint16_t kWide16 = 0xFFFF;

template <class... T>
void append(std::string& text, T... values) {
  (text.append(reinterpret_cast<const char*>(&values), sizeof(values)), ...);
}

/// The fields that a local header and a directory entry share, from "version needed" to the sizes.
void append_common(std::string& text, uint32_t crc32, uint64_t size, bool wide) {
  const uint16_t version = wide ? 45 : 20, flags = 0, stored = 0;
  // The first date that there is, so that equal contents are equal files.
  const uint16_t time = 0, date = 0x21;
  const auto narrow = wide ? kWide32 : static_cast<uint32_t>(size);
  append(text, version, flags, stored, time, date, crc32, narrow, narrow);
}

}  // namespace

void ZipWriter::add(const std::string& name, Bytes bytes) {
  const Entry entry{name, file_.written(), bytes.size(), crc32_of(bytes)};
  const bool wide = entry.size >= wide_;
  // Padding in an extra field of torch's own, "FB", brings the data to its alignment.
  const uint64_t before = file_.written() + 30 + name.size() + (wide ? 20 : 0) + 4;
  const auto padding = static_cast<uint16_t>((kAlignment - before % kAlignment) % kAlignment);
  std::string header;
  append(header, uint32_t{0x04034b50});
  append_common(header, entry.crc32, entry.size, wide);
  append(header, static_cast<uint16_t>(name.size()), static_cast<uint16_t>((wide ? 20 : 0) + 4 + padding));
  header += name;
  if (wide) append(header, uint16_t{1}, uint16_t{16}, entry.size, entry.size);
  header += "FB";
  append(header, padding);
  header.append(padding, 'Z');
  file_.write(header);
  file_.write(bytes);
  entries_.push_back(entry);
}

std::string ZipWriter::directory_entry(const Entry& entry) const {
  const bool wide = entry.size >= wide_ || entry.header >= wide_;
  const uint16_t comment = 0, volume = 0, attributes = 0;
  std::string text;
  append(text, uint32_t{0x02014b50}, uint16_t{45});
  append_common(text, entry.crc32, entry.size, wide);
  append(text, static_cast<uint16_t>(entry.name.size()), static_cast<uint16_t>(wide ? 28 : 0), comment, volume,
         attributes, uint32_t{0}, wide ? kWide32 : static_cast<uint32_t>(entry.header));
  text += entry.name;
  if (wide) append(text, uint16_t{1}, uint16_t{24}, entry.size, entry.size, entry.header);
  return text;
}

void ZipWriter::finish() {
  const uint64_t begin = file_.written();
  for (const Entry& entry : entries_) file_.write(directory_entry(entry));
  const uint64_t end = file_.written(), size = end - begin, count = entries_.size();
  const bool wide = begin >= wide_ || size >= wide_ || count >= kWide16;
  std::string records;
  if (wide) {
    const uint32_t volume = 0;
    append(records, uint32_t{0x06064b50}, uint64_t{44}, uint16_t{45}, uint16_t{45}, volume, volume, count, count, size,
           begin);
    append(records, uint32_t{0x07064b50}, volume, end, uint32_t{1});
  }
  const auto narrow = [&](uint64_t value) { return wide ? kWide32 : static_cast<uint32_t>(value); };
  const auto narrow_count = wide ? kWide16 : static_cast<uint16_t>(count);
  const uint16_t volume = 0, comment = 0;
  append(records, uint32_t{0x06054b50}, volume, volume, narrow_count, narrow_count, narrow(size), narrow(begin),
         comment);
  file_.write(records);
}

}  // namespace factorise
