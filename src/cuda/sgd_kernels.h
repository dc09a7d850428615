#pragma once
// Which instance of the wavefront serves which run: every one costs the compiler time, so ranks share them.

#include "cuda/sgd_wavefront.h"

namespace factorise::cuda {

/// An instance of sgd_warp, as a type.
template <int rank, class CellType, bool turned, bool decay>
struct SgdInstance {
  static constexpr int kRank = rank;
  using Cell = CellType;
  static constexpr bool kTurned = turned, kDecay = decay;
};

/// Calls f(SgdInstance<...>()) for a run. From rank 9 on all multiply by s, which is 1 without weight decay.
template <class T, class F>
auto with_sgd_instance(int padded_rank, bool bytes, bool turned, bool decay, F f) {
  const auto with_rank = [&](auto rank) {
    const auto with_cell = [&](auto cell) {
      constexpr int kRank = decltype(rank)::value;
      constexpr bool kAlways = kRank == 0 || !sgd_fetches_ahead(kRank);
      using Cell = decltype(cell);
      if (kAlways || decay) {
        return turned ? f(SgdInstance<kRank, Cell, true, true>()) : f(SgdInstance<kRank, Cell, false, true>());
      }
      return turned ? f(SgdInstance<kRank, Cell, true, kAlways>()) : f(SgdInstance<kRank, Cell, false, kAlways>());
    };
    return bytes ? with_cell(uint8_t()) : with_cell(T());
  };
  switch (padded_rank) {
    case 2:
      return with_rank(std::integral_constant<int, 2>());
    case 3:
      return with_rank(std::integral_constant<int, 3>());
    case 5:
      return with_rank(std::integral_constant<int, 5>());
    case 7:
      return with_rank(std::integral_constant<int, 7>());
    case 8:
      return with_rank(std::integral_constant<int, 8>());
    case 16:
      return with_rank(std::integral_constant<int, 16>());
    case 32:
      return with_rank(std::integral_constant<int, 32>());
    default:
      return with_rank(std::integral_constant<int, 0>());
  }
}

}  // namespace factorise::cuda
