// The wavefront for AVX2, whose 16 registers cannot hold a block: included by sgd_wavefront.cpp in a target's
// namespace, hence no guard and no includes. U and V stay in the first-level cache. Of J vectors of L lanes, a block's
// row i is lane i / J of vector i % J: the rows of a lane follow one another. So at the next step a vector works on the
// columns that the vector before it has left, lane by lane, and finds V where that one stored it: nothing moves across
// lanes, except the columns of the last vector, which move to the next lane when the first vector takes them.

/// v moved on by one lane, with a number that enters at the first.
template <class D>
HWY_INLINE hn::Vec<D> shift_in(D, hn::Vec<D> v, hn::TFromD<D> first) {
  if constexpr (sizeof(first) == 4) {
    const __m256i up = _mm256_setr_epi32(7, 0, 1, 2, 3, 4, 5, 6);
    return hn::Vec<D>{_mm256_blend_ps(_mm256_permutevar8x32_ps(v.raw, up), _mm256_set1_ps(first), 1)};
  } else {
    return hn::Vec<D>{_mm256_blend_pd(_mm256_permute4x64_pd(v.raw, 0x93), _mm256_set1_pd(first), 1)};
  }
}

constexpr int kHeldRank = 7;  // up to here the registers hold V of two vectors

/// Where U and V are: vectors of U by rows, then a ring of J slots of V. A slot is `rank` vectors. At step t the slot
/// (j - t) mod J has the columns of vector j, so that the columns of vector j - 1 at step t - 1 need no copy. kRank is
/// 0 where the rank is known when it runs.
template <class T, int kRank = 0>
struct CachedLanes {
  static constexpr int64_t L = MaxLanes(hn::ScalableTag<T>());
  int64_t rank, vectors;  ///< vectors: J
  T *u, *ring;

  explicit HWY_INLINE CachedLanes(const SgdBlock<T>& block)
      : rank(kRank ? kRank : block.layout->rank),
        vectors(block.layout->lane_rows),
        u(block.lanes),
        ring(block.lanes + vectors * slot()) {}

  /// Numbers of a slot.
  HWY_INLINE int64_t slot() const { return (kRank ? kRank : rank) * L; }
  /// U's number k of the block's row i.
  T& u_at(int64_t i, int64_t k) const { return u[i % vectors * slot() + k * L + i / vectors]; }
};

/// The J whose blocks take the least time, of those that the first cache has room for. A partly filled vector costs as
/// much as a full one; a step takes as long as its vectors, but no less than one vector's chain of operations, and half
/// a vector's time besides. (Cycles, as measured on Zen 4.)
template <class T>
SgdShape shape_of(int64_t rank, int64_t rows, int64_t columns) {
  constexpr int64_t L = MaxLanes(hn::ScalableTag<T>()), kMostVectors = 12, kMostRows = 96, kCache = 24 * 1024;
  constexpr double kChain = 30;
  const double vector = 1 + 2.4 * static_cast<double>(rank);
  const int64_t fit = kCache / (2 * rank * L * static_cast<int64_t>(sizeof(T)));
  const int64_t most = std::clamp<int64_t>(fit, 3, std::min(kMostVectors, kMostRows / L));
  const auto cost = [&](int64_t J) {
    const int64_t H = J * L, steps = (rows + H - 1) / H * (columns + H - 1);
    return static_cast<double>(steps) * (std::max(kChain, static_cast<double>(J) * vector) + vector / 2);
  };
  int64_t best = 1;
  for (int64_t J = 2; J <= most; ++J) best = cost(J) < cost(best) ? J : best;
  return {best * L, best};
}

template <class T>
void begin(const SgdBlock<T>& block) {
  const CachedLanes<T> lanes(block);
  for (int64_t i = 0; i < block.layout->block_rows; ++i) {
    for (int64_t k = 0; k < block.layout->rank; ++k)
      lanes.u_at(i, k) = i < block.rows ? block.U[i * block.stride + k] : T(0);
  }
  std::fill_n(lanes.ring, lanes.vectors * lanes.slot(), T(0));
}

template <class T>
void end(const SgdBlock<T>& block) {
  const CachedLanes<T> lanes(block);
  for (int64_t i = 0; i < block.rows; ++i) {
    for (int64_t k = 0; k < block.layout->rank; ++k) block.U[i * block.stride + k] = lanes.u_at(i, k);
  }
}

/// One block's vectors at work. kRank is 0 where the rank is known when it runs, which is 8 or more. A vector's step
/// has two halves, `start` up to g, and `finish`; the next vector is started before the last is finished, so that a
/// processor always has independent instructions near by.
template <class T, class Cell, int kRank, bool kDecay>
class CachedVectors {
 public:
  using D = hn::ScalableTag<T>;
  using Vec = hn::Vec<D>;

  /// A vector between its halves. V is held where two of them fit the registers, else loaded again.
  struct Half {
    static constexpr bool kHeld = 0 < kRank && kRank <= kHeldRank;
    Vec v[kHeld ? kRank : 1];
    Vec g, keep;  ///< keep: with weight decay alone
    T *u_from, *v_from;
  };

  explicit HWY_INLINE CachedVectors(const SgdBlock<T>& block)
      : lr_(hn::Set(D(), block.step.lr)), s_(hn::Set(D(), block.step.s)), lanes_(block) {}

  /// From here on vectors are of one step, J - 1 down to 0: in this order the data that a vector needs was stored long
  /// before. `last` is the slot of vector J - 1, `cells` the step's.
  HWY_INLINE void begin_step(T* last, const Cell* cells) {
    u_ = lanes_.u + lanes_.vectors * lanes_.slot();
    v_ = last;
    cells_ = cells;
  }

  HWY_INLINE void start(Half& half) {
    if constexpr (Half::kHeld) {
      FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) half.v[k] = hn::Load(D(), v_ + k * L);
    }
    start_loaded(half);
  }

  /// Loads V of vector 0: its columns were vector J - 1's, one lane earlier; a new one enters at the first lane.
  HWY_INLINE void start_first(Half& half, const T* HWY_RESTRICT entering) {
    if constexpr (Half::kHeld) {
      FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) {
        half.v[k] = shift_in(D(), hn::Load(D(), v_ + k * L), entering[k]);
      }
    } else {
      for (int64_t k = 0; k < lanes_.rank; ++k)
        hn::Store(shift_in(D(), hn::Load(D(), v_ + k * L), entering[k]), D(), v_ + k * L);
    }
    start_loaded(half);
  }

  HWY_INLINE void finish(const Half& half) const {
    if constexpr (kRank) {
      FACTORISE_UNROLL for (int k = 0; k < kRank; ++k) finish(half, k);
    } else {
      int64_t k = 0;
      for (; k + 4 <= lanes_.rank; k += 4) {
        FACTORISE_UNROLL for (int i = 0; i < 4; ++i) finish(half, k + i);
      }
      for (; k < lanes_.rank; ++k) finish(half, k);
    }
  }

 private:
  static constexpr int64_t L = CachedLanes<T>::L;

  HWY_INLINE void start_loaded(Half& half) {
    u_ -= lanes_.slot();
    half.u_from = u_;
    half.v_from = v_;
    v_ = v_ == lanes_.ring ? lanes_.ring + (lanes_.vectors - 1) * lanes_.slot() : v_ - lanes_.slot();
    const Vec p = dot(half);
    const auto a = load_cells(D(), cells_);
    cells_ += L;
    half.g = step_of(a, p, lr_);
    half.keep = kDecay ? hn::IfThenElse(a.observed, s_, hn::Set(D(), T(1))) : half.g;
  }

  HWY_INLINE Vec dot(const Half& half) const {
    const D d;
    const T* HWY_RESTRICT u = half.u_from;
    if constexpr (Half::kHeld) {
      auto p = hn::Mul(hn::Load(d, u), half.v[0]);
      FACTORISE_UNROLL for (int k = 1; k < kRank; ++k) p = hn::MulAdd(hn::Load(d, u + k * L), half.v[k], p);
      return p;
    } else {
      const T* HWY_RESTRICT v = half.v_from;
      Vec chains[8];
      FACTORISE_UNROLL for (int k = 0; k < 8; ++k) chains[k] = hn::Mul(hn::Load(d, u + k * L), hn::Load(d, v + k * L));
      int64_t k8 = 8;
      for (; k8 + 8 <= lanes_.rank; k8 += 8) {
        FACTORISE_UNROLL for (int k = 0; k < 8; ++k) add_product(k8 + k, u, v, chains[k]);
      }
      FACTORISE_UNROLL for (int k = 0; k < 7; ++k) {
        if (k8 + k < lanes_.rank) add_product(k8 + k, u, v, chains[k]);
      }
      FACTORISE_UNROLL for (int k = 0; k < 4; ++k) chains[k] = hn::Add(chains[k], chains[k + 4]);
      FACTORISE_UNROLL for (int k = 0; k < 2; ++k) chains[k] = hn::Add(chains[k], chains[k + 2]);
      return hn::Add(chains[0], chains[1]);
    }
  }

  static HWY_INLINE void add_product(int64_t k, const T* HWY_RESTRICT u, const T* HWY_RESTRICT v, Vec& chain) {
    chain = hn::MulAdd(hn::Load(D(), u + k * L), hn::Load(D(), v + k * L), chain);
  }

  HWY_INLINE void finish(const Half& half, int64_t k) const {
    const D d;
    auto u = hn::Load(d, half.u_from + k * L);
    auto v = Half::kHeld ? half.v[Half::kHeld ? k : 0] : hn::Load(d, half.v_from + k * L);
    move<kDecay>(u, v, half.g, half.keep, d);
    hn::Store(u, d, half.u_from + k * L);
    hn::Store(v, d, half.v_from + k * L);
  }

  const Vec lr_, s_;
  const CachedLanes<T, kRank> lanes_;
  T *u_ = nullptr, *v_ = nullptr;
  const Cell* cells_ = nullptr;
};

/// The vectors of a step, two under way at a time.
template <class Vectors, class T>
HWY_INLINE void walk_vectors(Vectors& vectors, int64_t count, const T* entering) {
  typename Vectors::Half a, b;
  if (count == 1) {
    vectors.start_first(a, entering);
    vectors.finish(a);
    return;
  }
  vectors.start(a);
  int64_t left = count - 1;
  for (; left > 2; left -= 2) {
    vectors.start(b);
    vectors.finish(a);
    vectors.start(a);
    vectors.finish(b);
  }
  if (left == 2) {
    vectors.start(b);
    vectors.finish(a);
    vectors.start_first(a, entering);
    vectors.finish(b);
    vectors.finish(a);
  } else {
    vectors.start_first(b, entering);
    vectors.finish(a);
    vectors.finish(b);
  }
}

template <class T, class Cell, int kRank, bool kDecay>
void advance(const SgdBlock<T>& block, int64_t from, int64_t to) {
  constexpr int64_t L = CachedLanes<T>::L;
  const int64_t H = block.layout->block_rows, stride = block.stride;
  const CachedLanes<T, kRank> lanes(block);
  CachedVectors<T, Cell, kRank, kDecay> vectors(block);
  const Cell* cells = cells_of<T, Cell>(block) + from * H;
  const T* entering = block.V + from * stride;
  T* leaving = block.V + (from - H + 1) * stride;
  int64_t last = lanes.vectors - 1 - from % lanes.vectors;  // the slot of vector J - 1
  for (int64_t t = from; t < to; ++t, cells += H, entering += stride, leaving += stride) {
    T* const slot = lanes.ring + last * lanes.slot();
    vectors.begin_step(slot, cells);
    walk_vectors(vectors, lanes.vectors, entering);
    if (t >= H - 1) {
      for (int64_t k = 0; k < lanes.rank; ++k) leaving[k] = slot[k * L + L - 1];
    }
    last = last == 0 ? lanes.vectors - 1 : last - 1;
  }
}

template <class T, class Cell, bool kDecay, int kRank = 1>
SgdKernels<T> kernels_of_rank(int64_t rank) {
  if constexpr (kRank > kChainedRank) {
    return {&begin<T>, &advance<T, Cell, 0, kDecay>, &end<T>};
  } else {
    return rank == kRank ? SgdKernels<T>{&begin<T>, &advance<T, Cell, kRank, kDecay>, &end<T>}
                         : kernels_of_rank<T, Cell, kDecay, kRank + 1>(rank);
  }
}
