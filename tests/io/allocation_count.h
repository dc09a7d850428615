#pragma once
// How much memory the code under test asks for: everything that goes through operator new, and torch's CPU allocator.

#include <cstddef>

namespace factorise::tests {

/// Counts from its construction on; one at a time.
class AllocationCount {
 public:
  AllocationCount();
  ~AllocationCount();
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;

  /// The most bytes that were held at once, beyond those at the start.
  std::size_t peak() const;
};

}  // namespace factorise::tests
