#pragma once
// The shape of the work of exact SGD, shared by its pipeline and its kernels.

#include <cstdint>

namespace factorise::cpu {

/// Each block passes through positions 0, 1, ..., columns + lag - 1. It enters column c at position c at the earliest,
/// and has left it for good once position c + lag is done.
struct Wave {
  int64_t blocks;
  int64_t columns;
  int64_t lag;
  int64_t chunk;  ///< positions between two reads of the progress of the block above

  int64_t positions() const { return columns + lag; }
};

}  // namespace factorise::cpu
