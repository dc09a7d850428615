#pragma once
// Highway's operations on a vector of one lane: a kernel that is written with them runs also where no instruction set
// with a fused multiply-add may be used. Highway has such a target of its own, but it rounds MulAdd twice.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace factorise::cpu::one_lane {

template <class T, size_t kLimit>
struct CappedTag {};

template <class D>
struct LaneOf;
template <class T, size_t kLimit>
struct LaneOf<CappedTag<T, kLimit>> {
  using type = T;
};

template <class D>
using TFromD = typename LaneOf<D>::type;
template <class D>
using Vec = TFromD<D>;

template <class D>
using RebindToUnsigned = CappedTag<std::conditional_t<sizeof(TFromD<D>) == sizeof(uint32_t), uint32_t, uint64_t>, 1>;

template <class D>
constexpr size_t Lanes(D) {
  return 1;
}
template <class D>
constexpr size_t MaxLanes(D) {
  return 1;
}

template <class D>
Vec<D> Zero(D) {
  return 0;
}
template <class D>
Vec<D> Set(D, TFromD<D> value) {
  return value;
}
template <class D>
Vec<D> Load(D, const TFromD<D>* from) {
  return *from;
}
template <class D>
Vec<D> LoadU(D, const TFromD<D>* from) {
  return *from;
}
template <class D>
void Store(Vec<D> value, D, TFromD<D>* to) {
  *to = value;
}
template <class D>
void StoreU(Vec<D> value, D, TFromD<D>* to) {
  *to = value;
}

template <class T>
T Add(T a, T b) {
  return a + b;
}
template <class T>
T Sub(T a, T b) {
  return a - b;
}
template <class T>
T Mul(T a, T b) {
  return a * b;
}
template <class T>
T Div(T a, T b) {
  return a / b;
}
template <class T>
T MulAdd(T a, T b, T c) {
  return std::fma(a, b, c);
}
template <class T>
T NegMulAdd(T a, T b, T c) {
  return std::fma(-a, b, c);
}

template <class T>
bool Lt(T a, T b) {
  return a < b;
}
template <class T>
bool Gt(T a, T b) {
  return a > b;
}
template <class T>
bool Ge(T a, T b) {
  return a >= b;
}
template <class T>
bool Eq(T a, T b) {
  return a == b;
}
template <class D>
bool FirstN(D, size_t n) {
  return n > 0;
}
template <class D>
bool AllTrue(D, bool mask) {
  return mask;
}
template <class T>
T IfThenElse(bool mask, T yes, T no) {
  return mask ? yes : no;
}
template <class T>
T IfThenElseZero(bool mask, T yes) {
  return mask ? yes : T(0);
}
template <class T>
T IfThenZeroElse(bool mask, T no) {
  return mask ? T(0) : no;
}

template <class D, class From>
Vec<D> BitCast(D, From value) {
  return std::bit_cast<Vec<D>>(value);
}
template <class T>
T And(T a, T b) {
  return a & b;
}
template <int kBits, class T>
T ShiftLeft(T a) {
  return a << kBits;
}
template <int kBits, class T>
T ShiftRight(T a) {
  return a >> kBits;
}

// Of the lanes lo, hi: those at even places, and those at odd ones.
template <class D>
Vec<D> ConcatEven(D, Vec<D>, Vec<D> lo) {
  return lo;
}
template <class D>
Vec<D> ConcatOdd(D, Vec<D> hi, Vec<D>) {
  return hi;
}

}  // namespace factorise::cpu::one_lane
