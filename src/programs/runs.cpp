// Seeds, and runs that Ctrl-C left out.

#include "programs/runs.h"

#include <numeric>

#include "programs/interrupt.h"

namespace factorise::programs {

std::vector<uint64_t> seeds_from(uint64_t first, int runs) {
  std::vector<uint64_t> seeds(static_cast<size_t>(runs));
  std::iota(seeds.begin(), seeds.end(), first);
  return seeds;
}

void check_complete(size_t finished, size_t asked_for, const char* sentence) {
  if (finished < asked_for) throw Interrupted(sentence);
}

}  // namespace factorise::programs
