// The pickle machine: a stack, marks and a memo, all of them bounded by the bytes that the file really has.

#include "io/unpickler.h"

#include <c10/util/StringUtil.h>

#include <cstring>
#include <optional>

#include "io/contents.h"
#include "io/pickle_globals.h"

namespace factorise {
namespace {

using Kind = PickleObject::Kind;

class Machine {
 public:
  Machine(Bytes bytes, uint64_t begin, const std::string& where) : bytes_(bytes), at_(begin), where_(where) {
    // One object each for what has no content.
    none_ = make(Kind::none);
    false_ = make(Kind::boolean);
    true_ = make(Kind::boolean);
    pickle_.objects[true_].integer = 1;
    mark_ = make(Kind::mark);
  }

  Pickle run() {
    while (!done_) {
      op_at_ = at_;
      step(byte());
    }
    if (stack_.size() != 1) refuse(c10::str("ends with ", stack_.size(), " objects on its stack in place of one"));
    pickle_.top = stack_[0];
    if (kind(pickle_.top) == Kind::mark) refuse("ends with a mark");
    pickle_.end = at_;
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const {
    refuse_file(c10::str(where_, " at byte ", op_at_, ": ", reason, "."));
  }

  // The file's bytes.
  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - at_) refuse("the pickle is cut off");
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, count);
    at_ += count;
    return text;
  }
  uint8_t byte() { return static_cast<uint8_t>(take(1)[0]); }
  template <class T>
  T little() {
    T value = 0;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string_view line() {
    const auto rest = bytes_.subspan(at_);
    const void* end = rest.empty() ? nullptr : std::memchr(rest.data(), '\n', rest.size());
    if (!end) refuse("the pickle is cut off");
    const auto size = static_cast<uint64_t>(static_cast<const uint8_t*>(end) - rest.data());
    const std::string_view text = take(size);
    ++at_;
    return text;
  }

  // Objects and the stack.
  Kind kind(PickleRef ref) const { return pickle_.objects[ref].kind; }
  PickleRef make(Kind kind) {
    pickle_.objects.emplace_back().kind = kind;
    return static_cast<PickleRef>(pickle_.objects.size() - 1);
  }
  PickleRef make_items(Kind kind, std::vector<PickleRef> items) {
    const PickleRef ref = make(kind);
    pickle_.objects[ref].items = static_cast<uint32_t>(pickle_.lists.size());
    pickle_.lists.push_back(std::move(items));
    return ref;
  }
  /// Another object of the same items: a copy for each use would let a few bytes take much memory.
  PickleRef share_items(Kind kind, PickleRef of) {
    const PickleRef ref = make(kind);
    pickle_.objects[ref].items = pickle_.objects[of].items;
    return ref;
  }
  std::vector<PickleRef>& items(PickleRef ref) { return pickle_.lists[pickle_.objects[ref].items]; }
  void push(PickleRef ref) { stack_.push_back(ref); }
  void push_integer(int64_t value) {
    const PickleRef ref = make(Kind::integer);
    pickle_.objects[ref].integer = value;
    push(ref);
  }
  void push_text(Kind kind, std::string_view text) {
    const PickleRef ref = make(kind);
    pickle_.objects[ref].text = text;
    push(ref);
  }
  PickleRef top() const {
    if (stack_.empty() || kind(stack_.back()) == Kind::mark) refuse("an operand is missing");
    return stack_.back();
  }
  PickleRef pop() {
    const PickleRef ref = top();
    stack_.pop_back();
    return ref;
  }
  std::vector<PickleRef> pop_to_mark() {
    size_t begin = stack_.size();
    while (begin > 0 && kind(stack_[begin - 1]) != Kind::mark) --begin;
    if (begin == 0) refuse("a mark is missing");
    std::vector<PickleRef> popped(stack_.begin() + static_cast<std::ptrdiff_t>(begin), stack_.end());
    stack_.resize(begin - 1);
    return popped;
  }

  void step(uint8_t op);
  void push_long(uint64_t size);
  void push_tuple(size_t size);
  void push_global(std::string_view module, std::string_view name);
  void remember(uint64_t index);
  void recall(uint64_t index);
  void extend(Kind kind, const std::vector<PickleRef>& values);
  void reduce();
  std::vector<PickleRef> pairs_of(const std::vector<PickleRef>& given);
  void build();

  Bytes bytes_;
  uint64_t at_, op_at_ = 0;
  const std::string& where_;
  Pickle pickle_;
  std::vector<PickleRef> stack_, memo_;
  PickleRef none_, false_, true_, mark_;
  uint64_t copied_ = 0;
  bool done_ = false;
};

constexpr PickleRef kNothing = 0xFFFFFFFF;

void Machine::step(uint8_t op) {
  switch (op) {
    case 0x80:  // PROTO
      if (const int protocol = byte(); protocol < 2 || protocol > 5) {
        refuse(c10::str("pickle protocol ", protocol, " is not one of 2 to 5"));
      }
      return;
    case 0x95:  // FRAME
      if (const auto size = little<uint64_t>(); size > bytes_.size() - at_) refuse("the pickle is cut off");
      return;
    case 'N':
      return push(none_);
    case 0x88:
      return push(true_);
    case 0x89:
      return push(false_);
    case '(':
      return push(mark_);
    case 'J':
      return push_integer(little<int32_t>());
    case 'K':
      return push_integer(byte());
    case 'M':
      return push_integer(little<uint16_t>());
    case 0x8a:
      return push_long(byte());
    case 0x8b: {  // LONG4
      const auto size = little<int32_t>();
      if (size < 0) refuse("an integer has a negative size");
      return push_long(static_cast<uint64_t>(size));
    }
    case 'G': {  // BINFLOAT, big-endian
      const auto text = take(8);
      uint64_t bits = 0;
      for (const char c : text) bits = bits << 8 | static_cast<uint8_t>(c);
      const PickleRef ref = make(Kind::real);
      std::memcpy(&pickle_.objects[ref].real, &bits, sizeof(bits));
      return push(ref);
    }
    case 'X':
      return push_text(Kind::text, take(little<uint32_t>()));
    case 0x8c:
      return push_text(Kind::text, take(byte()));
    case 0x8d:
      return push_text(Kind::text, take(little<uint64_t>()));
    case 'T': {  // BINSTRING of Python 2
      const auto size = little<int32_t>();
      if (size < 0) refuse("a string has a negative size");
      return push_text(Kind::text, take(static_cast<uint64_t>(size)));
    }
    case 'U':
      return push_text(Kind::text, take(byte()));
    case 'B':
      return push_text(Kind::bytes, take(little<uint32_t>()));
    case 'C':
      return push_text(Kind::bytes, take(byte()));
    case 0x8e:
      return push_text(Kind::bytes, take(little<uint64_t>()));
    case ')':
      return push(make_items(Kind::tuple, {}));
    case 0x85:
      return push_tuple(1);
    case 0x86:
      return push_tuple(2);
    case 0x87:
      return push_tuple(3);
    case 't':
      return push(make_items(Kind::tuple, pop_to_mark()));
    case ']':
      return push(make_items(Kind::list, {}));
    case '}':
      return push(make_items(Kind::dict, {}));
    case 'a':
      return extend(Kind::list, {pop()});
    case 'e':
      return extend(Kind::list, pop_to_mark());
    case 's': {
      const PickleRef value = pop(), key = pop();
      return extend(Kind::dict, {key, value});
    }
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
    case 0x93: {  // STACK_GLOBAL
      const PickleRef name = pop(), module = pop();
      if (kind(name) != Kind::text || kind(module) != Kind::text) refuse("a global's name is no string");
      return push_global(pickle_[module].text, pickle_[name].text);
    }
    case 'Q': {  // BINPERSID
      const PickleRef id = pop();
      if (kind(id) != Kind::tuple) refuse("a storage's id is no tuple");
      return push(share_items(Kind::storage, id));
    }
    case 'R':
      return reduce();
    case 'b':
      return build();
    case '0':
      pop();
      return;
    case '.':
      done_ = true;
      return;
    default:
      refuse(
          c10::str("opcode ", static_cast<int>(op),
                   " is not one that torch.save writes for tensors, numbers and strings in dicts, lists and tuples"));
  }
}

void Machine::push_long(uint64_t size) {
  const std::string_view text = take(size);
  if (size > 8) return push_text(Kind::big, text);
  uint64_t value = size > 0 && (text.back() & 0x80) ? ~uint64_t{0} : 0;
  for (size_t i = text.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(text[i]);
  push_integer(static_cast<int64_t>(value));
}

void Machine::push_tuple(size_t size) {
  std::vector<PickleRef> values(size);
  for (size_t i = size; i-- > 0;) values[i] = pop();
  push(make_items(Kind::tuple, std::move(values)));
}

void Machine::push_global(std::string_view module, std::string_view name) {
  const std::string global = c10::str(module, " ", name);
  if (!known_global(global)) refuse(refusal_of_global(global));
  const PickleRef ref = make(Kind::global);
  pickle_.objects[ref].integer = static_cast<int64_t>(pickle_.global_names.size());
  pickle_.global_names.push_back(global);
  push(ref);
}

void Machine::remember(uint64_t index) {
  // Pickle numbers its memo without gaps, from 0 or (Python 2) from 1; a jump would want memory for which the file has
  // no bytes.
  if (index > memo_.size() + 1) refuse(c10::str("memo ", index, " is written, but there are only ", memo_.size()));
  if (index >= memo_.size()) memo_.resize(index + 1, kNothing);
  memo_[index] = top();
}

void Machine::recall(uint64_t index) {
  if (index >= memo_.size() || memo_[index] == kNothing) refuse(c10::str("memo ", index, " was never written"));
  push(memo_[index]);
}

void Machine::extend(Kind wanted, const std::vector<PickleRef>& values) {
  const PickleRef container = top();
  if (kind(container) != wanted)
    refuse(wanted == Kind::list ? "items are given to no list" : "items are given to no dict");
  if (wanted == Kind::dict && values.size() % 2 != 0) refuse("a dict's key has no value");
  auto& list = items(container);
  list.insert(list.end(), values.begin(), values.end());
}

void Machine::reduce() {
  const PickleRef arguments = pop(), function = pop();
  if (kind(function) != Kind::global) refuse("what is called is no name");
  if (kind(arguments) != Kind::tuple) refuse("what is called with is no tuple");
  const std::string& name = pickle_.global_names[static_cast<size_t>(pickle_[function].integer)];
  const std::vector<PickleRef>& given = items(arguments);
  switch (*known_global(name)) {
    case PickleGlobal::rebuild_tensor:
      return push(share_items(Kind::tensor, arguments));
    case PickleGlobal::rebuild_parameter:
      if (given.empty() || kind(given[0]) != Kind::tensor) refuse("a Parameter holds no tensor");
      return push(given[0]);
    case PickleGlobal::size:
      if (given.size() != 1 || kind(given[0]) != Kind::tuple) refuse("a Size holds no tuple");
      return push(given[0]);
    case PickleGlobal::ordered_dict:
      return push(make_items(Kind::dict, given.empty() ? std::vector<PickleRef>() : pairs_of(given)));
    case PickleGlobal::dtype:
    case PickleGlobal::untyped_storage:
      refuse(c10::str(name, " is called, which no tensor needs"));
  }
}

/// The items of an OrderedDict that Python 2 wrote: OrderedDict([(key, value), ...]).
std::vector<PickleRef> Machine::pairs_of(const std::vector<PickleRef>& given) {
  if (given.size() != 1 || kind(given[0]) != Kind::list) refuse("an OrderedDict is made from no list");
  copied_ += items(given[0]).size();
  if (copied_ > bytes_.size()) refuse("the same list makes too many OrderedDicts");
  std::vector<PickleRef> pairs;
  for (const PickleRef pair : items(given[0])) {
    const bool is_pair = (kind(pair) == Kind::list || kind(pair) == Kind::tuple) && items(pair).size() == 2;
    if (!is_pair) refuse("an OrderedDict is made from what is no pair");
    pairs.insert(pairs.end(), items(pair).begin(), items(pair).end());
  }
  return pairs;
}

void Machine::build() {
  // A state_dict carries _metadata, which says nothing about its tensors.
  pop();
  if (kind(top()) != Kind::dict) refuse("attributes are given to what is no OrderedDict");
}

}  // namespace

Pickle unpickle(Bytes bytes, uint64_t begin, const std::string& where) { return Machine(bytes, begin, where).run(); }

}  // namespace factorise
