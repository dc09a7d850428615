#pragma once
// The way from an operator to its launcher: torch's device and current stream, and errors as sentences.

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

#include "cuda/device.h"
#include "cuda/error.h"

namespace factorise::cuda {

/// torch's current stream on a CUDA device.
cudaStream_t current_stream(c10::Device device);

/// Throws where a graph is being captured on torch's current stream: for operators whose result the CPU waits for.
void refuse_capture(const char* function, c10::Device device);

/// Calls launcher(stream) with `device` as torch's and this runtime's current one, and its current stream. What the
/// launcher throws, a std::runtime_error, becomes a c10::Error, "[function] sentence.".
template <class Launcher>
auto launch(const char* function, c10::Device device, const Launcher& launcher) {
  const c10::DeviceGuard guard(device);
  try {
    const std::string fault = device_fault(device.index());
    TORCH_CHECK(fault.empty(), "[", function, "] cannot run: ", fault, ".");
    select_device(device.index());
    return launcher(current_stream(device));
  } catch (const std::runtime_error& error) {
    TORCH_CHECK(false, "[", function, "] ", error.what(), ".");
  }
}

}  // namespace factorise::cuda
