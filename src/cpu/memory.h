#pragma once
// Memory for what packers write.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace factorise::cpu {

/// at::empty of so many numbers on the CPU. Where they are many, the system is asked for large pages, which are made in
/// a tenth of the time, and which scattered writes find faster.
at::Tensor empty_for_packing(int64_t count, c10::ScalarType type);

}  // namespace factorise::cpu
