// The registry of kernels by device type.

#include "core/backend.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

#include <map>

#include "core/cuda_plugin.h"

namespace factorise {
namespace {

std::map<c10::DeviceType, Backend>& backends() {
  static std::map<c10::DeviceType, Backend> all;
  return all;
}

}  // namespace

Tensor first_divergence(const Tensor& known, const Tensor& here, int64_t done) {
  return at::where(known.eq(0).logical_and(here.ne(0)), here + done, known);
}

bool register_backend(c10::DeviceType type, const Backend& backend) { return backends().emplace(type, backend).second; }

const Backend& backend_of(const char* function, const c10::Device& device) {
  const std::string missing = load_cuda_kernels(device.index());
  TORCH_CHECK_VALUE(missing.empty(), "[", function, "] the fused engine must have kernels for A's device ", device,
                    ", but ", missing, ". Give A's cpu(), or engine reference.");
  return backends().at(device.type());
}

}  // namespace factorise
