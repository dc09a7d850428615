#pragma once
// Which engine a program runs where it is not told: the fused one on the CPU, the reference where there are no kernels.

#include <factorise/factors.h>

namespace factorise::programs {

inline Engine engine_on(const c10::Device& device) { return device.is_cpu() ? Engine::fused : Engine::reference; }

inline const char* name_of(Engine engine) { return engine == Engine::fused ? "fused" : "reference"; }

}  // namespace factorise::programs
