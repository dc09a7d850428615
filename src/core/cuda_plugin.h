#pragma once
// Our kernels for CUDA, in a second shared object that is opened at the first tensor on a GPU: so the library itself
// needs no CUDA, and machines without a GPU need not have the second object.

#include <c10/core/Device.h>
#include <factorise/export.h>

#include <filesystem>
#include <string>

namespace factorise {

/// Opens libfactorise_cuda.so beside the library, once, which registers our operators for CUDA, and checks that it can
/// compute on a device. Loads torch's CUDA part before. Empty when it can, else the missing part, as the end of a
/// sentence without its full stop. Safe to call from several threads.
FACTORISE_INTERNAL std::string load_cuda_kernels(c10::DeviceIndex device = 0);

/// Where libfactorise_cuda.so must lie.
FACTORISE_INTERNAL std::filesystem::path cuda_plugin_file();

/// Opens one file of kernels, if it was built for this library and this torch. Empty when it was, else a sentence's
/// end; `handle` receives dlopen's.
FACTORISE_INTERNAL std::string open_cuda_plugin(const std::filesystem::path& file, void*& handle);

}  // namespace factorise
