// operator new and delete of this program, and a CPU allocator for torch, that count while a test asks for it.

#include "allocation_count.h"

#include <c10/core/CPUAllocator.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> counting{false};
std::atomic<std::ptrdiff_t> held{0}, most{0};

void add(std::ptrdiff_t bytes) {
  if (!counting) return;
  const std::ptrdiff_t now = held += bytes;
  std::ptrdiff_t before = most;
  while (now > before && !most.compare_exchange_weak(before, now)) {
  }
}

void* counted_or_null(std::size_t size, std::size_t alignment) noexcept {
  void* memory = alignment > alignof(std::max_align_t)
                     ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
                     : std::malloc(size ? size : 1);
  if (memory) add(static_cast<std::ptrdiff_t>(malloc_usable_size(memory)));
  return memory;
}

void* counted(std::size_t size, std::size_t alignment) {
  void* memory = counted_or_null(size, alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

void uncounted(void* memory) noexcept {
  if (!memory) return;
  add(-static_cast<std::ptrdiff_t>(malloc_usable_size(memory)));
  std::free(memory);
}

/// torch's own allocator, and a note of what it gives out.
class CountedAllocator : public c10::Allocator {
 public:
  at::DataPtr allocate(std::size_t size) override {
    void* data = size > 0 ? counted(size, 64) : nullptr;
    return {data, data, &uncounted, at::kCPU};
  }
  at::DeleterFnPtr raw_deleter() const override { return &uncounted; }
  void copy_data(void* to, const void* from, std::size_t size) const override { default_copy_data(to, from, size); }
};

}  // namespace

void* operator new(std::size_t size) { return counted(size, 1); }
void* operator new[](std::size_t size) { return counted(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
// A sanitizer has its own of these, which would not go with the operators delete below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted_or_null(size, 1); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted_or_null(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted_or_null(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted_or_null(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete[](void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { uncounted(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { uncounted(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { uncounted(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { uncounted(memory); }

namespace factorise::tests {

AllocationCount::AllocationCount() {
  static CountedAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
  held = 0;
  most = 0;
  counting = true;
}

AllocationCount::~AllocationCount() { counting = false; }

std::size_t AllocationCount::peak() const { return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, most)); }

}  // namespace factorise::tests
