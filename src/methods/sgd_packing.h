#pragma once
// An observed matrix packed for exact SGD.

#include <factorise/sgd.h>

#include "core/observed_data.h"

namespace factorise {

/// For the kernels of the CPU.
Tensor pack_sgd(const Observed& observed, int64_t rank, SgdPath path);

/// Refuses ratings that were packed for the vectors of another instruction set than the one in use.
void check_instruction_set(const Tensor& ratings);

/// For the kernels of another device, which have one path.
Tensor pack_sgd_on_device(const char* function, const Observed& observed, int64_t rank, SgdPath path);

}  // namespace factorise
