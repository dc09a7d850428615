// Passes over A: how a pass is cut into tasks, and how their results are added.

#include "cpu/gd/gd_passes.h"

#include <ATen/EmptyTensor.h>

#include <algorithm>

namespace factorise::cpu {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Columns that one task scatters into: the part of Y that it reads and writes stays in the nearest caches, and each
/// thread has several tasks. An even number of cells, since kernels take two at a time.
int64_t strip_of(int64_t cells, int64_t rank, int64_t threads) {
  const int64_t cached = std::clamp<int64_t>(512 / rank, 4, 32);
  return threads == 1 ? cached : std::min(cached, 2 * divide_up(cells, 8 * threads));
}

}  // namespace

template <class T>
at::Tensor to_groups(const at::Tensor& factor, int64_t width) {
  const int64_t count = factor.size(0), rank = factor.size(1), groups = divide_up(count, width);
  at::Tensor result = at::detail::empty_cpu({groups, rank, width}, factor.scalar_type());
  const T* from = factor.const_data_ptr<T>();
  T* to = result.mutable_data_ptr<T>();
  std::fill(to + (groups - 1) * rank * width, to + groups * rank * width, T(0));
  for (int64_t row = 0; row < count; ++row) {
    T* const group = to + row / width * rank * width + row % width;
    for (int64_t k = 0; k < rank; ++k) group[k * width] = from[row * rank + k];
  }
  return result;
}

template <class T>
at::Tensor from_groups(const at::Tensor& groups, int64_t count, T scale) {
  const int64_t rank = groups.size(1), width = groups.size(2);
  at::Tensor result = at::detail::empty_cpu({count, rank}, groups.scalar_type());
  const T* from = groups.const_data_ptr<T>();
  T* to = result.mutable_data_ptr<T>();
  for (int64_t row = 0; row < count; ++row) {
    const T* const group = from + row / width * rank * width + row % width;
    for (int64_t k = 0; k < rank; ++k) to[row * rank + k] = scale * group[k * width];
  }
  return result;
}

template at::Tensor to_groups<float>(const at::Tensor&, int64_t);
template at::Tensor to_groups<double>(const at::Tensor&, int64_t);
template at::Tensor from_groups<float>(const at::Tensor&, int64_t, float);
template at::Tensor from_groups<double>(const at::Tensor&, int64_t, double);

template <class T>
GdPasses<T>::GdPasses(Crew& crew, const GdRatings<T>& A, int64_t rank)
    : crew_(crew),
      A_(A),
      rank_(rank),
      kernels_(gd_kernels<T>(chosen_isa())),
      segments_(divide_up(A.cells(), kSegment)) {
  const int64_t rows = A.blocks() * kBlockRows;
  if (segments_ > 1) parts_ = at::detail::empty_cpu({segments_ * rows * rank}, c10::CppTypeToScalarType<T>::value);
  squares_.resize(segments_ * rows);
}

template <class T>
void GdPasses<T>::gather_all(const T* X, const T* Y, const T* Y_times, T* direction, double* squares) {
  const int64_t blocks = A_.blocks(), length = rank_ * kBlockRows;
  T* const parts = segments_ > 1 && direction ? parts_.mutable_data_ptr<T>() : direction;
  crew_.for_each(blocks * segments_, [&](int64_t i) {
    const int64_t first = i / blocks * kSegment;
    kernels_.gather(A_, rank_, i % blocks, {first, std::min(first + kSegment, A_.cells())}, X, Y, Y_times,
                    parts ? parts + i * length : nullptr, squares ? squares + i * kBlockRows : nullptr);
  });
  if (parts == direction) return;
  std::copy_n(parts, blocks * length, direction);
  for (int64_t s = 1; s < segments_; ++s) {
    for (int64_t i = 0; i < blocks * length; ++i) direction[i] += parts[s * blocks * length + i];
  }
}

template <class T>
void GdPasses<T>::gather(const T* X, const T* Y, const T* Y_times, T* direction) {
  gather_all(X, Y, Y_times, direction, nullptr);
}

template <class T>
double GdPasses<T>::gather_with_error(const T* X, const T* Y, const T* Y_times, T* direction) {
  gather_all(X, Y, Y_times, direction, squares_.data());
  const int64_t rows = A_.blocks() * kBlockRows;
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t s = 0; s < segments_; ++s) sum += squares_[s * rows + row];
  }
  return sum;
}

template <class T>
void GdPasses<T>::scatter(const T* X, const T* X_times, const T* Y, T* direction) {
  const int64_t cells = A_.cells(), strip = strip_of(cells, rank_, crew_.threads());
  crew_.for_each(divide_up(cells, strip), [&](int64_t i) {
    kernels_.scatter(A_, rank_, {i * strip, std::min((i + 1) * strip, cells)}, X, X_times, Y, direction);
  });
}

template <class T>
void GdPasses<T>::advance_rows(T c, const T* direction, const T* from, T* to) const {
  kernels_.advance(A_.blocks() * kBlockRows * rank_, c, direction, from, to);
}

template <class T>
void GdPasses<T>::advance_columns(T c, const T* direction, const T* from, T* to) const {
  kernels_.advance(A_.cells() * kLanes<T> * rank_, c, direction, from, to);
}

template class GdPasses<float>;
template class GdPasses<double>;

}  // namespace factorise::cpu
