// The wavefront for 32 registers: included by sgd_wavefront.cpp in a target's namespace, hence no guard and no
// includes. A block's row i is lane i, counted through all vectors. At every step V moves to the next lane; U stays. Up
// to rank 8 both stay in registers, above that in the first-level cache.

constexpr int kRegisterRank = 8;  // up to here a rank has a kernel of its own

/// Vectors of rows in a block: enough that other vectors have work while one waits for a chain of dependent steps, and
/// as many as the registers allow.
constexpr int vectors_of_rank(int64_t rank) {
#if HWY_TARGET == HWY_AVX3
  return rank <= 2 ? 6 : rank <= kRegisterRank ? 4 : 3;
#else
  return rank <= 5 ? 6 : rank <= kRegisterRank ? 4 : 3;
#endif
}

/// v moved up by one lane, with the last lane of `above` in the first.
template <class D>
HWY_INLINE hn::Vec<D> shift(D d, hn::Vec<D> v, hn::Vec<D> above) {
  using T = hn::TFromD<D>;
#if HWY_TARGET == HWY_AVX3
  static_cast<void>(d);
  if constexpr (sizeof(T) == 4) {
    return hn::Vec<D>{
        _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(v.raw), _mm512_castps_si512(above.raw), 15))};
  } else {
    return hn::Vec<D>{
        _mm512_castsi512_pd(_mm512_alignr_epi64(_mm512_castpd_si512(v.raw), _mm512_castpd_si512(above.raw), 7))};
  }
#else
  return hn::CombineShiftRightBytes<16 - sizeof(T)>(d, v, above);
#endif
}

/// The same with a number that enters.
template <class D>
HWY_INLINE hn::Vec<D> shift_in(D d, hn::Vec<D> v, hn::TFromD<D> first) {
  return shift(d, v, hn::Set(d, first));
}

/// The last lane, which leaves.
template <class D>
HWY_INLINE hn::TFromD<D> last_lane(D d, hn::Vec<D> v) {
  return hn::GetLane(shift(d, v, v));
}

/// Fills the scratch: lanes of U, then lanes of V, a row of block_rows numbers for each k.
template <class T>
void begin(const SgdBlock<T>& block) {
  const int64_t H = block.layout->block_rows, rank = block.layout->rank;
  for (int64_t k = 0; k < rank; ++k) {
    for (int64_t i = 0; i < H; ++i) block.lanes[k * H + i] = i < block.rows ? block.U[i * block.stride + k] : T(0);
  }
  for (int64_t i = 0; i < rank * H; ++i) block.lanes[rank * H + i] = 0;
}

template <class T>
void end(const SgdBlock<T>& block) {
  const int64_t H = block.layout->block_rows, rank = block.layout->rank;
  for (int64_t k = 0; k < rank; ++k) {
    for (int64_t i = 0; i < block.rows; ++i) block.U[i * block.stride + k] = block.lanes[k * H + i];
  }
}

/// Ranks up to kRegisterRank. kVectors * Lanes(d) is the block's height.
template <class T, class Cell, int kRank, bool kDecay>
void advance_in_registers(const SgdBlock<T>& block, int64_t from, int64_t to) {
  const hn::ScalableTag<T> d;
  constexpr int kVectors = vectors_of_rank(kRank);
  constexpr int64_t L = MaxLanes(hn::ScalableTag<T>()), H = kVectors * L;
  const int64_t stride = sgd_stride(kRank);
  const auto lr = hn::Set(d, block.step.lr), s = hn::Set(d, block.step.s), one = hn::Set(d, T(1));
  T* const u_lanes = block.lanes;
  T* const v_lanes = block.lanes + kRank * H;
  hn::Vec<decltype(d)> u[kRank][kVectors], v[kRank][kVectors];
  FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) {
    FACTORISE_UNROLL for (int j = 0; j < kVectors; ++j) {
      u[k][j] = hn::Load(d, u_lanes + k * H + j * L);
      v[k][j] = hn::Load(d, v_lanes + k * H + j * L);
    }
  }
  const Cell* cells = cells_of<T, Cell>(block) + from * H;
  const T* entering = block.V + from * stride;
  T* leaving = block.V + (from - H + 1) * stride;
  for (int64_t t = from; t < to; ++t, cells += H, entering += stride, leaving += stride) {
    FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) {
      FACTORISE_UNROLL for (int j = kVectors - 1; j > 0; --j) v[k][j] = shift(d, v[k][j], v[k][j - 1]);
      v[k][0] = shift_in(d, v[k][0], entering[k]);
    }
    FACTORISE_UNROLL for (int j = 0; j < kVectors; ++j) {
      const auto a = load_cells(d, cells + j * L);
      hn::Vec<decltype(d)> p;
      if constexpr (kRank < kChainedRank) {
        p = hn::Mul(u[0][j], v[0][j]);
        FACTORISE_UNROLL for (int k = 1; k < kRank; ++k) p = hn::MulAdd(u[k][j], v[k][j], p);
      } else {
        hn::Vec<decltype(d)> chains[kRank];
        FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) chains[k] = hn::Mul(u[k][j], v[k][j]);
        FACTORISE_UNROLL for (int k = 0; k < 4; ++k) chains[k] = hn::Add(chains[k], chains[k + 4]);
        FACTORISE_UNROLL for (int k = 0; k < 2; ++k) chains[k] = hn::Add(chains[k], chains[k + 2]);
        p = hn::Add(chains[0], chains[1]);
      }
      const auto g = step_of(a, p, lr);
      const auto keep = kDecay ? hn::IfThenElse(a.observed, s, one) : one;
      FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) move<kDecay>(u[k][j], v[k][j], g, keep, d);
    }
    if (t >= H - 1) {
      FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) leaving[k] = last_lane(d, v[k][kVectors - 1]);
    }
  }
  FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) {
    FACTORISE_UNROLL for (int j = 0; j < kVectors; ++j) {
      hn::Store(u[k][j], d, u_lanes + k * H + j * L);
      hn::Store(v[k][j], d, v_lanes + k * H + j * L);
    }
  }
}

/// Higher ranks: the lanes stay in the scratch, which the first cache holds.
template <class T, class Cell, bool kDecay>
void advance_in_memory(const SgdBlock<T>& block, int64_t from, int64_t to) {
  const hn::ScalableTag<T> d;
  constexpr int kVectors = vectors_of_rank(kRegisterRank + 1);
  constexpr int64_t L = MaxLanes(hn::ScalableTag<T>()), H = kVectors * L;
  const int64_t stride = block.stride, rank = block.layout->rank;
  const auto lr = hn::Set(d, block.step.lr), s = hn::Set(d, block.step.s), one = hn::Set(d, T(1));
  T* const u_lanes = block.lanes;
  T* const v_lanes = block.lanes + rank * H;
  const Cell* cells = cells_of<T, Cell>(block) + from * H;
  const T* entering = block.V + from * stride;
  T* leaving = block.V + (from - H + 1) * stride;
  for (int64_t t = from; t < to; ++t, cells += H, entering += stride, leaving += stride) {
    hn::Vec<decltype(d)> chains[8][kVectors];
    // One k: V moves up a lane, and the product goes to its chain.
    const auto multiply = [&](int64_t k, hn::Vec<decltype(d)>* chain, bool first) HWY_ATTR {
      T* const us = u_lanes + k * H;
      T* const vs = v_lanes + k * H;
      auto above = hn::Set(d, entering[k]);
      FACTORISE_UNROLL for (int j = 0; j < kVectors; ++j) {
        const auto before = hn::Load(d, vs + j * L);
        const auto v = j == 0 ? shift_in(d, before, entering[k]) : shift(d, before, above);
        above = before;
        hn::Store(v, d, vs + j * L);
        const auto u = hn::Load(d, us + j * L);
        chain[j] = first ? hn::Mul(u, v) : hn::MulAdd(u, v, chain[j]);
      }
    };
    FACTORISE_UNROLL for (int k = 0; k < 8; ++k) multiply(k, chains[k], true);
    int64_t k8 = 8;
    for (; k8 + 8 <= rank; k8 += 8) {
      FACTORISE_UNROLL for (int k = 0; k < 8; ++k) multiply(k8 + k, chains[k], false);
    }
    FACTORISE_UNROLL for (int k = 0; k < 7; ++k) {
      if (k8 + k < rank) multiply(k8 + k, chains[k], false);
    }
    FACTORISE_UNROLL for (int j = 0; j < kVectors; ++j) {
      FACTORISE_UNROLL for (int k = 0; k < 4; ++k) chains[k][j] = hn::Add(chains[k][j], chains[k + 4][j]);
      FACTORISE_UNROLL for (int k = 0; k < 2; ++k) chains[k][j] = hn::Add(chains[k][j], chains[k + 2][j]);
      const auto a = load_cells(d, cells + j * L);
      const auto g = step_of(a, hn::Add(chains[0][j], chains[1][j]), lr);
      const auto keep = kDecay ? hn::IfThenElse(a.observed, s, one) : one;
      chains[4][j] = g;
      chains[5][j] = keep;
    }
    for (int64_t k = 0; k < rank; ++k) {
      FACTORISE_UNROLL for (int j = 0; j < kVectors; ++j) {
        auto u = hn::Load(d, u_lanes + k * H + j * L), v = hn::Load(d, v_lanes + k * H + j * L);
        move<kDecay>(u, v, chains[4][j], chains[5][j], d);
        hn::Store(u, d, u_lanes + k * H + j * L);
        hn::Store(v, d, v_lanes + k * H + j * L);
      }
    }
    if (t >= H - 1) {
      for (int64_t k = 0; k < rank; ++k) leaving[k] = v_lanes[k * H + H - 1];
    }
  }
}

template <class T, class Cell, bool kDecay>
auto advance_of_rank(int64_t rank) -> decltype(SgdKernels<T>::advance) {
  switch (rank) {
    case 1:
      return &advance_in_registers<T, Cell, 1, kDecay>;
    case 2:
      return &advance_in_registers<T, Cell, 2, kDecay>;
    case 3:
      return &advance_in_registers<T, Cell, 3, kDecay>;
    case 4:
      return &advance_in_registers<T, Cell, 4, kDecay>;
    case 5:
      return &advance_in_registers<T, Cell, 5, kDecay>;
    case 6:
      return &advance_in_registers<T, Cell, 6, kDecay>;
    case 7:
      return &advance_in_registers<T, Cell, 7, kDecay>;
    case 8:
      return &advance_in_registers<T, Cell, 8, kDecay>;
    default:
      return &advance_in_memory<T, Cell, kDecay>;
  }
}

template <class T, class Cell, bool kDecay>
SgdKernels<T> kernels_of_rank(int64_t rank) {
  return {&begin<T>, advance_of_rank<T, Cell, kDecay>(rank), &end<T>};
}

template <class T>
SgdShape shape_of(int64_t rank, int64_t, int64_t) {
  return {vectors_of_rank(rank) * static_cast<int64_t>(MaxLanes(hn::ScalableTag<T>())), 1};
}
