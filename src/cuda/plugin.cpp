// What the loader asks this shared object (src/factorise/cuda_plugin.cpp).

#include "cuda/plugin.h"

#include <string>

#include "cuda/device.h"

const char* factorise_cuda_built_as() { return FACTORISE_BUILT_AS; }

const char* factorise_cuda_device_fault(int device) {
  thread_local std::string fault;
  fault = factorise::cuda::device_fault(device);
  return fault.c_str();
}
