#pragma once
// From what a pickle describes to tensors: storages found in the file, sizes and strides checked against them.

#include <factorise/io.h>

#include <functional>
#include <map>
#include <string>

#include "io/unpickler.h"

namespace factorise {

/// Storages of so many bytes are mapped; smaller ones are copied, and checked where there is a checksum.
constexpr size_t kPtMapFrom = size_t{1} << 20;

/// Where a storage's bytes are.
struct StorageBytes {
  Bytes bytes;
  std::string name;  ///< for messages: "data/0"
};

/// Finds a storage by its key. Throws FileError where there is none.
using StorageFinder = std::function<StorageBytes(std::string_view key)>;

/// Turns pickles of one file into values. Tensors of one storage share its memory.
class PtBuilder {
 public:
  /// `where` begins every message. Tensors of mapped storages keep the file.
  PtBuilder(std::shared_ptr<MappedFile> file, std::string where, StorageFinder find);

  /// The value that the pickle describes. Throws FileError for loops, for nesting deeper than 100, for tensors beyond
  /// their storages and for types that are not read.
  PtValue build(const Pickle& pickle);

 private:
  struct Loaded {
    c10::Storage storage;
    std::string name;
  };
  [[noreturn]] void refuse(const std::string& reason) const;
  PtValue build(const Pickle& pickle, PickleRef ref, int depth);
  PtValue::Dict build_dict(const Pickle& pickle, const PickleObject& object, int depth);
  Tensor build_tensor(const Pickle& pickle, const PickleObject& object);
  std::vector<int64_t> integers(const Pickle& pickle, PickleRef ref, const char* what) const;
  c10::ScalarType type_of(const Pickle& pickle, const std::vector<PickleRef>& id,
                          const std::vector<PickleRef>& arguments) const;
  const Loaded& load(std::string_view key);

  std::shared_ptr<MappedFile> file_;
  std::string where_;
  StorageFinder find_;
  std::map<std::string, Loaded, std::less<>> loaded_;
  std::vector<char> open_;  // objects that are being built, to find loops
  uint64_t built_ = 0;
};

}  // namespace factorise
