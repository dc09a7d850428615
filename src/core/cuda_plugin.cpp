// Opens the CUDA kernels, and reports why they are not available.

#include "core/cuda_plugin.h"

#include <c10/util/StringUtil.h>
#include <dlfcn.h>
#include <factorise/device.h>
#include <factorise/version.h>

#include "cuda/plugin.h"

namespace factorise {
namespace {

/// A function of the plugin, of the type that its header declares.
template <class Function>
Function* find(void* plugin, const char* name) {
  return reinterpret_cast<Function*>(dlsym(plugin, name));
}

/// The plugin once it is open, or why it is not.
struct Plugin {
  void* handle = nullptr;
  std::string missing;
};

Plugin open_once() {
  Plugin plugin;
  plugin.missing = load_cuda();
  if (plugin.missing.empty()) plugin.missing = open_cuda_plugin(cuda_plugin_file(), plugin.handle);
  return plugin;
}

}  // namespace

std::filesystem::path cuda_plugin_file() {
  Dl_info info{};
  if (!dladdr(reinterpret_cast<void*>(&cuda_plugin_file), &info) || !info.dli_fname) return {};
  return std::filesystem::absolute(info.dli_fname).replace_filename("libfactorise_cuda.so");
}

std::string open_cuda_plugin(const std::filesystem::path& file, void*& handle) {
  handle = nullptr;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return c10::str("factorise was built without its CUDA kernels (there is no ", file.string(),
                    "); build it where there is an nvcc of the CUDA that torch was built with");
  }
  // RTLD_LOCAL: its symbols stay private; its static initialisers register the operators with torch's dispatcher.
  void* plugin = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!plugin) return c10::str("the CUDA kernels cannot be loaded: ", dlerror());
  auto* built_as = find<decltype(factorise_cuda_built_as)>(plugin, "factorise_cuda_built_as");
  const std::string ours = c10::str("factorise ", version(), " for torch ", torch_version());
  const std::string theirs = built_as ? built_as() : "";
  if (theirs != ours || !find<decltype(factorise_cuda_device_fault)>(plugin, "factorise_cuda_device_fault")) {
    dlclose(plugin);
    return c10::str("the CUDA kernels in ", file.string(), " are ", theirs.empty() ? "of an unknown version" : theirs,
                    ", but this library is ", ours, "; build both from the same sources");
  }
  handle = plugin;
  return "";
}

std::string load_cuda_kernels(c10::DeviceIndex device) {
  static const Plugin plugin = open_once();
  if (!plugin.missing.empty()) return plugin.missing;
  return find<decltype(factorise_cuda_device_fault)>(plugin.handle, "factorise_cuda_device_fault")(device);
}

}  // namespace factorise
