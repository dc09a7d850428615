// A GPU suits where it is of compute capability 8.0 or later and the kernels were compiled for it. Asking that begins
// nothing on the GPU, which would take memory there.

#include "cuda/device.h"

#include <algorithm>
#include <array>

#include "cuda/error.h"

namespace factorise::cuda {
namespace {

constexpr int kLeastCapability = 80;

/// What nvcc compiled for, as 800 for 8.0. There is PTX of the last one, which the driver compiles for later GPUs.
constexpr std::array kBuiltFor{__CUDA_ARCH_LIST__};

bool has_code_for(int capability) {
  const auto runs = [capability](int built) { return built / 100 == capability / 10 && built / 10 <= capability; };
  return capability >= kBuiltFor.back() / 10 || std::any_of(kBuiltFor.begin(), kBuiltFor.end(), runs);
}

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
  if (!has_code_for(capability)) {
    return "the CUDA kernels were not built for " + name_of(device) + ", which is of compute capability " +
           capability_name(capability) +
           ": build factorise with FACTORISE_CUDA_ARCHITECTURES=" + std::to_string(capability);
  }
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
