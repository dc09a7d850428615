#pragma once
// CUDA's error codes as sentences. Launchers (.cu) know neither torch nor the caller's name, so they throw CudaError;
// launch() in plugin/launch.h, which every operator calls them through, turns it into a c10::Error that names the
// caller.

#include <cuda_runtime_api.h>

#include <stdexcept>

namespace factorise::cuda {

/// What went wrong on a GPU, as the end of a sentence, without the full stop.
class CudaError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws where a call of the CUDA runtime did not succeed. `what` was being done, as in "packing the ratings".
void check_cuda(cudaError_t status, const char* what);

/// Throws where the launch of a kernel just before did not succeed. It does not wait for the kernel: what goes wrong
/// while that runs is seen by a later call.
void check_launch(const char* what);

}  // namespace factorise::cuda
