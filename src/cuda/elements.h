#pragma once
// Kernels that do one element a call, packing and unpacking among them: a thread takes every so-manieth. And the
// numbers of a GPU that launches ask for.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/error.h"

namespace factorise::cuda {

constexpr int kElementThreads = 256;

/// Enough blocks for `count` elements, or for all of a GPU.
inline unsigned blocks_for(int64_t count) {
  return static_cast<unsigned>(std::clamp<int64_t>((count + kElementThreads - 1) / kElementThreads, 1, 4096));
}

inline __device__ int64_t first_element() { return blockIdx.x * int64_t{blockDim.x} + threadIdx.x; }
inline __device__ int64_t elements_at_once() { return gridDim.x * int64_t{blockDim.x}; }

/// A number of the current device.
inline int device_number(cudaDeviceAttr which) {
  int device = 0, value = 0;
  check_cuda(cudaGetDevice(&device), "asking for the GPU");
  check_cuda(cudaDeviceGetAttribute(&value, which, device), "asking the GPU");
  return value;
}

}  // namespace factorise::cuda
