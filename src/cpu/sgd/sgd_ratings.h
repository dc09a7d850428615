#pragma once
// Packing ratings for the SGD kernels.

#include <ATen/core/Tensor.h>

#include <optional>

#include "cpu/lists.h"
#include "cpu/sgd/sgd_layout.h"

namespace factorise::cpu {

/// Packs A, m x n of any real type and strides, where M (left out: everywhere) is not zero; count_entries has found
/// both sound. The result is a uint8 vector that begins with its SgdLayout.
template <class T>
at::Tensor pack_sgd(const at::Tensor& A, const std::optional<at::Tensor>& M, int64_t rank, SgdPath path,
                    const EntryCounts& counts, int threads);

/// The same bytes from lists by row, in memory of some 70 bytes an entry at most, where the path is automatic: the
/// wavefront is chosen for many entries only.
template <class T>
at::Tensor pack_sgd(const EntryLists<T>& lists, int64_t rank, SgdPath path, const EntryCounts& counts, int threads);

/// The layout at the head of packed ratings. Throws c10::ValueError where the tensor holds no ratings packed by this
/// version.
const SgdLayout& sgd_layout(const at::Tensor& ratings);

/// Whether the kernels of the instruction set in use can read them: a wavefront is as tall as the vectors that it was
/// packed for.
bool is_for_this_isa(const SgdLayout& layout);

/// A part of packed ratings.
template <class T>
const T* sgd_part(const at::Tensor& ratings, int64_t offset) {
  return reinterpret_cast<const T*>(ratings.const_data_ptr<uint8_t>() + offset);
}

}  // namespace factorise::cpu
