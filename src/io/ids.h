#pragma once
// What the rows and columns of a matrix are called in a file: whole numbers, or texts, such as an ISBN or 007.

#include <ATen/core/Tensor.h>
#include <factorise/io.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace factorise {

/// A list of ids: all numbers, or all texts. Copies share what they hold.
class Ids {
 public:
  /// None: rows and columns are called by their indices, from 0 on.
  Ids() = default;
  /// int64, 1-D.
  explicit Ids(const at::Tensor& numbers) : numbers_(numbers.defined() ? numbers.contiguous() : numbers) {}
  /// UTF-8.
  explicit Ids(std::vector<std::string> texts)
      : texts_(std::make_shared<const std::vector<std::string>>(std::move(texts))) {}

  bool defined() const { return numbers_.defined() || texts_; }
  bool are_texts() const { return texts_ != nullptr; }
  int64_t size() const;
  /// The i-th, where they are numbers.
  int64_t number(int64_t i) const { return numbers_.const_data_ptr<int64_t>()[i]; }
  /// The i-th, in either case.
  std::string text(int64_t i) const;
  /// Which one is called so, where they are ascending, texts by their bytes.
  std::optional<int64_t> find(std::string_view id) const;

  /// The same ids in the same order. Texts that look like numbers are none.
  bool operator==(const Ids& other) const;

  const at::Tensor& numbers() const { return numbers_; }             ///< undefined where they are texts
  const std::vector<std::string>& texts() const { return *texts_; }  ///< where they are texts

 private:
  at::Tensor numbers_;
  std::shared_ptr<const std::vector<std::string>> texts_;
};

/// An id as a number: -3, 42, 1.0 (a real that is whole), but neither 007 nor +3 nor 1e3, which are texts.
std::optional<int64_t> id_number(std::string_view text);

/// A list of numbers where all texts are numbers, else of texts.
Ids ids_of(std::vector<std::string> texts);

/// Ids for a .pt file: a tensor of int64, or a list of strings.
PtEntry entry_of(const Ids& ids);

/// Those of a part of a .pt file, which entry_of wrote; nothing where it is neither a tensor nor a list of strings.
std::optional<Ids> ids_in(const PtValue& value);

/// Whether these, out of a file, can be the ids of an axis of that size, at least 1: int64 or texts, ascending, none
/// twice. None at all can.
bool are_ids(const Ids& ids, int64_t size);

}  // namespace factorise
