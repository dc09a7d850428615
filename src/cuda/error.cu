// The sentences behind CUDA's error codes that a user can do something about; CUDA's own words for the others.

#include "cuda/error.h"

#include <string>

namespace factorise::cuda {
namespace {

std::string version_name(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string old_driver() {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no NVIDIA driver is installed";
  return "the NVIDIA driver is for CUDA " + version_name(driver) + ", older than the CUDA " +
         version_name(CUDART_VERSION) + " that the kernels were built with";
}

std::string sentence(cudaError_t status, const char* what) {
  switch (status) {
    case cudaErrorInsufficientDriver:
      return old_driver();
    case cudaErrorNoDevice:
      return "there is no CUDA device";
    case cudaErrorNoKernelImageForDevice:
      return std::string("the CUDA kernels were not built for this device's compute capability (") + what + ")";
    default:
      // An error of an earlier kernel is returned by the next call, whichever it is, so the place is a hint.
      return std::string(what) +
             " failed on the CUDA device, or what ran there before it: " + cudaGetErrorString(status) + " (" +
             cudaGetErrorName(status) + ")";
  }
}

}  // namespace

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // else the next launch would be blamed for it
  throw CudaError(sentence(status, what));
}

void check_launch(const char* what) { check_cuda(cudaGetLastError(), what); }

}  // namespace factorise::cuda
