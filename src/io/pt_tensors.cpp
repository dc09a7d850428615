// Storages, then tensors as views of them. All arithmetic on sizes is checked for overflow.

#include "io/pt_tensors.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "io/contents.h"

namespace factorise {
namespace {

using Kind = PickleObject::Kind;

constexpr int kDeepest = 100;

c10::ScalarType scalar_type(std::string_view name) {
  using Row = std::pair<std::string_view, c10::ScalarType>;
  static constexpr std::array<Row, 13> kTypes{{{"float32", at::kFloat},
                                               {"float64", at::kDouble},
                                               {"float16", at::kHalf},
                                               {"bfloat16", at::kBFloat16},
                                               {"uint8", at::kByte},
                                               {"int8", at::kChar},
                                               {"int16", at::kShort},
                                               {"int32", at::kInt},
                                               {"int64", at::kLong},
                                               {"bool", at::kBool},
                                               {"uint16", at::kUInt16},
                                               {"uint32", at::kUInt32},
                                               {"uint64", at::kUInt64}}};
  for (const auto& [known, type] : kTypes) {
    if (known == name) return type;
  }
  return c10::ScalarType::Undefined;
}

/// A storage on the file's own pages, which it keeps.
c10::Storage map_storage(const std::shared_ptr<MappedFile>& file, Bytes bytes) {
  uint8_t* data = file->writable() + (bytes.data() - file->bytes().data());
  auto* keeper = new std::shared_ptr<MappedFile>(file);
  at::DataPtr pointer(
      data, keeper, [](void* context) { delete static_cast<std::shared_ptr<MappedFile>*>(context); }, at::kCPU);
  return c10::Storage(c10::Storage::use_byte_size_t(), bytes.size(), std::move(pointer), nullptr, /*resizable=*/false);
}

c10::Storage copy_storage(Bytes bytes) {
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes.size(), c10::GetCPUAllocator(), /*resizable=*/false);
  if (!bytes.empty()) std::memcpy(storage.mutable_data(), bytes.data(), bytes.size());
  return storage;
}

/// How many elements of the storage a view reaches, from its start; nothing where that overflows.
std::optional<int64_t> reach_of(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides,
                                int64_t offset) {
  int64_t last = offset, elements = 1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (__builtin_mul_overflow(elements, sizes[d], &elements)) return std::nullopt;
  }
  if (elements == 0) return offset;
  for (size_t d = 0; d < sizes.size(); ++d) {
    int64_t step = 0;
    if (__builtin_mul_overflow(sizes[d] - 1, strides[d], &step) || __builtin_add_overflow(last, step, &last)) {
      return std::nullopt;
    }
  }
  return last == INT64_MAX ? std::nullopt : std::optional(last + 1);
}

}  // namespace

PtBuilder::PtBuilder(std::shared_ptr<MappedFile> file, std::string where, StorageFinder find)
    : file_(std::move(file)), where_(std::move(where)), find_(std::move(find)) {}

void PtBuilder::refuse(const std::string& reason) const { refuse_file(c10::str(where_, ": ", reason, ".")); }

PtValue PtBuilder::build(const Pickle& pickle) {
  open_.assign(pickle.objects.size(), 0);
  built_ = 0;
  return build(pickle, pickle.top, 0);
}

PtValue PtBuilder::build(const Pickle& pickle, PickleRef ref, int depth) {
  if (depth > kDeepest) refuse(c10::str("dicts and lists are nested deeper than ", kDeepest));
  if (open_[ref]) refuse("a dict or list contains itself");
  // What is used twice is built twice; a file that doubles it again and again would never end.
  if (++built_ > 4 * pickle.objects.size() + 1024) refuse("the same dicts and lists are used again too often");
  const PickleObject& object = pickle[ref];
  switch (object.kind) {
    case Kind::none:
      return {};
    case Kind::boolean:
      return {object.integer != 0};
    case Kind::integer:
      return {object.integer};
    case Kind::real:
      return {object.real};
    case Kind::text:
      return {std::string(object.text)};
    case Kind::tensor:
      return {build_tensor(pickle, object)};
    case Kind::list:
    case Kind::tuple: {
      PtValue::List list{{}, object.kind == Kind::tuple};
      open_[ref] = 1;
      for (const PickleRef item : pickle.items(object)) list.items.push_back(build(pickle, item, depth + 1));
      open_[ref] = 0;
      return {std::move(list)};
    }
    case Kind::dict: {
      open_[ref] = 1;
      PtValue value{build_dict(pickle, object, depth)};
      open_[ref] = 0;
      return value;
    }
    case Kind::global:
      if (const auto dtype = dtype_of_global(pickle.global_names[static_cast<size_t>(object.integer)]);
          !dtype.empty()) {
        return {c10::str("torch.", dtype)};
      }
      refuse(c10::str("holds ", pickle.global_names[static_cast<size_t>(object.integer)], " itself as a value"));
    case Kind::big:
      refuse("holds an integer beyond 64 bits");
    case Kind::bytes:
      refuse("holds raw bytes; only tensors, numbers and strings are read");
    case Kind::storage:
      refuse("holds a storage without a tensor");
    case Kind::mark:
      break;
  }
  refuse("is not a value");
}

PtValue::Dict PtBuilder::build_dict(const Pickle& pickle, const PickleObject& object, int depth) {
  PtValue::Dict dict;
  std::unordered_set<std::string_view> names;
  const auto& items = pickle.items(object);
  for (size_t i = 0; i < items.size(); i += 2) {
    const PickleObject& key = pickle[items[i]];
    if (key.kind == Kind::text && !names.insert(key.text).second) {
      refuse(c10::str("a dict holds the key ", key.text, " twice"));
    }
    if (key.kind == Kind::tensor || key.kind == Kind::dict || key.kind == Kind::list) {
      refuse("a dict's key is no number, string or tuple");
    }
    PtValue name = build(pickle, items[i], depth + 1);
    dict.items.emplace_back(std::move(name), build(pickle, items[i + 1], depth + 1));
  }
  return dict;
}

std::vector<int64_t> PtBuilder::integers(const Pickle& pickle, PickleRef ref, const char* what) const {
  const PickleObject& object = pickle[ref];
  if (object.kind != Kind::tuple && object.kind != Kind::list) refuse(c10::str("a tensor's ", what, " is no tuple"));
  std::vector<int64_t> values;
  if (pickle.items(object).size() > 64) refuse(c10::str("a tensor has more than 64 dimensions"));
  for (const PickleRef item : pickle.items(object)) {
    if (pickle[item].kind != Kind::integer) refuse(c10::str("a tensor's ", what, " is no tuple of integers"));
    values.push_back(pickle[item].integer);
  }
  return values;
}

c10::ScalarType PtBuilder::type_of(const Pickle& pickle, const std::vector<PickleRef>& id,
                                   const std::vector<PickleRef>& arguments) const {
  const PickleObject& storage_class = pickle[id[1]];
  if (storage_class.kind != Kind::global) refuse("a storage's type is no name");
  std::string_view name = dtype_of_global(pickle.global_names[static_cast<size_t>(storage_class.integer)]);
  // _rebuild_tensor_v3 names the type itself, of bytes without one.
  if (name.empty() && arguments.size() >= 7 && pickle[arguments[6]].kind == Kind::global) {
    name = dtype_of_global(pickle.global_names[static_cast<size_t>(pickle[arguments[6]].integer)]);
  }
  const c10::ScalarType type = scalar_type(name);
  if (type == c10::ScalarType::Undefined) refuse("a tensor has no type that is read");
  return type;
}

const PtBuilder::Loaded& PtBuilder::load(std::string_view key) {
  const auto known = loaded_.find(key);
  if (known != loaded_.end()) return known->second;
  const StorageBytes found = find_(key);
  const bool aligned = reinterpret_cast<uintptr_t>(found.bytes.data()) % 16 == 0;
  const bool mapped = aligned && found.bytes.size() >= kPtMapFrom;
  return loaded_
      .emplace(std::string(key),
               Loaded{mapped ? map_storage(file_, found.bytes) : copy_storage(found.bytes), found.name})
      .first->second;
}

Tensor PtBuilder::build_tensor(const Pickle& pickle, const PickleObject& object) {
  const auto& arguments = pickle.items(object);
  if (arguments.size() < 4 || pickle[arguments[0]].kind != Kind::storage ||
      pickle[arguments[1]].kind != Kind::integer) {
    refuse("a tensor is described by other than storage, offset, sizes and strides");
  }
  const auto& id = pickle.items(pickle[arguments[0]]);
  if (id.size() < 5 || pickle[id[2]].kind != Kind::text)
    refuse("a storage is described by other than type, key and size");
  if (id.size() > 5 && pickle[id[5]].kind != Kind::none)
    refuse("a storage is part of another, which torch no longer writes");
  const c10::ScalarType type = type_of(pickle, id, arguments);
  const std::vector<int64_t> sizes = integers(pickle, arguments[2], "sizes");
  const std::vector<int64_t> strides = integers(pickle, arguments[3], "strides");
  const int64_t offset = pickle[arguments[1]].integer;
  const auto negative = [](int64_t value) { return value < 0; };
  if (sizes.size() != strides.size()) refuse("a tensor has not as many sizes as strides");
  if (offset < 0 || std::any_of(sizes.begin(), sizes.end(), negative) ||
      std::any_of(strides.begin(), strides.end(), negative)) {
    refuse("a tensor has a negative offset, size or stride");
  }
  const Loaded& loaded = load(pickle[id[2]].text);
  const auto item = static_cast<int64_t>(c10::elementSize(type));
  const int64_t held = static_cast<int64_t>(loaded.storage.nbytes()) / item;
  const auto reach = reach_of(sizes, strides, offset);
  if (!reach || *reach > held) {
    refuse(c10::str("a tensor of sizes [", c10::Join(", ", sizes), "], strides [", c10::Join(", ", strides),
                    "] and offset ", offset, " reaches beyond its storage ", loaded.name, ", which holds ", held,
                    " elements"));
  }
  if (type == at::kBool) {
    const auto* bytes = static_cast<const uint8_t*>(loaded.storage.data());
    if (std::any_of(bytes, bytes + loaded.storage.nbytes(), [](uint8_t byte) { return byte > 1; })) {
      refuse(c10::str("storage ", loaded.name, " is bool, but holds bytes other than 0 and 1"));
    }
  }
  return at::empty({0}, at::TensorOptions(type)).set_(loaded.storage, offset, sizes, strides);
}

}  // namespace factorise
