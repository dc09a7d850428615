#pragma once
// Reads a pickle as data: the opcodes that torch.save writes (protocols 2 to 5), and instead of classes and functions
// the few names that a tensor file needs. Nothing is imported or called. After Lib/pickletools.py, which documents the
// format.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/mapped_file.h"

namespace factorise {

/// What a pickle built. Objects refer to each other by index, so that loops can be found rather than followed.
struct PickleObject {
  enum class Kind : uint8_t {
    none,
    boolean,  ///< integer: 0 or 1
    integer,  ///< integer
    big,      ///< text: the little-endian bytes of an integer beyond 64 bits
    real,     ///< real
    text,     ///< text: UTF-8
    bytes,    ///< text
    list,     ///< items
    tuple,    ///< items
    dict,     ///< items: key, value, key, value, ...
    global,   ///< integer: index into Pickle::global_names
    storage,  ///< items: the persistent id's tuple
    tensor,   ///< items: the arguments of _rebuild_tensor, _v2 or _v3
    mark,
  };
  Kind kind = Kind::none;
  uint32_t items = 0;  ///< index into Pickle::lists
  union {
    int64_t integer = 0;
    double real;
  };
  std::string_view text{};  ///< into the file
};

using PickleRef = uint32_t;

struct Pickle {
  std::vector<PickleObject> objects;
  std::vector<std::vector<PickleRef>> lists;
  std::vector<std::string> global_names;  ///< "module name", all of them allowed
  PickleRef top = 0;
  uint64_t end = 0;  ///< the byte after the pickle

  const PickleObject& operator[](PickleRef ref) const { return objects[ref]; }
  const std::vector<PickleRef>& items(const PickleObject& object) const { return lists[object.items]; }
};

/// Reads one pickle from byte `begin` of `bytes`. `where` begins every message: "[load_pt] file.pt: data.pkl".
/// Throws FileError, naming the byte, for anything that is cut off, damaged or not allowed.
Pickle unpickle(Bytes bytes, uint64_t begin, const std::string& where);

/// The type that a storage class or dtype global stands for ("float32"), "" for neither.
std::string_view dtype_of_global(std::string_view global);

}  // namespace factorise
