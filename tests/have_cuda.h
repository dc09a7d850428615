#pragma once
// Tests that need a GPU begin with one of these, and return where it says no. ctest shows them as skipped then, but
// ./labs gpu, which knows that there is a GPU, sets FACTORISE_REQUIRE_CUDA, and they fail. A file of such tests is
// named cuda_test.cpp or *_cuda_test.cpp. Those that are small enough for compute-sanitizer, which is a hundred times
// slower, have the tag [sanitizer] besides.

#include <factorise/device.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/cuda_plugin.h"

#include "catch.h"

namespace factorise::tests {

inline bool or_skip(const std::string& missing) {
  if (missing.empty()) return true;
  if (std::getenv("FACTORISE_REQUIRE_CUDA")) FAIL(missing);
  std::printf("skipped: %s\n", missing.c_str());
  return false;
}

/// Whether torch can compute on a GPU here.
inline bool have_cuda() { return or_skip(load_cuda()); }

/// Whether our kernels can.
inline bool have_cuda_kernels() { return or_skip(load_cuda_kernels()); }

}  // namespace factorise::tests
