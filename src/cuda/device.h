#pragma once
// Which GPUs these kernels run on.

#include <string>

namespace factorise::cuda {

/// Why the kernels cannot run on CUDA device number `device`, as the end of a sentence; empty where they can.
std::string device_fault(int device);

/// Makes it this thread's current device for this shared object's CUDA runtime, which is not torch's. Throws CudaError.
void select_device(int device);

}  // namespace factorise::cuda
