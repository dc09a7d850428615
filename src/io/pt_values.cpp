// The walk over a pickle's lists and dicts, with the loops, the depth and the memory in check.

#include <c10/util/StringUtil.h>

#include <algorithm>

#include "io/contents.h"
#include "io/pt_tensors.h"
#include "io/utf8.h"

namespace factorise {
namespace {

using Kind = PickleItem::Kind;

constexpr int kDeepest = 100;

/// Python's equality of keys, for the two types that keys have.
bool less(const PickleItem& a, const PickleItem& b) {
  if (a.kind != b.kind) return a.kind < b.kind;
  return a.kind == Kind::text ? a.view() < b.view() : a.integer < b.integer;
}

}  // namespace

PtBuilder::PtBuilder(std::shared_ptr<MappedFile> file, std::string where, const Pickle& pickle, PickleBudget& budget,
                     StorageFinder find)
    : file_(std::move(file)),
      where_(std::move(where)),
      pickle_(pickle),
      budget_(budget),
      find_(std::move(find)),
      open_(pickle.parts.size()) {
  tensors_.resize(pickle.tensors.size());
}

void PtBuilder::refuse(const std::string& reason) const { refuse_file(c10::str(where_, ": ", reason, ".")); }

void PtBuilder::pay(uint64_t cost) {
  if (!budget_.take(cost)) refuse("lists and dicts would take far more memory than a file of this size may ask for");
}

PtValue PtBuilder::build(const PickleItem& item, int depth) {
  switch (item.kind) {
    case Kind::none:
      return {};
    case Kind::boolean:
      return {item.integer != 0};
    case Kind::integer:
      return {item.integer};
    case Kind::real:
      return {item.real};
    case Kind::text:
      return {text_of(item)};
    case Kind::tensor:
      return {tensor(item.index)};
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::object: {
      if (depth > kDeepest) refuse(c10::str("lists and dicts must not be nested deeper than ", kDeepest));
      if (open_[item.index] && !pickle_.parts_of(item).empty()) refuse("a list or dict contains itself");
      open_[item.index] = true;
      const bool in_pairs = item.kind == Kind::dict || item.kind == Kind::object;
      PtValue value = in_pairs ? build_dict(item, depth) : build_list(item, depth);
      open_[item.index] = false;
      return value;
    }
    case Kind::global:
      if (item.global->meaning == PickleMeaning::dtype) return {c10::str("torch.", item.global->name)};
      refuse(c10::str("the file holds the name ", item.global->module, ".", item.global->name,
                      " as a value, which is not read"));
    case Kind::big:
      refuse("the file holds an integer beyond 64 bits, which is not read");
    case Kind::bytes:
      refuse("the file holds raw bytes, which are not read: save them as a tensor, or as text");
    case Kind::storage:
      refuse("the file holds a storage without a tensor, which is not read: save the tensor");
    case Kind::empty:
      break;
  }
  refuse("the file is damaged");
}

PtValue PtBuilder::build_list(const PickleItem& item, int depth) {
  const auto& parts = pickle_.parts_of(item);
  pay(parts.size() * sizeof(PtValue));
  PtValue::List list{{}, item.kind == Kind::tuple};
  list.items.reserve(parts.size());
  for (const PickleItem& part : parts) list.items.push_back(build(part, depth + 1));
  return {std::move(list)};
}

PtValue PtBuilder::build_dict(const PickleItem& item, int depth) {
  const auto& parts = pickle_.parts_of(item);
  pay(parts.size() * (sizeof(PtValue) + sizeof(PickleItem)));
  std::vector<PickleItem> keys;
  keys.reserve(parts.size() / 2);
  PtValue::Dict dict;
  dict.items.reserve(parts.size() / 2);
  for (size_t i = 0; i < parts.size(); i += 2) {
    const PickleItem& key = parts[i];
    if (key.kind == Kind::list || key.kind == Kind::dict || key.kind == Kind::object || key.kind == Kind::tensor) {
      refuse("a dict's key must be a string, a number or a tuple of them, but one is not");
    }
    if (key.kind == Kind::text || key.kind == Kind::integer) keys.push_back(key);
    PtValue name = build(key, depth + 1);
    dict.items.push_back({std::move(name), build(parts[i + 1], depth + 1)});
  }
  std::sort(keys.begin(), keys.end(), less);
  for (size_t i = 1; i < keys.size(); ++i) {
    if (!less(keys[i - 1], keys[i])) {
      refuse(c10::str("a dict holds the key ",
                      keys[i].kind == Kind::text ? shown(keys[i].view()) : c10::str(keys[i].integer), " twice"));
    }
  }
  return {std::move(dict)};
}

std::string PtBuilder::text_of(const PickleItem& item) {
  pay(uint64_t{item.length} + 16);
  if (!is_utf8(item.view())) refuse("a string must be UTF-8, but one is not");
  return std::string(item.view());
}

Tensor PtBuilder::tensor(uint64_t index) {
  if (!tensors_[index].defined()) {
    constexpr uint64_t kTensorCost = 600;  // its own objects and those of a storage, without the numbers
    pay(kTensorCost);
    tensors_[index] = make_tensor(pickle_.tensors[index]);
  }
  return tensors_[index];
}

}  // namespace factorise
