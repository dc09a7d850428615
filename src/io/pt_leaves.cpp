// The walk to a file's leaves, and to its tensors among them.

#include "io/pt_leaves.h"

#include <c10/util/StringUtil.h>

#include <algorithm>

namespace factorise {
namespace {

/// A dict's key as part of a name.
std::string name_of(const PtValue& key) {
  if (const auto* text = std::get_if<std::string>(&key.value)) return *text;
  if (const auto* number = std::get_if<int64_t>(&key.value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&key.value)) return c10::str(*real);
  if (const auto* truth = std::get_if<bool>(&key.value)) return *truth ? "True" : "False";
  if (const auto* tuple = std::get_if<PtValue::List>(&key.value)) {
    std::vector<std::string> parts;
    for (const PtValue& item : tuple->items) parts.push_back(name_of(item));
    return c10::str("(", c10::Join(", ", parts), ")");
  }
  return "None";
}

/// An empty one, and a list of strings, which may be a million.
bool is_leaf(const PtValue::List& list) {
  if (list.is_tuple) return list.items.empty();
  return std::all_of(list.items.begin(), list.items.end(),
                     [](const PtValue& item) { return std::holds_alternative<std::string>(item.value); });
}

/// Calls visit(name, leaf) for each.
template <class Visit>
void walk(const PtValue& value, const std::string& name, const Visit& visit) {
  const auto below = [&](const std::string& part) { return name.empty() ? part : c10::str(name, ".", part); };
  if (const auto* list = std::get_if<PtValue::List>(&value.value); list && !is_leaf(*list)) {
    for (size_t i = 0; i < list->items.size(); ++i) walk(list->items[i], below(std::to_string(i)), visit);
  } else if (const auto* dict = std::get_if<PtValue::Dict>(&value.value); dict && !dict->items.empty()) {
    for (const auto& [key, item] : dict->items) walk(item, below(name_of(key)), visit);
  } else {
    visit(name, value);
  }
}

}  // namespace

std::vector<Leaf> leaves(const PtValue& value) {
  std::vector<Leaf> found;
  walk(value, "", [&](const std::string& name, const PtValue& leaf) { found.push_back({name, leaf}); });
  return found;
}

std::vector<NamedTensor> named_tensors(const PtValue& value) {
  std::vector<NamedTensor> found;
  walk(value, "", [&](const std::string& name, const PtValue& leaf) {
    if (leaf.is_tensor()) found.push_back({name, leaf.tensor()});
  });
  return found;
}

}  // namespace factorise
