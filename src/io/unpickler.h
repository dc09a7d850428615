#pragma once
// Reads a pickle as data: the opcodes that torch.save writes (protocols 2 to 5), and instead of classes and functions
// the few names that a tensor file needs. Nothing is imported or called. After Lib/pickletools.py, which documents the
// format.

#include <string>
#include <string_view>
#include <vector>

#include "io/mapped_file.h"
#include "io/pickle_globals.h"

namespace factorise {

/// Memory that a pickle's contents may take, in bytes: a multiple of its length, so that a small file cannot ask for
/// much. (Python's own objects take as much.)
class PickleBudget {
 public:
  explicit PickleBudget(uint64_t pickle_size);
  /// False where that is not left.
  bool take(uint64_t bytes);

 private:
  uint64_t left_;
};

/// A value on the pickle's stack. What has parts refers to them by index, so that loops are found, not followed.
struct PickleItem {
  enum class Kind : uint8_t {
    none,
    boolean,  ///< integer: 0 or 1
    integer,  ///< integer
    big,      ///< text: the little-endian bytes of an integer beyond 64 bits
    real,     ///< real
    text,     ///< text
    bytes,    ///< text
    list,     ///< index into Pickle::parts
    tuple,    ///< index into Pickle::parts
    dict,     ///< index into Pickle::parts: key, value, key, value, ...
    object,   ///< a TorchScript object: its attributes, as a dict's parts
    global,   ///< global
    storage,  ///< index into Pickle::parts: the persistent id
    tensor,   ///< index into Pickle::tensors
    empty,    ///< a memo that was not written
  };
  Kind kind = Kind::none;
  uint32_t length = 0;  ///< of text
  union {
    int64_t integer = 0;
    double real;
    uint64_t index;
    const char* text;  ///< in the file
    const PickleGlobal* global;
  };

  static PickleItem of(Kind kind) {
    PickleItem item;
    item.kind = kind;
    return item;
  }
  std::string_view view() const { return {text, length}; }
};

/// A tensor as it is described: the arguments of one of the functions that rebuild it.
struct PickleTensor {
  uint64_t arguments;  ///< index into Pickle::parts
  uint64_t at;         ///< where the pickle describes it
  PickleMeaning version;
};

struct Pickle {
  std::vector<std::vector<PickleItem>> parts;
  std::vector<PickleTensor> tensors;
  std::vector<uint64_t> storages;  ///< indices into parts: every persistent id
  PickleItem top;
  uint64_t end = 0;  ///< the byte after the pickle

  const std::vector<PickleItem>& parts_of(const PickleItem& item) const { return parts[item.index]; }
};

/// Reads one pickle from byte `begin` of `bytes`. `where` begins every message: "[load_pt] file.pt: data.pkl".
/// Throws FileError, naming the byte, for anything that is cut off, damaged or not allowed, or beyond the budget.
Pickle unpickle(Bytes bytes, uint64_t begin, const std::string& where, PickleBudget& budget);

}  // namespace factorise
