#pragma once
// torch's threads, as many as a test wants.

#include <ATen/Parallel.h>

namespace factorise::tests {

/// Sets their number until the end.
class Threads {
 public:
  explicit Threads(int count) { at::set_num_threads(count); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { at::set_num_threads(before_); }

 private:
  const int before_ = at::get_num_threads();
};

}  // namespace factorise::tests
