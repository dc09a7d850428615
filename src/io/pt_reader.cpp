// .pt files: which of torch.save's two formats it is, and where its pickles and storages lie.

#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <optional>

#include "io/contents.h"
#include "io/pt_tensors.h"
#include "io/zip_archive.h"

namespace factorise {
namespace {

using Kind = PickleObject::Kind;

static_assert(std::endian::native == std::endian::little, "storages are read as they lie in the file");

constexpr std::string_view kLegacyMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t kLegacyProtocol = 1001;
constexpr uint32_t kCrcNotComputed = 0;

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// What a file that is no .pt file seems to be.
std::string guess(Bytes bytes) {
  const std::string_view text = text_of(bytes.first(std::min<size_t>(bytes.size(), 512)));
  const auto begins = [&](std::string_view with) { return text.starts_with(with); };
  if (begins("\x93NUMPY")) return "it is a NumPy .npy file; load it in Python and torch.save it";
  if (begins("\x1f\x8b")) return "it is compressed by gzip; unpack it first";
  if (begins("\x89HDF")) return "it is an HDF5 file";
  const std::string_view head = text.substr(0, text.find_first_not_of(" \t\r\n") == std::string_view::npos
                                                   ? 0
                                                   : std::min(text.size(), text.find_first_not_of(" \t\r\n") + 15));
  if (head.find("<!DOCTYPE") != std::string_view::npos || head.find("<html") != std::string_view::npos ||
      head.find("<!doctype") != std::string_view::npos) {
    return "it is a web page; was the download an error page?";
  }
  if (text.size() > 262 && text.substr(257, 5) == "ustar") return "it is a tar archive";
  const bool printable = std::all_of(
      text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r' || (c >= 32 && c != 127); });
  return printable ? "it is a text file" : "it begins as neither a zip nor a pickle";
}

/// The zip format, since torch 1.6: <name>/data.pkl, <name>/byteorder, <name>/data/<key>.
PtValue load_zip(const std::shared_ptr<MappedFile>& file, const std::string& where) {
  const ZipArchive zip(file->bytes(), where);
  const auto refuse = [&](const std::string& reason) { refuse_file(c10::str(where, ": ", reason, ".")); };
  const ZipEntry* pickle = nullptr;
  for (const ZipEntry& entry : zip.entries()) {
    const size_t slash = entry.name.find('/');
    if (slash == std::string::npos || entry.name.substr(slash) != "/data.pkl") continue;
    if (pickle) refuse("the zip holds two of data.pkl");
    pickle = &entry;
  }
  if (!pickle) refuse("the zip holds no data.pkl, so torch.save did not write it");
  const std::string folder = pickle->name.substr(0, pickle->name.find('/') + 1);
  const auto content = [&](const ZipEntry& entry) {
    const Bytes bytes = zip.data(entry);
    if (entry.crc32 != kCrcNotComputed && crc32_of(bytes) != entry.crc32) {
      refuse(c10::str(entry.name.substr(folder.size()), " is damaged: its checksum differs"));
    }
    return bytes;
  };
  if (zip.find(folder + "constants.pkl")) {
    refuse("it is a TorchScript archive; save the module's state_dict() with torch.save");
  }
  if (const ZipEntry* order = zip.find(folder + "byteorder"); order && text_of(content(*order)) != "little") {
    refuse("it was written on a big-endian machine; load and save it anew on a little-endian one");
  }
  const Pickle parsed = unpickle(content(*pickle), 0, where + ": data.pkl");
  PtBuilder builder(file, where, [&](std::string_view key) {
    const std::string name = c10::str("data/", key);
    const ZipEntry* entry = zip.find(folder + name);
    if (!entry) refuse(c10::str("the zip holds no ", name, ", which a tensor asks for"));
    // Large storages are mapped, not read, so their checksum is not looked at.
    return StorageBytes{entry->size < kPtMapFrom ? content(*entry) : zip.data(*entry), name};
  });
  return builder.build(parsed);
}

/// The stream from before torch 1.6: five pickles (magic number, version, system, value, keys), then the storages.
class LegacyStream {
 public:
  LegacyStream(std::shared_ptr<MappedFile> file, std::string where)
      : file_(std::move(file)), where_(std::move(where)) {}

  PtValue load() {
    check_header();
    const Pickle value = next("the value");
    find_storages(value);
    PtBuilder builder(file_, where_, [&](std::string_view key) {
      const auto found = storages_.find(key);
      if (found == storages_.end()) refuse(c10::str("holds no storage ", key, ", which a tensor asks for"));
      return StorageBytes{found->second, c10::str(key)};
    });
    return builder.build(value);
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const { refuse_file(c10::str(where_, ": ", reason, ".")); }

  Pickle next(const char* what) {
    Pickle pickle = unpickle(file_->bytes(), at_, c10::str(where_, ": ", what));
    at_ = pickle.end;
    return pickle;
  }

  void check_header() {
    const Pickle magic = next("the magic number");
    if (magic[magic.top].kind != Kind::big || magic[magic.top].text != kLegacyMagic) {
      refuse("is not a .pt file: it is a pickle, but not torch.save's");
    }
    const Pickle version = next("the format's version");
    if (version[version.top].kind != Kind::integer || version[version.top].integer != kLegacyProtocol) {
      refuse(c10::str("is not of the legacy format's version ", kLegacyProtocol));
    }
    const Pickle system = next("the system's description");
    if (system[system.top].kind != Kind::dict) refuse("does not describe the system that wrote it");
    const auto& items = system.items(system[system.top]);
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleObject &key = system[items[i]], &value = system[items[i + 1]];
      if (key.kind == Kind::text && key.text == "little_endian" && value.kind == Kind::boolean && value.integer == 0) {
        refuse("was written on a big-endian machine; load and save it anew on a little-endian one");
      }
    }
  }

  /// The storages' element sizes are in the value's persistent ids, their order in a list of keys of its own.
  void find_storages(const Pickle& value) {
    std::map<std::string_view, int64_t> element_size;
    for (const PickleObject& object : value.objects) {
      if (object.kind != Kind::storage) continue;
      const auto& id = value.items(object);
      if (id.size() < 3 || value[id[1]].kind != Kind::global || value[id[2]].kind != Kind::text) continue;
      const auto& name = value.global_names[static_cast<size_t>(value[id[1]].integer)];
      element_size[value[id[2]].text] = element_size_of(dtype_of_global(name));
    }
    const Pickle keys = next("the storages' keys");
    if (keys[keys.top].kind != Kind::list) refuse("does not list its storages");
    for (const PickleRef ref : keys.items(keys[keys.top])) {
      if (keys[ref].kind != Kind::text) refuse("does not name its storages by strings");
      const std::string_view key = keys[ref].text;
      const auto known = element_size.find(key);
      if (known == element_size.end()) refuse(c10::str("holds a storage ", key, " that no tensor uses"));
      const Bytes rest = file_->bytes().subspan(at_);
      int64_t elements = 0, size = 0;
      if (rest.size() < sizeof(elements)) refuse(c10::str("is cut off before storage ", key));
      std::memcpy(&elements, rest.data(), sizeof(elements));
      if (elements < 0 || __builtin_mul_overflow(elements, known->second, &size) ||
          static_cast<uint64_t>(size) > rest.size() - sizeof(elements)) {
        refuse(c10::str("is cut off at byte ", at_, ": storage ", key, " is to have ", elements, " elements"));
      }
      storages_.emplace(std::string(key), rest.subspan(sizeof(elements), static_cast<size_t>(size)));
      at_ += sizeof(elements) + static_cast<uint64_t>(size);
    }
  }

  static int64_t element_size_of(std::string_view dtype) {
    if (dtype == "float64" || dtype == "int64") return 8;
    if (dtype == "float32" || dtype == "int32") return 4;
    if (dtype == "float16" || dtype == "bfloat16" || dtype == "int16") return 2;
    return 1;
  }

  std::shared_ptr<MappedFile> file_;
  std::string where_;
  uint64_t at_ = 0;
  std::map<std::string, Bytes, std::less<>> storages_;
};

PtValue load(const char* function, const std::filesystem::path& path) {
  const auto file = MappedFile::open(function, path);
  const std::string where = c10::str("[", function, "] ", path.string());
  const std::string_view text = text_of(file->bytes());
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return load_zip(file, where);
  if (text.starts_with("\x80")) return LegacyStream(file, where).load();
  refuse_file(c10::str(where, ": is not a .pt file: ", guess(file->bytes()), "."));
}

std::string name_of(const PtValue& key) {
  if (const auto* text = std::get_if<std::string>(&key.value)) return *text;
  if (const auto* number = std::get_if<int64_t>(&key.value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&key.value)) return c10::str(*real);
  if (const auto* truth = std::get_if<bool>(&key.value)) return *truth ? "True" : "False";
  if (const auto* list = std::get_if<PtValue::List>(&key.value)) {
    std::vector<std::string> parts;
    for (const PtValue& item : list->items) parts.push_back(name_of(item));
    return c10::str("(", c10::Join(", ", parts), ")");
  }
  return "None";
}

void collect(const PtValue& value, const std::string& name, std::vector<NamedTensor>& found) {
  const auto below = [&](const std::string& part) { return name.empty() ? part : c10::str(name, ".", part); };
  if (value.is_tensor()) {
    found.push_back({name, value.tensor()});
  } else if (const auto* list = std::get_if<PtValue::List>(&value.value)) {
    for (size_t i = 0; i < list->items.size(); ++i) collect(list->items[i], below(std::to_string(i)), found);
  } else if (const auto* dict = std::get_if<PtValue::Dict>(&value.value)) {
    for (const auto& [key, item] : dict->items) collect(item, below(name_of(key)), found);
  }
}

std::string names_of(const std::vector<NamedTensor>& tensors) {
  constexpr size_t kShown = 20;
  std::string names;
  for (size_t i = 0; i < std::min(kShown, tensors.size()); ++i) names += (i ? ", " : "") + tensors[i].name;
  return tensors.size() > kShown ? c10::str(names, " and ", tensors.size() - kShown, " more") : names;
}

}  // namespace

PtValue load_pt(const std::filesystem::path& path) { return load("load_pt", path); }

std::vector<NamedTensor> named_tensors(const PtValue& value) {
  std::vector<NamedTensor> found;
  collect(value, "", found);
  return found;
}

Tensor load_tensor(const std::filesystem::path& path, const std::string& key) {
  const auto tensors = named_tensors(load("load_tensor", path));
  const auto refuse = [&](const std::string& reason) {
    refuse_file(c10::str("[load_tensor] ", path.string(), ": ", reason, "."));
  };
  if (tensors.empty()) refuse("holds no tensor");
  if (key.empty() && tensors.size() > 1) {
    refuse(c10::str("holds ", tensors.size(), " tensors, so a key must say which: ", names_of(tensors)));
  }
  if (key.empty()) return tensors[0].tensor;
  for (const NamedTensor& named : tensors) {
    if (named.name == key) return named.tensor;
  }
  refuse(tensors.size() == 1 && tensors[0].name.empty()
             ? c10::str("holds one tensor without a name, not ", key)
             : c10::str("holds no tensor ", key, ", but ", names_of(tensors)));
  return {};
}

}  // namespace factorise
