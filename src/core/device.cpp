// Loads torch's CUDA part when a CUDA device is requested, and reports why it is not available.

#include <factorise/device.h>

#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>
#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/cuda_plugin.h"

namespace factorise {
namespace {

/// The folder that the loaded libtorch_cpu lies in.
std::filesystem::path torch_folder() {
  Dl_info info{};
  if (!dladdr(reinterpret_cast<void*>(&at::get_num_threads), &info) || !info.dli_fname) return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}

bool driver_is_installed() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (!driver) return false;
  dlclose(driver);
  return true;
}

}  // namespace

std::string load_cuda() {
  if (!driver_is_installed()) return "no NVIDIA driver is installed (libcuda.so.1 was not found)";
  const auto library = torch_folder() / "libtorch_cuda.so";
  std::error_code error;
  if (!std::filesystem::exists(library, error)) {
    return c10::str("this torch was built without CUDA (there is no ", library.string(), ")");
  }
  // RTLD_GLOBAL, as Python loads it, so that torch's dispatcher and hooks find its registrations.
  if (!dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    return c10::str("torch's CUDA library cannot be loaded: ", dlerror());
  }
  const at::CUDAHooksInterface& cuda = at::detail::getCUDAHooks();
  // True only with the hooks that torch's CUDA library registers. Torch looks for them once, at the first question
  // about CUDA.
  if (!cuda.hasCUDART()) {
    return "torch was asked about CUDA before, as at::manual_seed does, and had not loaded its CUDA library yet; call "
           "resolve_device first, or link libtorch_cuda";
  }
  if (cuda.deviceCount() < 1) {
    return "no CUDA device was found, or the driver is too old for this torch";
  }
  return "";
}

bool has_fused_engine(const c10::Device& device) {
  return device.is_cpu() ||
         (device.is_cuda() && load_cuda_kernels(std::max<c10::DeviceIndex>(device.index(), 0)).empty());
}

c10::Device resolve_device(const std::string& name) {
  constexpr char function[] = "resolve_device";
  if (name == "cpu") return at::kCPU;
  if (name == "auto") return load_cuda().empty() ? c10::Device(at::kCUDA, 0) : c10::Device(at::kCPU);
  int index = 0;
  bool valid = name == "cuda";
  if (name.starts_with("cuda:")) {
    const auto [end, status] = std::from_chars(name.data() + 5, name.data() + name.size(), index);
    valid = status == std::errc() && end == name.data() + name.size() && index >= 0 && index < 128;
  }
  TORCH_CHECK_VALUE(valid, "[", function, "] device must be auto, cpu, cuda or cuda:N, but was '", name, "'.");
  const std::string missing = load_cuda();
  TORCH_CHECK(missing.empty(), "[", function, "] ", name, " was asked for, but ", missing, ".");
  const int count = at::detail::getCUDAHooks().deviceCount();
  TORCH_CHECK_VALUE(index < count, "[", function, "] ", name, " was asked for, but there are ", count,
                    " CUDA devices, cuda:0 to cuda:", count - 1, ".");
  return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace factorise
