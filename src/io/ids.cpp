// Numbers in a tensor, texts in a list, both looked up by bisection.

#include "io/ids.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "io/text.h"

namespace factorise {

int64_t Ids::size() const {
  if (texts_) return static_cast<int64_t>(texts_->size());
  return numbers_.defined() ? numbers_.numel() : 0;
}

std::string Ids::text(int64_t i) const {
  return texts_ ? (*texts_)[static_cast<size_t>(i)] : std::to_string(number(i));
}

std::optional<int64_t> Ids::find(std::string_view id) const {
  if (texts_) {
    const auto found = std::lower_bound(texts_->begin(), texts_->end(), id);
    return found != texts_->end() && *found == id ? std::optional<int64_t>(found - texts_->begin()) : std::nullopt;
  }
  const std::optional<int64_t> wanted = id_number(id);
  if (!wanted || !numbers_.defined()) return std::nullopt;
  const int64_t *begin = numbers_.const_data_ptr<int64_t>(), *end = begin + numbers_.numel();
  const int64_t* found = std::lower_bound(begin, end, *wanted);
  return found != end && *found == *wanted ? std::optional<int64_t>(found - begin) : std::nullopt;
}

bool Ids::operator==(const Ids& other) const {
  if (defined() != other.defined() || are_texts() != other.are_texts()) return false;
  return texts_ ? *texts_ == *other.texts_ : !defined() || at::equal(numbers_, other.numbers_);
}

std::optional<int64_t> id_number(std::string_view text) {
  const size_t sign = text.starts_with('-') ? 1 : 0, point = std::min(text.find('.'), text.size());
  const std::string_view digits = text.substr(sign, point - sign),
                         zeros = text.substr(std::min(point + 1, text.size()));
  const bool has_leading_zero = digits.starts_with('0') && (digits.size() > 1 || sign > 0);
  if (digits.empty() || has_leading_zero || zeros.find_first_not_of('0') != std::string_view::npos) return std::nullopt;
  return number_in<int64_t>(text.substr(0, point));
}

Ids ids_of(std::vector<std::string> texts) {
  std::vector<int64_t> numbers;
  for (const std::string& text : texts) {
    const std::optional<int64_t> number = id_number(text);
    if (!number) return Ids(std::move(texts));
    numbers.push_back(*number);
  }
  return Ids(at::tensor(at::ArrayRef<int64_t>(numbers), at::TensorOptions(at::kLong)));
}

PtEntry entry_of(const Ids& ids) { return ids.are_texts() ? PtEntry(ids.texts()) : PtEntry(ids.numbers()); }

std::optional<Ids> ids_in(const PtValue& value) {
  if (value.is_tensor()) {
    const at::Tensor& tensor = value.tensor();
    return tensor.dim() == 1 && !tensor.is_sparse() ? std::optional(Ids(tensor)) : std::nullopt;
  }
  const auto* list = std::get_if<PtValue::List>(&value.value);
  if (!list) return std::nullopt;
  std::vector<std::string> texts;
  texts.reserve(list->items.size());
  for (const PtValue& item : list->items) {
    const auto* text = std::get_if<std::string>(&item.value);
    if (!text) return std::nullopt;
    texts.push_back(*text);
  }
  return Ids(std::move(texts));
}

bool are_ids(const Ids& ids, int64_t size) {
  if (!ids.defined()) return true;
  if (ids.size() != size) return false;
  if (ids.are_texts()) {
    return std::adjacent_find(ids.texts().begin(), ids.texts().end(), std::greater_equal<>()) == ids.texts().end();
  }
  const at::Tensor& numbers = ids.numbers();
  return numbers.scalar_type() == at::kLong && numbers.dim() == 1 &&
         numbers.narrow(0, 1, size - 1).gt(numbers.narrow(0, 0, size - 1)).all().item<bool>();
}

}  // namespace factorise
