#pragma once
// Which engine a program runs where it is not told: the fused one, or the reference where it has no kernels.

#include <factorise/device.h>
#include <factorise/factors.h>

namespace factorise::programs {

inline Engine engine_on(const c10::Device& device) {
  return has_fused_engine(device) ? Engine::fused : Engine::reference;
}

inline const char* name_of(Engine engine) { return engine == Engine::fused ? "fused" : "reference"; }

}  // namespace factorise::programs
