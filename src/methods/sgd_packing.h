#pragma once
// An observed matrix packed for exact SGD.

#include "core/observed_data.h"
#include "cpu/sgd_layout.h"

namespace factorise {

/// For the kernels of the CPU.
Tensor pack_sgd(const Observed& observed, int64_t rank, cpu::SgdPath path);

/// For the kernels of another device, which have one path.
Tensor pack_sgd_on_device(const char* function, const Observed& observed, int64_t rank, cpu::SgdPath path);

}  // namespace factorise
