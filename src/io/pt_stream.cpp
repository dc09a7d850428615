// The legacy stream of .pt files.

#include <c10/util/StringUtil.h>

#include <cstring>
#include <map>

#include "io/contents.h"
#include "io/pt_formats.h"
#include "io/pt_tensors.h"

namespace factorise {
namespace {

using Kind = PickleItem::Kind;

constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t kProtocol = 1001;

class PtStream {
 public:
  PtStream(const std::shared_ptr<MappedFile>& file, const std::string& where)
      : file_(file), bytes_(file->bytes()), where_(where), budget_(0) {}

  PtValue load() {
    check_header();
    const uint64_t begin = at_;
    budget_ = PickleBudget(bytes_.size() - at_);
    const Pickle value = next("the pickle");
    const Pickle keys = next("the storages' keys");
    find_storages(value, keys);
    // Storages take none of it.
    budget_ = PickleBudget(keys.end - begin);
    return PtBuilder(file_, where_ + ": the pickle", value, budget_,
                     [&](std::string_view key) -> std::optional<StorageBytes> {
                       const auto found = storages_.find(key);
                       if (found == storages_.end()) return std::nullopt;
                       return StorageBytes{found->second, std::nullopt};
                     })
        .build();
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const { refuse_file(c10::str(where_, ": ", reason, ".")); }

  Pickle next(const char* what) {
    Pickle pickle = unpickle(bytes_, at_, c10::str(where_, ": ", what), budget_);
    at_ = pickle.end;
    return pickle;
  }

  void check_header() {
    const Pickle magic = next("the magic number");
    if (magic.top.kind != Kind::big || magic.top.view() != kMagic) {
      refuse("is not a .pt file: it is a pickle, but not one of torch.save");
    }
    const Pickle version = next("the format's version");
    if (version.top.kind != Kind::integer || version.top.integer != kProtocol) {
      refuse(c10::str("the legacy format's version must be ", kProtocol, ", but is not"));
    }
    const Pickle system = next("the system's description");
    if (system.top.kind != Kind::dict) refuse("the system that wrote it must be described by a dict, but is not");
    const auto& parts = system.parts_of(system.top);
    for (size_t i = 0; i < parts.size(); i += 2) {
      const bool order = parts[i].kind == Kind::text && parts[i].view() == "little_endian";
      if (order && (parts[i + 1].kind != Kind::boolean || parts[i + 1].integer != 1)) {
        refuse(
            "numbers must be little-endian, but it was saved on a big-endian machine: load it in Python and save it "
            "on another");
      }
    }
  }

  /// The storages' types are in the persistent ids, their order in a list of keys, their sizes before each of them.
  void find_storages(const Pickle& value, const Pickle& keys) {
    std::map<std::string_view, int64_t> element_sizes;
    for (const uint64_t id : value.storages) {
      const auto& parts = value.parts[id];
      if (parts.size() < 3 || parts[1].kind != Kind::global || parts[2].kind != Kind::text ||
          parts[1].global->type == c10::ScalarType::Undefined) {
        refuse("a storage must be described by its type, key, device and size, but is not");
      }
      const auto size = static_cast<int64_t>(c10::elementSize(parts[1].global->type));
      if (element_sizes.emplace(parts[2].view(), size).first->second != size) {
        refuse(c10::str("storage ", shown(parts[2].view()), " must have one type, but has two"));
      }
    }
    if (keys.top.kind != Kind::list) refuse("the storages' keys must be a list, but are not");
    for (const PickleItem& key : keys.parts_of(keys.top)) {
      const auto size = key.kind == Kind::text ? element_sizes.find(key.view()) : element_sizes.end();
      if (size == element_sizes.end()) refuse("the storages' keys must be those of the tensors, but are not");
      const bool first = storages_.emplace(key.view(), take_storage(key.view(), size->second)).second;
      if (!first) refuse(c10::str("storage ", shown(key.view()), " is there twice"));
    }
  }

  Bytes take_storage(std::string_view key, int64_t element_size) {
    const Bytes rest = bytes_.subspan(at_);
    int64_t elements = 0, size = 0;
    const bool counted = rest.size() >= sizeof(elements);
    if (counted) std::memcpy(&elements, rest.data(), sizeof(elements));
    if (!counted || elements < 0 || __builtin_mul_overflow(elements, element_size, &size) ||
        static_cast<uint64_t>(size) > rest.size() - sizeof(elements)) {
      refuse(c10::str("is cut off or damaged at byte ", at_, ": storage ", shown(key), " is to have ",
                      counted ? c10::str(elements, " elements of ", element_size, " bytes") : "a size", ", but ",
                      rest.size(), " bytes follow"));
    }
    at_ += sizeof(elements) + static_cast<uint64_t>(size);
    return rest.subspan(sizeof(elements), static_cast<size_t>(size));
  }

  std::shared_ptr<MappedFile> file_;
  Bytes bytes_;
  std::string where_;
  PickleBudget budget_;
  uint64_t at_ = 0;
  std::map<std::string_view, Bytes> storages_;
};

}  // namespace

PtValue load_pt_stream(const std::shared_ptr<MappedFile>& file, const std::string& where) {
  return PtStream(file, where).load();
}

}  // namespace factorise
