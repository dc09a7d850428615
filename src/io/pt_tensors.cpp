// Storages, then tensors as views of them. All arithmetic on sizes is checked for overflow.

#include "io/pt_tensors.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cstring>

#include "io/contents.h"
#include "io/crc32.h"

namespace factorise {
namespace {

using Kind = PickleItem::Kind;

constexpr size_t kAlignment = 64;  // of memory that torch allocates; mapped storages have it too, or are copied
constexpr size_t kMostDimensions = 64;

/// A storage on the file's own pages, which it keeps.
c10::Storage map_storage(const std::shared_ptr<MappedFile>& file, Bytes bytes) {
  uint8_t* data = file->writable() + (bytes.data() - file->bytes().data());
  auto keeper = std::make_unique<std::shared_ptr<MappedFile>>(file);
  at::DataPtr pointer(
      data, keeper.get(), [](void* context) { delete static_cast<std::shared_ptr<MappedFile>*>(context); }, at::kCPU);
  static_cast<void>(keeper.release());  // the storage has it now
  return c10::Storage(c10::Storage::use_byte_size_t(), bytes.size(), std::move(pointer), nullptr, /*resizable=*/false);
}

c10::Storage copy_storage(Bytes bytes) {
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes.size(), c10::GetCPUAllocator(), /*resizable=*/false);
  if (!bytes.empty()) std::memcpy(storage.mutable_data(), bytes.data(), bytes.size());
  return storage;
}

/// The product, or nothing where it overflows.
std::optional<int64_t> product(int64_t a, int64_t b) {
  int64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
}

/// One past the last element that a view of these sizes and strides reaches, from its first; 0 where it has none,
/// nothing where that overflows.
std::optional<int64_t> reach_of(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
  std::optional<int64_t> elements = 1;
  int64_t last = 0;
  // Zeros last, so that a product on the way to them that overflows is found whatever the order.
  for (const int64_t size : sizes) {
    if (size != 0) elements = product(*elements, size);
    if (!elements) return std::nullopt;
  }
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return 0;
  for (size_t d = 0; d < sizes.size(); ++d) {
    const auto step = product(sizes[d] - 1, strides[d]);
    if (!step || __builtin_add_overflow(last, *step, &last)) return std::nullopt;
  }
  return last == INT64_MAX ? std::nullopt : std::optional(last + 1);
}

std::string list(const std::vector<int64_t>& values) { return c10::str("[", c10::Join(", ", values), "]"); }

}  // namespace

void PtBuilder::refuse(const PickleTensor& described, const std::string& reason) const {
  refuse_file(c10::str(where_, " at byte ", described.at, ": ", reason, "."));
}

Tensor PtBuilder::make_tensor(const PickleTensor& described) {
  if (described.version == PickleMeaning::sparse) return make_sparse(described);
  const View view = read(described);
  check_reach(described, view);
  Storage& found = storage(described, view);
  if (view.type == at::kBool) check_truths(described, view, found);
  return at::empty({0}, at::TensorOptions(view.type))
      .set_(found.storage, view.first + view.offset, view.sizes, view.strides);
}

PtBuilder::View PtBuilder::read(const PickleTensor& described) const {
  const auto& given = pickle_.parts[described.arguments];
  const size_t fewest = described.version == PickleMeaning::tensor_old  ? 4
                        : described.version == PickleMeaning::tensor_v2 ? 6
                                                                        : 7;
  const size_t most = described.version == PickleMeaning::tensor_old ? 4 : fewest + 1;
  if (given.size() < fewest || given.size() > most || given[0].kind != Kind::storage ||
      given[1].kind != Kind::integer || given[1].integer < 0) {
    refuse(described, "a tensor must be described by a storage, an offset from 0, sizes and strides, but is not");
  }
  View view{};
  view.offset = given[1].integer;
  view.sizes = integers(described, given[2], "sizes");
  view.strides = integers(described, given[3], "strides");
  if (view.sizes.size() != view.strides.size()) {
    refuse(described, c10::str("a tensor must have as many strides as sizes, but has ", view.strides.size(), " and ",
                               view.sizes.size()));
  }
  read_storage(described, given[0], view);
  if (described.version == PickleMeaning::tensor_v3) {
    // The storage is untyped; the type comes with the tensor.
    if (given[6].kind != Kind::global || given[6].global->meaning != PickleMeaning::dtype) {
      refuse(described, "a tensor's type must be the name of a torch.dtype, but is not");
    }
    if (view.type != at::kByte || view.count != view.bytes) {
      refuse(described, "a tensor that names its type must have an untyped storage, but has not");
    }
    view.type = given[6].global->type;
    view.count = view.bytes / static_cast<int64_t>(c10::elementSize(view.type));
  }
  if (given.size() == most && described.version != PickleMeaning::tensor_old) {
    check_metadata(described, given[most - 1]);
  }
  return view;
}

/// The persistent id: ("storage", type, key, device, elements[, None or (view key, offset, elements)]).
void PtBuilder::read_storage(const PickleTensor& described, const PickleItem& id, View& view) const {
  const auto& parts = pickle_.parts_of(id);
  const auto is_storage = [](const PickleItem& type) {
    return type.kind == Kind::global &&
           (type.global->meaning == PickleMeaning::storage || type.global->meaning == PickleMeaning::untyped_storage);
  };
  if (parts.size() < 5 || parts.size() > 6 || parts[0].kind != Kind::text || parts[0].view() != "storage" ||
      !is_storage(parts[1]) || parts[2].kind != Kind::text || parts[4].kind != Kind::integer || parts[4].integer < 0) {
    refuse(described, "a storage must be described by its type, key, device and size, but is not");
  }
  view.type = parts[1].global->type;
  view.key = parts[2].view();
  view.count = parts[4].integer;
  const auto bytes = product(view.count, static_cast<int64_t>(c10::elementSize(view.type)));
  if (!bytes) refuse(described, c10::str("a storage of ", view.count, " elements is larger than any file"));
  view.bytes = *bytes;
  if (parts.size() < 6 || parts[5].kind == Kind::none) return;
  // Before torch 0.4, a storage could be a part of another.
  const bool is_part = parts[5].kind == Kind::tuple && pickle_.parts_of(parts[5]).size() == 3 &&
                       pickle_.parts_of(parts[5])[1].kind == Kind::integer &&
                       pickle_.parts_of(parts[5])[2].kind == Kind::integer;
  if (!is_part) refuse(described, "a part of a storage must be described by its key, offset and size, but is not");
  const int64_t first = pickle_.parts_of(parts[5])[1].integer, count = pickle_.parts_of(parts[5])[2].integer;
  if (first < 0 || count < 0 || first > view.count || count > view.count - first) {
    refuse(described, c10::str("a part of ", count, " elements from ", first, " must lie in its storage ",
                               shown(view.key), ", which holds ", view.count));
  }
  view.first = first;
  view.count = count;
}

void PtBuilder::check_metadata(const PickleTensor& described, const PickleItem& metadata) const {
  if (metadata.kind != Kind::dict && metadata.kind != Kind::none) {
    refuse(described, "a tensor's metadata must be a dict, but is not");
  }
  if (metadata.kind == Kind::dict && !pickle_.parts_of(metadata).empty()) {
    refuse(described,
           "the tensor is stored negated or conjugated, as the imaginary part of a complex one is, which is not read: "
           "save its clone()");
  }
}

std::vector<int64_t> PtBuilder::integers(const PickleTensor& described, const PickleItem& item,
                                         const char* what) const {
  const bool is_tuple = item.kind == Kind::tuple || item.kind == Kind::list;
  if (!is_tuple) refuse(described, c10::str("a tensor's ", what, " must be a tuple, but are not"));
  const auto& parts = pickle_.parts_of(item);
  if (parts.size() > kMostDimensions) {
    refuse(described, c10::str("a tensor must have at most ", kMostDimensions, " ", what, ", but has ", parts.size()));
  }
  std::vector<int64_t> values;
  values.reserve(parts.size());
  for (const PickleItem& part : parts) {
    if (part.kind != Kind::integer || part.integer < 0) {
      refuse(described, c10::str("a tensor's ", what, " must be integers from 0, but are not"));
    }
    values.push_back(part.integer);
  }
  return values;
}

void PtBuilder::check_reach(const PickleTensor& described, const View& view) const {
  const auto size = static_cast<int64_t>(c10::elementSize(view.type));
  const auto reach = reach_of(view.sizes, view.strides);
  const int64_t held = view.count;
  if (reach && view.offset <= held && *reach <= held - view.offset) return;
  const auto bytes = [&](int64_t elements) {
    const auto count = product(elements, size);
    return count ? c10::str(*count, " bytes") : c10::str(elements, " times ", size, " bytes");
  };
  refuse(described, c10::str("the tensor of sizes ", list(view.sizes), " and strides ", list(view.strides), " needs ",
                             reach ? bytes(*reach) : "more bytes than can be counted", " from byte ",
                             product(view.offset, size) ? c10::str(*product(view.offset, size)) : bytes(view.offset),
                             " of storage ", shown(view.key), ", which holds ", bytes(held)));
}

PtBuilder::Storage& PtBuilder::storage(const PickleTensor& described, const View& view) {
  auto known = storages_.find(view.key);
  if (known == storages_.end()) known = storages_.emplace(view.key, Storage{load(described, view)}).first;
  const auto held = known->second.storage.nbytes();
  if (static_cast<uint64_t>(view.bytes) != held) {
    refuse(described, c10::str("storage ", shown(view.key), " must hold ", view.bytes, " bytes, but holds ", held,
                               " in the file"));
  }
  return known->second;
}

c10::Storage PtBuilder::load(const PickleTensor& described, const View& view) const {
  const auto found = find_(view.key);
  if (!found) {
    refuse(described, c10::str("the tensor's storage ", shown(view.key), " must be in the file, but is not"));
  }
  const bool aligned = reinterpret_cast<uintptr_t>(found->bytes.data()) % kAlignment == 0;
  if (aligned && found->bytes.size() >= kPtMapFrom) return map_storage(file_, found->bytes);
  if (found->crc32 && crc32_of(found->bytes) != *found->crc32) {
    refuse(described, c10::str("storage ", shown(view.key), " is damaged: its checksum does not fit"));
  }
  return copy_storage(found->bytes);
}

/// A bool that is neither 0 nor 1 is undefined behaviour to compute with.
void PtBuilder::check_truths(const PickleTensor& described, const View& view, Storage& storage) const {
  if (storage.truths_checked) return;
  const auto* begin = static_cast<const uint8_t*>(storage.storage.data());
  const auto* end = begin + storage.storage.nbytes();
  const auto* other = std::find_if(begin, end, [](uint8_t byte) { return byte > 1; });
  if (other != end) {
    refuse(described, c10::str("a bool must be 0 or 1, but byte ", other - begin, " of storage ", shown(view.key),
                               " is ", static_cast<int>(*other)));
  }
  storage.truths_checked = true;
}

}  // namespace factorise
