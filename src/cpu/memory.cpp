// Requests large pages.

#include "cpu/memory.h"

#include <ATen/ops/empty.h>

#include <cstddef>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace factorise::cpu {

at::Tensor empty_for_packing(int64_t count, c10::ScalarType type) {
  at::Tensor memory = at::empty({count}, at::TensorOptions(type));
#if defined(__linux__)
  constexpr uintptr_t kLargePage = uintptr_t{1} << 21;
  auto* const data = static_cast<std::byte*>(memory.mutable_data_ptr());
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = (begin + kLargePage - 1) / kLargePage * kLargePage;
  const uintptr_t end = (begin + memory.nbytes()) / kLargePage * kLargePage;
  // A system without large pages refuses, and the memory can be used all the same.
  if (end > first) static_cast<void>(madvise(data + (first - begin), end - first, MADV_HUGEPAGE));
#endif
  return memory;
}

}  // namespace factorise::cpu
