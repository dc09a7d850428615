#pragma once
// Where a run computes. The library links torch's CPU part alone, so that it starts fast and needs no CUDA toolkit;
// torch's CUDA part is loaded when a CUDA device is asked for.
//
//   const auto device = factorise::resolve_device("auto");  // CUDA where it works, else the CPU
//   const auto engine = factorise::has_fused_engine(device) ? factorise::Engine::fused : factorise::Engine::reference;
//   const auto options = factorise::GdOptions().num_epochs(50).lr(1e-4).engine(engine);
//   const auto factors = factorise::gd_factorise_masked(A.to(device), M.to(device), /*rank=*/5, options);

#include <c10/core/Device.h>
#include <factorise/export.h>

#include <string>

namespace factorise {

/// Turns "auto", "cpu", "cuda" or "cuda:N" into a device that works here: auto takes CUDA where it works, else the CPU.
/// Throws c10::ValueError for another word, and c10::Error, saying what is missing, where CUDA was asked for by name
/// and cannot be had. Call it before anything else asks torch about CUDA.
FACTORISE_EXPORT c10::Device resolve_device(const std::string& name);

/// Loads torch's CUDA libraries where they stand beside the loaded torch. Empty when CUDA works, else one sentence that
/// says what is missing.
FACTORISE_EXPORT std::string load_cuda();

/// Whether the fused engine has kernels for a device: for the CPU always; for CUDA where this library was built with
/// them, and the GPU has compute capability 8.0 or later.
FACTORISE_EXPORT bool has_fused_engine(const c10::Device& device);

}  // namespace factorise
