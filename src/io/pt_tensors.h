#pragma once
// From what a pickle describes to values: storages found in the file, sizes and strides checked against them.

#include <factorise/io.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/unpickler.h"

namespace factorise {

/// Storages of so many bytes are mapped; smaller ones are copied, and checked where there is a checksum.
constexpr size_t kPtMapFrom = size_t{1} << 20;

/// Where a storage's bytes are.
struct StorageBytes {
  Bytes bytes;
  std::optional<uint32_t> crc32;
};

/// Finds a storage by its key. Nothing where there is none.
using StorageFinder = std::function<std::optional<StorageBytes>(std::string_view key)>;

/// Turns the pickle of a file into a value. Tensors of one storage share its memory.
class PtBuilder {
 public:
  /// `where` begins every message. Tensors of mapped storages keep the file.
  PtBuilder(std::shared_ptr<MappedFile> file, std::string where, const Pickle& pickle, PickleBudget& budget,
            StorageFinder find);

  /// Throws FileError for loops, for nesting deeper than 100, for tensors beyond their storages, for types that are not
  /// read, and for parts that are used again so often that the budget does not suffice.
  PtValue build() { return build(pickle_.top, 0); }

 private:
  struct Storage {
    c10::Storage storage;
    bool truths_checked = false;
  };
  /// A tensor's description, read.
  struct View {
    std::string_view key;
    c10::ScalarType type;
    int64_t offset;
    std::vector<int64_t> sizes, strides;
    int64_t bytes;         ///< of the whole storage
    int64_t first, count;  ///< elements of it that the tensor may use
  };
  [[noreturn]] void refuse(const std::string& reason) const;
  void pay(uint64_t cost);
  PtValue build(const PickleItem& item, int depth);
  PtValue build_list(const PickleItem& item, int depth);
  PtValue build_dict(const PickleItem& item, int depth);
  std::string text_of(const PickleItem& item);

  Tensor tensor(uint64_t index);
  Tensor make_tensor(const PickleTensor& described);
  // In pt_sparse.cpp.
  Tensor make_sparse(const PickleTensor& described);
  void pay_for_entries(const PickleTensor& described, uint64_t bytes);
  Tensor part_of_sparse(const PickleTensor& described, const PickleItem& item, const char* what);
  Tensor make_coo(const PickleTensor& described, Tensor indices, const Tensor& values, std::vector<int64_t> sizes,
                  std::optional<bool> is_coalesced) const;
  Tensor rows_of(const PickleTensor& described, const Tensor& ends, int64_t rows, int64_t entries) const;
  View read(const PickleTensor& described) const;
  void read_storage(const PickleTensor& described, const PickleItem& id, View& view) const;
  void check_metadata(const PickleTensor& described, const PickleItem& metadata) const;
  std::vector<int64_t> integers(const PickleTensor& described, const PickleItem& item, const char* what) const;
  void check_reach(const PickleTensor& described, const View& view) const;
  Storage& storage(const PickleTensor& described, const View& view);
  c10::Storage load(const PickleTensor& described, const View& view) const;
  void check_truths(const PickleTensor& described, const View& view, Storage& storage) const;
  [[noreturn]] void refuse(const PickleTensor& described, const std::string& reason) const;

  std::shared_ptr<MappedFile> file_;
  std::string where_;
  const Pickle& pickle_;
  PickleBudget& budget_;
  StorageFinder find_;
  std::map<std::string_view, Storage> storages_;
  uint64_t entries_bytes_ = 0;   ///< of what sparse tensors were made of
  std::vector<Tensor> tensors_;  ///< by index, those made so far: two uses of one description are one tensor
  std::vector<bool> open_;       ///< the parts that are being built, to find loops
};

}  // namespace factorise
