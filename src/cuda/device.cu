// A GPU suits where it is of compute capability 8.0 or later and the kernels in this file, built like all the others,
// have code for it.

#include "cuda/device.h"

#include "cuda/error.h"

namespace factorise::cuda {
namespace {

constexpr int kLeastCapability = 80;

/// It does nothing; whether it can be had says whether the others can.
__global__ void probe() {}

std::string capability_name(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

int capability_of(int device) {
  int major = 0, minor = 0;
  check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking for the device");
  check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking for the device");
  return 10 * major + minor;
}

std::string name_of(int device) {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device), "asking for the device's name");
  return "cuda:" + std::to_string(device) + " (" + properties.name + ")";
}

std::string fault_of(int device) {
  const int capability = capability_of(device);
  if (capability < kLeastCapability) {
    return name_of(device) + " is of compute capability " + capability_name(capability) +
           ", but the CUDA kernels need compute capability " + capability_name(kLeastCapability) + " or later";
  }
  int before = 0;
  check_cuda(cudaGetDevice(&before), "asking for the current device");
  select_device(device);
  cudaFuncAttributes attributes{};
  const cudaError_t status = cudaFuncGetAttributes(&attributes, probe);
  cudaGetLastError();
  select_device(before);
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction) {
    return "the CUDA kernels were not built for " + name_of(device) + ", which is of compute capability " +
           capability_name(capability) +
           ": build factorise with FACTORISE_CUDA_ARCHITECTURES=" + std::to_string(capability);
  }
  check_cuda(status, "loading the kernels");
  return "";
}

}  // namespace

std::string device_fault(int device) {
  try {
    return fault_of(device);
  } catch (const CudaError& error) {
    return error.what();
  }
}

void select_device(int device) { check_cuda(cudaSetDevice(device), "selecting the device"); }

}  // namespace factorise::cuda
