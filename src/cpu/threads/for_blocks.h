#pragma once
// Blocks of work that threads take from a counter.

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "cpu/threads/crew.h"

namespace factorise::cpu {

/// Each thread makes an `each` of its own, and calls each(block) for blocks of [0, blocks) until all are done.
template <class MakeEach>
void for_blocks(int64_t blocks, int threads, MakeEach make_each) {
  std::atomic<int64_t> next{0};
  for_workers(static_cast<int>(std::min<int64_t>(threads, blocks)), [&](int64_t) {
    auto each = make_each();
    for (int64_t block = next++; block < blocks; block = next++) each(block);
  });
}

}  // namespace factorise::cpu
