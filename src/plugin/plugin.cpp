// What the loader asks this shared object (src/core/cuda_plugin.cpp).

#include "cuda/plugin.h"

#include <string>

#include "core/backend.h"
#include "cuda/device.h"
#include "plugin/backend.h"

namespace {

[[maybe_unused]] const bool registered = factorise::register_backend(
    at::kCUDA, {factorise::cuda::pack_sgd, factorise::cuda::sgd_epochs, factorise::cuda::pack_gd,
                factorise::cuda::gd_epochs, factorise::cuda::gd_loss});

}  // namespace

const char* factorise_cuda_built_as() { return FACTORISE_BUILT_AS; }

const char* factorise_cuda_device_fault(int device) {
  thread_local std::string fault;
  fault = factorise::cuda::device_fault(device);
  return fault.c_str();
}
