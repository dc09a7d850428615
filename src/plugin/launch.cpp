// torch's current stream through its C interface, which is the same in all the versions that we take, found by name:
// linking torch_cuda would ask for all of CUDA's libraries wherever this is built.

#include "plugin/launch.h"

#include <dlfcn.h>

namespace factorise::cuda {
namespace {

using CurrentStream = int32_t (*)(int32_t device, void** stream);

CurrentStream find_current_stream() {
  // It is loaded wherever there is a CUDA tensor; Python loads it out of sight of the global names.
  void* torch_cuda = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
  void* found = torch_cuda ? dlsym(torch_cuda, "aoti_torch_get_current_cuda_stream") : nullptr;
  TORCH_CHECK(found, "torch's CUDA library is not loaded, or has no aoti_torch_get_current_cuda_stream.");
  return reinterpret_cast<CurrentStream>(found);
}

}  // namespace

cudaStream_t current_stream(c10::Device device) {
  static const CurrentStream current = find_current_stream();
  void* stream = nullptr;
  TORCH_CHECK(current(device.index(), &stream) == 0, "torch has no current stream on ", device, ".");
  return static_cast<cudaStream_t>(stream);
}

void refuse_capture(const char* function, c10::Device device) {
  const c10::DeviceGuard guard(device);  // else this runtime might make a context on the first GPU to ask it
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(current_stream(device), &status) != cudaSuccess) {
    cudaGetLastError();  // the operator's own calls will say why
    return;
  }
  TORCH_CHECK(status == cudaStreamCaptureStatusNone, "[", function,
              "] cannot be captured in a CUDA graph: its result is for the CPU, which waits for it. Call it outside.");
}

}  // namespace factorise::cuda
