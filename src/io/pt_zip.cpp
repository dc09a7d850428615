// The zip format of .pt files.

#include <c10/util/StringUtil.h>

#include <algorithm>

#include "io/contents.h"
#include "io/crc32.h"
#include "io/pt_formats.h"
#include "io/pt_tensors.h"
#include "io/zip_archive.h"

namespace factorise {
namespace {

constexpr uint32_t kNotComputed = 0;    // a CRC-32 that torch left out on request
constexpr int64_t kNewestVersion = 10;  // of the container, as torch 2.11 reads it; torch.save writes 3

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// The archive, the folder that everything in it lies in, and its entries by their names below that.
class PtArchive {
 public:
  PtArchive(Bytes file, const std::string& where) : zip_(file, where), where_(where) {
    const auto& entries = zip_.entries();
    const auto ends = [](const ZipEntry& entry, std::string_view with) {
      const size_t slash = entry.name.find('/');
      return slash != std::string::npos && std::string_view(entry.name).substr(slash + 1).starts_with(with);
    };
    for (const ZipEntry& entry : entries) {
      if (!ends(entry, "data.pkl") || entry.name.size() != entry.name.find('/') + 9) continue;
      if (!folder_.empty()) refuse("the zip holds data.pkl twice");
      folder_ = entry.name.substr(0, entry.name.find('/') + 1);
    }
    if (folder_.empty()) {
      refuse("is not a .pt file: it is a zip archive without data.pkl, so torch.save did not write it");
    }
  }

  [[noreturn]] void refuse(const std::string& reason) const { refuse_file(c10::str(where_, ": ", reason, ".")); }
  /// Null where there is no such entry; one that is there must be stored as it is.
  const ZipEntry* find(std::string_view name) const {
    const ZipEntry* entry = zip_.find(c10::str(folder_, name));
    if (entry && entry->is_compressed) {
      refuse(c10::str("the zip holds ", shown(entry->name),
                      " compressed, as torch.save does not: unpack it, and pack it anew without (zip -0)"));
    }
    return entry;
  }
  Bytes data(const ZipEntry& entry) const { return zip_.data(entry); }
  static std::optional<uint32_t> checksum(const ZipEntry& entry) {
    return entry.crc32 == kNotComputed ? std::nullopt : std::optional(entry.crc32);
  }

  /// An entry's bytes, checked; nothing where there is no such entry.
  std::optional<Bytes> content(std::string_view name) const {
    const ZipEntry* entry = find(name);
    if (!entry) return std::nullopt;
    const auto expected = checksum(*entry);
    if (expected && crc32_of(data(*entry)) != *expected) {
      refuse(c10::str(name, " is damaged: its checksum does not fit"));
    }
    return data(*entry);
  }

 private:
  ZipArchive zip_;
  std::string where_, folder_;
};

void check_version(const PtArchive& archive) {
  const auto content = archive.content("version");
  if (!content) return;
  std::string_view digits = text_of(*content);
  while (digits.ends_with('\n')) digits.remove_suffix(1);
  const bool number = !digits.empty() && digits.size() < 10 &&
                      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!number || std::stol(std::string(digits)) > kNewestVersion) {
    archive.refuse(c10::str("the format's version must be a number up to ", kNewestVersion,
                            ", but is not; a newer torch may have written it"));
  }
}

/// C++'s torch::save makes a module of what it is given, with tensors named 0, 1, ...: the tensor, where there is one,
/// or their list. What else a module holds is a dict.
PtValue without_wrapping(PtValue value) {
  auto* dict = std::get_if<PtValue::Dict>(&value.value);
  if (!dict || dict->items.empty()) return value;
  PtValue::List list;
  for (const auto& [key, item] : dict->items) {
    const auto* name = std::get_if<std::string>(&key.value);
    if (!name || *name != std::to_string(list.items.size()) || !item.is_tensor()) return value;
    list.items.push_back(item);
  }
  return list.items.size() == 1 ? list.items[0] : PtValue{std::move(list)};
}

}  // namespace

PtValue load_pt_zip(const std::shared_ptr<MappedFile>& file, const std::string& where) {
  const PtArchive archive(file->bytes(), where);
  check_version(archive);
  if (const auto order = archive.content("byteorder"); order && text_of(*order) != "little") {
    archive.refuse(text_of(*order) == "big"
                       ? "numbers must be little-endian, but it was saved on a big-endian machine: load it in Python "
                         "and save it on another"
                       : "byteorder must be little, but is something else");
  }
  const Bytes bytes = *archive.content("data.pkl");
  const std::string pickle_where = where + ": data.pkl";
  PickleBudget budget(bytes.size());
  const Pickle pickle = unpickle(bytes, 0, pickle_where, budget);
  const auto find = [&](std::string_view key) -> std::optional<StorageBytes> {
    const ZipEntry* entry = archive.find(c10::str("data/", key));
    if (!entry) return std::nullopt;
    return StorageBytes{archive.data(*entry), PtArchive::checksum(*entry)};
  };
  PtValue value = PtBuilder(file, pickle_where, pickle, budget, find).build();
  return pickle.top.kind == PickleItem::Kind::object ? without_wrapping(std::move(value)) : value;
}

}  // namespace factorise
