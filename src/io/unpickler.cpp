// The pickle machine: a stack, marks and a memo, all of them bounded by the bytes that the file really has.

#include "io/unpickler.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "io/contents.h"
#include "io/text.h"

namespace factorise {
namespace {

using Kind = PickleItem::Kind;
using Items = std::vector<PickleItem>;

// What a vector's next element takes, with the old and the new memory while it grows.
constexpr uint64_t kItemCost = 3 * sizeof(PickleItem);
constexpr uint64_t kPartsCost = 3 * sizeof(Items);
constexpr uint64_t kTensorCost = 3 * sizeof(PickleTensor);
constexpr uint64_t kAllocationCost = 32;

class Machine {
 public:
  Machine(Bytes bytes, uint64_t begin, const std::string& where, PickleBudget& budget)
      : bytes_(bytes), at_(begin), begin_(begin), where_(where), budget_(budget) {
    pickle_.parts.emplace_back();  // the empty tuple, which is one for all
  }

  Pickle run() {
    while (!done_) {
      op_at_ = at_;
      step(byte());
    }
    if (stack_.size() != 1 || !marks_.empty()) refuse("the pickle ends with something left on its stack");
    pickle_.top = stack_[0];
    pickle_.end = at_;
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const {
    refuse_file(c10::str(where_, " at byte ", op_at_, ": ", reason, "."));
  }
  void pay(uint64_t cost) {
    if (!budget_.take(cost)) refuse("lists and dicts would take far more memory than a file of this size may ask for");
  }

  // The file's bytes.
  const char* take(uint64_t count) {
    if (count > bytes_.size() - at_) {
      refuse(c10::str("the file is cut off or damaged: ", count, " bytes are to follow, but ", bytes_.size() - at_,
                      " do"));
    }
    const char* taken = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += count;
    return taken;
  }
  uint8_t byte() { return static_cast<uint8_t>(*take(1)); }
  template <class T>
  T little() {
    T value = 0;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }
  uint64_t length(int32_t given) {
    if (given < 0) refuse("a length is negative");
    return static_cast<uint64_t>(given);
  }
  std::string_view line() {
    constexpr uint64_t kLongest = 256;
    const Bytes rest = bytes_.subspan(at_, std::min(kLongest, bytes_.size() - at_));
    const auto end = std::find(rest.begin(), rest.end(), '\n');
    if (end == rest.end()) refuse("a name has no end");
    const auto size = static_cast<uint64_t>(end - rest.begin());
    return {take(size + 1), size};
  }

  // The stack. The topmost mark guards what is below it.
  void push(const PickleItem& item) {
    if (stack_.size() == highest_) {
      pay(kItemCost);
      ++highest_;
    }
    stack_.push_back(item);
  }
  void push(Kind kind, int64_t value) {
    PickleItem item = PickleItem::of(kind);
    item.integer = value;
    push(item);
  }
  void push_text(Kind kind, uint64_t size) {
    if (size > UINT32_MAX) refuse(c10::str("a string of ", size, " bytes is too long"));
    PickleItem item = PickleItem::of(kind);
    item.length = static_cast<uint32_t>(size);
    item.text = take(size);
    push(item);
  }
  void push_parts(Kind kind, Items parts) {
    PickleItem item = PickleItem::of(kind);
    item.index = 0;
    if (kind != Kind::tuple || !parts.empty()) {
      pay(kPartsCost + kAllocationCost + parts.size() * sizeof(PickleItem));
      item.index = pickle_.parts.size();
      pickle_.parts.push_back(std::move(parts));
    }
    push(item);
  }
  const PickleItem& top() const {
    if (stack_.size() == (marks_.empty() ? 0 : marks_.back())) refuse("an operand is missing");
    return stack_.back();
  }
  PickleItem pop() {
    const PickleItem item = top();
    stack_.pop_back();
    return item;
  }
  Items pop_to_mark() {
    if (marks_.empty()) refuse("a mark is missing");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    pay(kAllocationCost + static_cast<uint64_t>(stack_.end() - begin) * sizeof(PickleItem));
    Items popped(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return popped;
  }

  void step(uint8_t op);
  void protocol(int version);
  [[noreturn]] void refuse_opcode(uint8_t op) const;
  void push_long(uint64_t size);
  void push_real();
  void push_tuple(size_t size);
  void push_global(std::string_view module, std::string_view name);
  void push_stack_global();
  void push_storage();
  void remember(uint64_t index);
  void recall(uint64_t index);
  void extend(Kind kind, const Items& values);
  void set_item();
  void reduce();
  void reduce_tensor(PickleMeaning version, const PickleItem& arguments);
  void reduce_type(const Items& given);
  void reduce_ordered_dict(const Items& given);
  void push_decimal();
  void push_object();
  void build();

  Bytes bytes_;
  uint64_t at_, begin_, op_at_ = 0;
  const std::string& where_;
  PickleBudget& budget_;
  Pickle pickle_;
  Items stack_, memo_;
  std::vector<uint64_t> marks_;
  size_t highest_ = 0;
  bool done_ = false;
};

void Machine::step(uint8_t op) {
  switch (op) {
    case 0x80:
      return protocol(byte());
    case 0x95:  // FRAME: how many bytes follow until the next; they are all here
      if (const auto size = little<uint64_t>(); size > bytes_.size() - at_) refuse("the file is cut off or damaged");
      return;
    case 'N':
      return push(Kind::none, 0);
    case 0x88:
      return push(Kind::boolean, 1);
    case 0x89:
      return push(Kind::boolean, 0);
    case 'J':
      return push(Kind::integer, little<int32_t>());
    case 'K':
      return push(Kind::integer, byte());
    case 'M':
      return push(Kind::integer, little<uint16_t>());
    case 0x8a:
      return push_long(byte());
    case 0x8b:
      return push_long(length(little<int32_t>()));
    case 'I':
      return push_decimal();  // an int of Python 2 beyond 32 bits
    case 'G':
      return push_real();
    case 'X':
      return push_text(Kind::text, little<uint32_t>());
    case 0x8c:
      return push_text(Kind::text, byte());
    case 0x8d:
      return push_text(Kind::text, little<uint64_t>());
    case 'T':
      return push_text(Kind::text, length(little<int32_t>()));  // a string of Python 2
    case 'U':
      return push_text(Kind::text, byte());  // likewise
    case 'B':
      return push_text(Kind::bytes, little<uint32_t>());
    case 'C':
      return push_text(Kind::bytes, byte());
    case 0x8e:
      return push_text(Kind::bytes, little<uint64_t>());
    case '(':
      pay(3 * sizeof(uint64_t));
      return marks_.push_back(stack_.size());
    case ')':
      return push_parts(Kind::tuple, {});
    case 0x85:
      return push_tuple(1);
    case 0x86:
      return push_tuple(2);
    case 0x87:
      return push_tuple(3);
    case 't':
      return push_parts(Kind::tuple, pop_to_mark());
    case ']':
      return push_parts(Kind::list, {});
    case '}':
      return push_parts(Kind::dict, {});
    case 'a':
      return extend(Kind::list, {pop()});
    case 'e':
      return extend(Kind::list, pop_to_mark());
    case 's':
      return set_item();
    case 'u':
      return extend(Kind::dict, pop_to_mark());
    case 'q':
      return remember(byte());
    case 'r':
      return remember(little<uint32_t>());
    case 0x94:
      return remember(memo_.size());
    case 'h':
      return recall(byte());
    case 'j':
      return recall(little<uint32_t>());
    case 'c': {
      const std::string_view module = line();
      return push_global(module, line());
    }
    case 0x93:
      return push_stack_global();
    case 'Q':
      return push_storage();
    case 'R':
      return reduce();
    case 0x81:
      return push_object();
    case 'b':
      return build();
    case '.':
      done_ = true;
      return;
    default:
      refuse_opcode(op);
  }
}

void Machine::protocol(int version) {
  if (version < 2 || version > 5) refuse(c10::str("the pickle's protocol must be 2 to 5, but is ", version));
}

void Machine::refuse_opcode(uint8_t op) const {
  switch (op) {
    case 0x8f:
    case 0x90:
    case 0x91:
      refuse("the file holds a set, which is not read: save a list");
    case 0x96:
      refuse("the file holds raw bytes, which are not read: save them as a tensor, or as text");
    default:
      refuse(c10::str("opcode ", static_cast<int>(op),
                      " is not one that torch.save writes for tensors, numbers and strings in dicts, lists and "
                      "tuples, so the file is damaged or holds something else"));
  }
}

void Machine::push_long(uint64_t size) {
  if (size > 8) return push_text(Kind::big, size);
  const char* digits = take(size);
  uint64_t value = size > 0 && (digits[size - 1] & 0x80) ? ~uint64_t{0} : 0;
  for (uint64_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
  push(Kind::integer, static_cast<int64_t>(value));
}

void Machine::push_decimal() {
  const std::string_view digits = line();
  if (digits == "00" || digits == "01") return push(Kind::boolean, digits == "01");
  const std::optional<int64_t> value = number_in<int64_t>(digits);
  if (!value) refuse("an integer must be of at most 64 bits, in decimal digits, but one is not");
  push(Kind::integer, *value);
}

void Machine::push_real() {
  uint64_t bits = 0;
  const char* digits = take(8);  // big-endian, alone in all of pickle
  for (int i = 0; i < 8; ++i) bits = bits << 8 | static_cast<uint8_t>(digits[i]);
  PickleItem item = PickleItem::of(Kind::real);
  std::memcpy(&item.real, &bits, sizeof(bits));
  push(item);
}

void Machine::push_tuple(size_t size) {
  Items parts(size);
  for (size_t i = size; i-- > 0;) parts[i] = pop();
  push_parts(Kind::tuple, std::move(parts));
}

void Machine::push_global(std::string_view module, std::string_view name) {
  PickleItem item = PickleItem::of(Kind::global);
  item.global = find_global(module, name);
  if (!item.global) refuse(refusal_of_global(module, name));
  push(item);
}

void Machine::push_stack_global() {
  const PickleItem name = pop(), module = pop();
  if (name.kind != Kind::text || module.kind != Kind::text) refuse("a name is no string");
  push_global(module.view(), name.view());
}

void Machine::push_storage() {
  PickleItem id = pop();
  if (id.kind != Kind::tuple) refuse("a storage is described by something other than a tuple");
  id.kind = Kind::storage;
  pay(3 * sizeof(uint64_t));
  pickle_.storages.push_back(id.index);
  push(id);
}

void Machine::remember(uint64_t index) {
  // Pickle numbers its memo without gaps, so that an index is always below the number of bytes before it.
  if (index > at_ - begin_) refuse(c10::str("memo ", index, " is written, before that many could have been"));
  if (index >= memo_.size()) {
    pay((index + 1 - memo_.size()) * kItemCost);
    memo_.resize(index + 1, PickleItem::of(Kind::empty));
  }
  memo_[index] = top();
}

void Machine::recall(uint64_t index) {
  if (index >= memo_.size() || memo_[index].kind == Kind::empty) {
    refuse(c10::str("memo ", index, " is read, but was never written"));
  }
  push(PickleItem(memo_[index]));
}

void Machine::extend(Kind kind, const Items& values) {
  const PickleItem& container = top();
  if (container.kind != kind) refuse(c10::str("items are given to what is no ", kind == Kind::list ? "list" : "dict"));
  if (kind != Kind::list && values.size() % 2 != 0) refuse("a dict's key has no value");
  pay(kAllocationCost + values.size() * kItemCost);
  Items& parts = pickle_.parts[container.index];
  parts.insert(parts.end(), values.begin(), values.end());
}

void Machine::set_item() {
  const PickleItem value = pop(), key = pop();
  extend(Kind::dict, {key, value});
}

void Machine::reduce() {
  const PickleItem arguments = pop(), function = pop();
  if (function.kind != Kind::global || arguments.kind != Kind::tuple) refuse("a call names no function or no tuple");
  const Items& given = pickle_.parts_of(arguments);
  switch (function.global->meaning) {
    case PickleMeaning::tensor_old:
    case PickleMeaning::tensor_v2:
    case PickleMeaning::tensor_v3:
      return reduce_tensor(function.global->meaning, arguments);
    case PickleMeaning::tensor_with_type:
      return reduce_type(given);
    case PickleMeaning::parameter:
      if (given.size() < 3 || given[0].kind != Kind::tensor) refuse("a Parameter holds no tensor");
      return push(PickleItem(given[0]));
    case PickleMeaning::size:
      if (given.size() != 1 || given[0].kind != Kind::tuple) refuse("a torch.Size holds no tuple");
      return push(PickleItem(given[0]));
    case PickleMeaning::ordered_dict:
      return reduce_ordered_dict(given);
    case PickleMeaning::sparse:
      return reduce_tensor(PickleMeaning::sparse, arguments);
    case PickleMeaning::layout:
      if (given.size() != 1 || given[0].kind != Kind::text) refuse("a layout has no name");
      return push(PickleItem(given[0]));
    case PickleMeaning::script_typed:
      if (given.empty()) refuse("a TorchScript value is not there");
      return push(PickleItem(given[0]));
    case PickleMeaning::dtype:
    case PickleMeaning::storage:
    case PickleMeaning::untyped_storage:
    case PickleMeaning::tensor_type:
    case PickleMeaning::script_class:
      break;
  }
  refuse(c10::str(function.global->module, ".", function.global->name, " is called, which torch.save does not write"));
}

void Machine::reduce_tensor(PickleMeaning version, const PickleItem& arguments) {
  pay(kTensorCost);
  PickleItem item = PickleItem::of(Kind::tensor);
  item.index = pickle_.tensors.size();
  pickle_.tensors.push_back({arguments.index, op_at_, version});
  push(item);
}

/// A torch.Tensor with attributes of its own, or a Buffer; the attributes are left out.
void Machine::reduce_type(const Items& given) {
  const auto means = [&](size_t i, auto... meanings) {
    return given[i].kind == Kind::global && ((given[i].global->meaning == meanings) || ...);
  };
  if (given.size() != 4 || given[2].kind != Kind::tuple ||
      !means(0, PickleMeaning::tensor_old, PickleMeaning::tensor_v2, PickleMeaning::tensor_v3) ||
      !means(1, PickleMeaning::tensor_type)) {
    refuse("a tensor with attributes is made in a way that torch.save does not write");
  }
  reduce_tensor(given[0].global->meaning, given[2]);
}

/// Python 3 makes it empty, and fills it then; Python 2 makes it from a list of pairs.
void Machine::reduce_ordered_dict(const Items& given) {
  const auto is_sequence = [](const PickleItem& item) { return item.kind == Kind::list || item.kind == Kind::tuple; };
  const char* other = "an OrderedDict is made in a way that torch.save does not write";
  if (given.empty()) return push_parts(Kind::dict, {});
  if (given.size() != 1 || !is_sequence(given[0])) refuse(other);
  const uint64_t pairs = given[0].index;
  pay(kAllocationCost + 2 * pickle_.parts[pairs].size() * kItemCost);
  Items parts;
  parts.reserve(2 * pickle_.parts[pairs].size());
  for (const PickleItem& pair : pickle_.parts[pairs]) {
    if (!is_sequence(pair) || pickle_.parts_of(pair).size() != 2) refuse(other);
    parts.insert(parts.end(), pickle_.parts_of(pair).begin(), pickle_.parts_of(pair).end());
  }
  push_parts(Kind::dict, std::move(parts));
}

/// TorchScript's objects are made empty, and given their attributes by BUILD.
void Machine::push_object() {
  const PickleItem arguments = pop(), type = pop();
  if (type.kind != Kind::global || type.global->meaning != PickleMeaning::script_class) {
    refuse("an object is made of a class that is none of TorchScript's, but nothing in a file is run");
  }
  if (arguments.kind != Kind::tuple || !pickle_.parts_of(arguments).empty()) {
    refuse("a TorchScript object is made from values, as torch does not write it");
  }
  push_parts(Kind::object, {});
}

void Machine::build() {
  const PickleItem state = pop();
  const PickleItem target = top();
  // A state_dict carries _metadata, which says nothing about its tensors.
  if (target.kind == Kind::dict) return;
  if (target.kind != Kind::object) refuse("attributes are given to what is no OrderedDict");
  if (state.kind != Kind::dict) {
    refuse(
        "a TorchScript object keeps its state in its own way, which is not read: save its tensors, in C++ by "
        "torch::pickle_save or factorise::save_pt, in Python by torch.save");
  }
  extend(Kind::object, Items(pickle_.parts_of(state)));
}

}  // namespace

PickleBudget::PickleBudget(uint64_t pickle_size)
    : left_(std::min<uint64_t>((uint64_t{1} << 20) + 64 * std::min<uint64_t>(pickle_size, uint64_t{1} << 32),
                               uint64_t{1} << 30)) {}

bool PickleBudget::take(uint64_t bytes) {
  if (bytes > left_) return false;
  left_ -= bytes;
  return true;
}

Pickle unpickle(Bytes bytes, uint64_t begin, const std::string& where, PickleBudget& budget) {
  return Machine(bytes, begin, where, budget).run();
}

}  // namespace factorise
