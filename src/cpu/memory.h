#pragma once
// Memory for the output of packers.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace factorise::cpu {

/// at::empty of this many numbers on the CPU. For many, it requests large pages from the system: they are made in a
/// tenth of the time, and scattered writes to them are faster.
at::Tensor empty_for_packing(int64_t count, c10::ScalarType type);

}  // namespace factorise::cpu
