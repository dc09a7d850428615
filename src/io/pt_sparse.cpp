// Sparse tensors of .pt files, as sparse COO: torch._utils._rebuild_sparse_tensor(layout, parts), after
// torch/_utils.py. torch takes indices as they are; here each must lie in the tensor.

#include <ATen/core/Tensor.h>
#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/empty.h>
#include <c10/util/StringUtil.h>

#include <algorithm>

#include "io/contents.h"
#include "io/pt_tensors.h"

namespace factorise {
namespace {

using Kind = PickleItem::Kind;

/// Whether the entries' positions ascend strictly, row by row: then none is there twice.
bool ascends(const Tensor& indices) {
  const auto* at = indices.const_data_ptr<int64_t>();
  const int64_t dimensions = indices.size(0), entries = indices.size(1);
  for (int64_t e = 1; e < entries; ++e) {
    int64_t d = 0;
    while (d < dimensions && at[d * entries + e - 1] == at[d * entries + e]) ++d;
    if (d == dimensions || at[d * entries + e - 1] > at[d * entries + e]) return false;
  }
  return true;
}

bool is_index_type(const Tensor& tensor) {
  return tensor.scalar_type() == at::kLong || tensor.scalar_type() == at::kInt;
}

}  // namespace

Tensor PtBuilder::make_sparse(const PickleTensor& described) {
  const auto& given = pickle_.parts[described.arguments];
  if (given.size() != 2 || given[0].kind != Kind::text || given[1].kind != Kind::tuple) {
    refuse(described, "a sparse tensor must be described by its layout and its parts, but is not");
  }
  const std::string_view layout = given[0].view();
  const auto& parts = pickle_.parts_of(given[1]);
  const bool is_coo = layout == "torch.sparse_coo", by_rows = layout == "torch.sparse_csr";
  if (!is_coo && !by_rows && layout != "torch.sparse_csc") {
    refuse(described,
           c10::str("a sparse tensor must be COO, CSR or CSC, but is ", shown(layout), ": save its to_sparse_coo()"));
  }
  const size_t fewest = is_coo ? 3 : 4;
  const bool has_flag = is_coo && parts.size() == fewest + 1;
  if ((parts.size() != fewest && !has_flag) || (has_flag && parts[fewest].kind != Kind::boolean)) {
    refuse(described, c10::str("a sparse tensor must have ", fewest, " parts, but has ", parts.size()));
  }
  const Tensor first = part_of_sparse(described, parts[0], "indices");
  const Tensor values = part_of_sparse(described, parts[fewest - 2], "values");
  std::vector<int64_t> sizes = integers(described, parts[fewest - 1], "sizes");
  if (is_coo) {
    return make_coo(described, first, values, std::move(sizes),
                    has_flag ? std::optional(parts[fewest].integer != 0) : std::nullopt);
  }
  const Tensor second = part_of_sparse(described, parts[1], "indices");
  if (sizes.size() != 2 || first.dim() != 1 || second.dim() != 1 || !is_index_type(first) || !is_index_type(second)) {
    refuse(described, "a CSR or CSC tensor must be a matrix, with two lists of integers as its indices, but is not");
  }
  const int64_t entries = second.numel();
  pay_for_entries(described, 2 * sizeof(int64_t) * static_cast<uint64_t>(entries));
  const Tensor indices = at::empty({2, entries}, at::TensorOptions(at::kLong));
  indices.select(0, by_rows ? 0 : 1).copy_(rows_of(described, first, sizes[by_rows ? 0 : 1], entries));
  indices.select(0, by_rows ? 1 : 0).copy_(second);
  return make_coo(described, indices, values, std::move(sizes), std::nullopt);
}

/// Many sparse tensors may share numbers, but what is made of them is theirs alone: as large as a few files at most.
void PtBuilder::pay_for_entries(const PickleTensor& described, uint64_t bytes) {
  constexpr uint64_t kTimes = 8;  // a CSR of int32 and int8 becomes 4 times as large
  entries_bytes_ += bytes;
  if (entries_bytes_ / kTimes > file_->bytes().size()) {
    refuse(described, "sparse tensors would take far more memory than a file of this size may ask for");
  }
}

/// A dense tensor with no more elements than its storage has, so that what is made of it stays as small as the file.
Tensor PtBuilder::part_of_sparse(const PickleTensor& described, const PickleItem& item, const char* what) {
  if (item.kind != Kind::tensor || pickle_.tensors[item.index].version == PickleMeaning::sparse) {
    refuse(described, c10::str("a sparse tensor's ", what, " must be a dense tensor, but are not"));
  }
  const Tensor part = tensor(item.index);
  if (part.numel() > static_cast<int64_t>(part.storage().nbytes() / part.element_size())) {
    refuse(described, c10::str("a sparse tensor's ", what, " must not be numbers that are repeated, but are"));
  }
  pay_for_entries(described, part.nbytes());
  return part.contiguous();
}

Tensor PtBuilder::make_coo(const PickleTensor& described, Tensor indices, const Tensor& values,
                           std::vector<int64_t> sizes, std::optional<bool> is_coalesced) const {
  const bool fits = indices.dim() == 2 && is_index_type(indices) && values.dim() >= 1 &&
                    indices.size(0) + values.dim() - 1 == static_cast<int64_t>(sizes.size()) &&
                    indices.size(1) == values.size(0);
  if (!fits) {
    refuse(described,
           c10::str("a sparse tensor must have a value and ", sizes.size(), " indices for each entry, but has indices ",
                    c10::IntArrayRef(indices.sizes()), " and values ", c10::IntArrayRef(values.sizes())));
  }
  int64_t elements = 1;
  for (const int64_t size : sizes) {
    if (__builtin_mul_overflow(elements, std::max<int64_t>(size, 1), &elements)) {
      refuse(described, "a sparse tensor must have fewer than 2^63 elements, but has more");
    }
  }
  indices = indices.to(at::kLong).contiguous();
  const int64_t sparse = indices.size(0), entries = indices.size(1);
  for (int64_t d = 0; d < sparse; ++d) {
    const auto* begin = indices.const_data_ptr<int64_t>() + d * entries;
    const auto* outside = std::find_if(
        begin, begin + entries, [&](int64_t index) { return index < 0 || index >= sizes[static_cast<size_t>(d)]; });
    if (outside != begin + entries) {
      refuse(described, c10::str("a sparse tensor's index must be from 0 to ", sizes[static_cast<size_t>(d)] - 1,
                                 " in dimension ", d, ", but is ", *outside));
    }
  }
  for (int64_t d = 1; d < values.dim(); ++d) {
    if (values.size(d) != sizes[static_cast<size_t>(sparse + d - 1)]) {
      refuse(described, "a sparse tensor's values must have the sizes of its dense dimensions, but have not");
    }
  }
  const bool ordered = ascends(indices);
  if (is_coalesced.value_or(false) && !ordered) {
    refuse(described, "a sparse tensor that is called coalesced must have its entries once and in order, but has not");
  }
  return at::_sparse_coo_tensor_unsafe(indices, values, sizes, values.options().layout(at::kSparse), ordered);
}

/// The rows of a CSR's entries, from where the entries of each row end. (A CSC's columns likewise.)
Tensor PtBuilder::rows_of(const PickleTensor& described, const Tensor& ends, int64_t rows, int64_t entries) const {
  const Tensor at = ends.to(at::kLong).contiguous();
  const auto* end = at.const_data_ptr<int64_t>();
  const bool whole =
      at.numel() - 1 == rows && end[0] == 0 && end[rows] == entries && std::is_sorted(end, end + rows + 1);
  if (!whole) {
    refuse(described, c10::str("a CSR or CSC tensor must say of its ", rows,
                               " rows or columns where the entries of each end, "
                               "from 0 to ",
                               entries, ", but does not"));
  }
  Tensor result = at::empty({entries}, at::TensorOptions(at::kLong));
  auto* row_of = result.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < rows; ++row) std::fill(row_of + end[row], row_of + end[row + 1], row);
  return result;
}

}  // namespace factorise
