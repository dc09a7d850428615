#pragma once
// Packing ratings for the SGD kernels, and what has to be known of them before.

#include <ATen/core/Tensor.h>

#include <optional>

#include "cpu/entry_list.h"
#include "cpu/sgd_layout.h"

namespace factorise::cpu {

/// What the data themselves are like, for the checks of those who asked.
struct SgdCounts {
  int64_t observed = 0;
  int64_t not_finite = 0;  ///< among the observed
  int64_t mask_nan = 0;    ///< entries of the mask that are NaN
  bool fits_bytes = true;  ///< whether the observed are all whole numbers from 1 to 255
};

/// Reads A (m x n, any real type and strides) and its mask (likewise, nonzero where observed; left out: everywhere)
/// once, without a copy of either.
template <class T>
SgdCounts count_sgd(const at::Tensor& A, const std::optional<at::Tensor>& M, int threads);

/// The same of a list with values of type T.
template <class T>
SgdCounts count_sgd(const EntryList& list);

/// Packs what count_sgd has found sound. The result is a uint8 vector that begins with its SgdLayout.
template <class T>
at::Tensor pack_sgd(const at::Tensor& A, const std::optional<at::Tensor>& M, int64_t rank, SgdPath path,
                    const SgdCounts& counts, int threads);

/// The same bytes from a list with values of type T, in memory of some 70 bytes an entry at most, where the path is
/// automatic: the wavefront is chosen for many entries only.
template <class T>
at::Tensor pack_sgd(const EntryList& list, int64_t rank, SgdPath path, const SgdCounts& counts, int threads);

/// The layout at the begin of packed ratings. Throws c10::ValueError where they are none of this version.
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
