#pragma once
// The baseline that the fused engine has to beat: the loop that a careful person writes in C++, with the rank known to
// the compiler, compiled -O3 and left to its vectoriser. Once over all cells with a test of the mask, once over each
// row's entry list with the row's factor in registers; each with multiply and add apart, as plain x86-64 has them, and
// with the fused multiply-add of AVX2 machines. Fused, they return the numeric contract's bits, and so are the referee.
// For AVX-512 the entry lists are compiled once more, multiply and add apart: of all forms that -march=native gives
// there this one alone is faster than those before, at rank 64.

#include <vector>

#include "benchmarks/problem.h"
#include "contract/sgd.h"

namespace factorise::benchmarks {

struct ScalarLoop {
  bool entries;       ///< over entry lists; else over all cells
  bool fused;         ///< with fused multiply-adds
  bool wide = false;  ///< with AVX-512's vectors
};

/// Those that this machine can run; a loop over entry lists with the contract's bits is the last, where there is one.
std::vector<ScalarLoop> scalar_loops();

/// "scalar dense", "scalar dense fma", "scalar entries", "scalar entries fma", "scalar entries avx512".
const char* name_of(const ScalarLoop& loop);

/// Ratings in the form that the loops read.
struct Cells {
  const Problem& problem;
  const float* A;    ///< rows x columns
  const bool* mask;  ///< rows x columns; A and mask may be null for loops over entry lists
};

/// Whether the loops are compiled for a rank.
bool has_rank(int64_t rank);

/// One epoch in place, with the contract's order of operations. The factors are float32 and contiguous.
void run_epoch(const ScalarLoop& loop, const Cells& cells, const Factors& factors, const SgdStep<float>& step);

}  // namespace factorise::benchmarks
