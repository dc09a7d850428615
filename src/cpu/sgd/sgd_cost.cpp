// The costs of the two paths, measured on a 1000 x 10000 matrix on a processor with AVX-512 (Zen 5, one thread, some
// 3.7 GHz; those of AVX2 scaled by its kernel's later gain, measured on Zen 4). Other processors are faster or slower
// at both, which leaves the choice as it is.

#include "cpu/sgd/sgd_kernels.h"

namespace factorise::cpu {
namespace {

// Of ranks 1 to 8, float32.
constexpr double kCellAvx512[] = {0.07, 0.09, 0.14, 0.17, 0.22, 0.26, 0.32, 0.33};
constexpr double kCellAvx2[] = {0.13, 0.17, 0.22, 0.26, 0.34, 0.39, 0.49, 0.61};
constexpr double kEntry[] = {1.2, 1.4, 1.7, 2.1, 2.4, 2.7, 3.0};  // ranks 1 to 7; the type matters little

double cell_float(Isa isa, int64_t rank) {
  if (isa == Isa::avx512) return rank <= 8 ? kCellAvx512[rank - 1] : 0.064 * static_cast<double>(rank);
  const double avx2 = rank <= 8 ? kCellAvx2[rank - 1] : 0.084 * static_cast<double>(rank);
  return isa == Isa::avx2 ? avx2 : 2.6 * avx2;  // NEON has half the lanes, and the other kernel
}

}  // namespace

template <>
SgdCost sgd_cost<float>(Isa isa, int64_t rank) {
  const auto stride = static_cast<double>(sgd_stride(rank));
  return {cell_float(isa, rank), rank < kChainedRank ? kEntry[rank - 1] : 0.3 + 0.13 * stride};
}

template <>
SgdCost sgd_cost<double>(Isa isa, int64_t rank) {
  const auto stride = static_cast<double>(sgd_stride(rank));
  return {2 * cell_float(isa, rank), rank < kChainedRank ? kEntry[rank - 1] : 0.7 + 0.2 * stride};
}

}  // namespace factorise::cpu
