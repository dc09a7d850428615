// exp and log on the lanes of a vector, of one sequence of operations that are each rounded once: the same bits on
// every instruction set. Included by a kernel inside its target's namespace, where hn is Highway's, or factorise's
// one_lane; hence no guard, and no includes. (Ranges by Cody and Waite, Software Manual for the Elementary Functions,
// 1980.)

/// What the two types differ in. Terms: of each series, until the first one left out is below half an ulp of the sum.
template <class T>
struct Series;
template <>
struct Series<float> {
  static constexpr int kMantissaBits = 23, kExpTerms = 7, kLogTerms = 4;
  static constexpr uint32_t kBias = 127, kRootHalf = 0x3F3504F3, kMantissa = 0x7FFFFF, kTwoToMantissa = 0x4B000000;
  static constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f, kSmallest = -87.0f;
};
template <>
struct Series<double> {
  static constexpr int kMantissaBits = 52, kExpTerms = 13, kLogTerms = 10;
  static constexpr uint64_t kBias = 1023, kRootHalf = 0x3FE6A09E667F3BCD, kMantissa = 0xFFFFFFFFFFFFF,
                            kTwoToMantissa = 0x4330000000000000;
  static constexpr double kLn2High = 0x1.62e42fefa38p-1, kLn2Low = 0x1.ef35793c7673p-45, kSmallest = -708.0;
};

/// The coefficients of rᵏ in eʳ and of t²ᵏ in artanh(t) / t: 1 / k! and 1 / (2 k + 1).
constexpr double exp_term(int k) { return k <= 1 ? 1.0 : exp_term(k - 1) / k; }
constexpr double log_term(int k) { return 1.0 / (2 * k + 1); }

/// Σ term(k) xᵏ over kFirst <= k <= kLast, divided by x to the kFirst.
template <double (*term)(int), int kFirst, int kLast, class D, class V = hn::Vec<D>>
HWY_INLINE V series(D d, V x) {
  constexpr auto coefficient = static_cast<hn::TFromD<D>>(term(kFirst));
  const V first = hn::Set(d, coefficient);
  if constexpr (kFirst == kLast) {
    return first;
  } else {
    return hn::MulAdd(series<term, kFirst + 1, kLast>(d, x), x, first);
  }
}

/// eˣ for x <= 0, to 1 ulp (tested); 0 below kSmallest, where eˣ nears the denormals; 1 at 0; NaN for NaN.
/// x = k ln 2 + r with |r| <= ln 2 / 2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_of_nonpositive(D d, V x) {
  using T = hn::TFromD<D>;
  using S = Series<T>;
  const hn::RebindToUnsigned<D> bits;
  // Added to this, a number is rounded to an integer, which then stands in the lowest bits.
  const V to_integer = hn::Set(d, T(1.5) * static_cast<T>(uint64_t{1} << S::kMantissaBits));
  const V shifted = hn::MulAdd(x, hn::Set(d, static_cast<T>(0x1.71547652b82fep+0)), to_integer);
  const V k = hn::Sub(shifted, to_integer);
  const V r = hn::NegMulAdd(k, hn::Set(d, S::kLn2Low), hn::NegMulAdd(k, hn::Set(d, S::kLn2High), x));
  const auto power = hn::ShiftLeft<S::kMantissaBits>(hn::Add(hn::BitCast(bits, shifted), hn::Set(bits, S::kBias)));
  const V value = hn::Mul(series<exp_term, 0, S::kExpTerms>(d, r), hn::BitCast(d, power));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, S::kSmallest)), value);
}

/// ln x for finite x >= 1, to 2 ulp (tested); 0 at 1. x = 2ᵉ m with m in [√½, √2), ln m = 2 artanh((m - 1) / (m + 1)).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V log_from_one(D d, V x) {
  using T = hn::TFromD<D>;
  using S = Series<T>;
  const hn::RebindToUnsigned<D> bits;
  const auto above = hn::Sub(hn::BitCast(bits, x), hn::Set(bits, S::kRootHalf));
  const V m = hn::BitCast(d, hn::Add(hn::And(above, hn::Set(bits, S::kMantissa)), hn::Set(bits, S::kRootHalf)));
  const auto exponent = hn::Add(hn::ShiftRight<S::kMantissaBits>(above), hn::Set(bits, S::kTwoToMantissa));
  const V e = hn::Sub(hn::BitCast(d, exponent), hn::BitCast(d, hn::Set(bits, S::kTwoToMantissa)));
  const V one = hn::Set(d, T(1));
  const V t = hn::Div(hn::Sub(m, one), hn::Add(m, one)), square = hn::Mul(t, t), twice = hn::Add(t, t);
  const V log_m = hn::MulAdd(hn::Mul(square, series<log_term, 1, S::kLogTerms>(d, square)), twice, twice);
  return hn::MulAdd(e, hn::Set(d, S::kLn2High), hn::MulAdd(e, hn::Set(d, S::kLn2Low), log_m));
}
