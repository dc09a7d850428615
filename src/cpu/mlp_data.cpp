// The MLP's data and network in the order that its kernel reads them.

#include <algorithm>
#include <new>

#include "cpu/mlp.h"

namespace factorise::cpu {
namespace {

constexpr std::align_val_t kCacheLine{64};

template <class T>
size_t filled_up(size_t rows) {
  return (rows + kChains<T> - 1) / kChains<T> * kChains<T>;
}

}  // namespace

template <class T>
AlignedArray<T>::AlignedArray(size_t size) : data_(static_cast<T*>(::operator new(size * sizeof(T), kCacheLine))) {
  std::fill_n(data_.get(), size, T(0));
}

template <class T>
void AlignedArray<T>::Release::operator()(T* data) const {
  ::operator delete(data, kCacheLine);
}

template <class T>
Batches<T>::Batches(const T* X, const int64_t* y, size_t rows, size_t features, size_t batch)
    : stride_(filled_up<T>(std::min(batch, rows))) {
  for (size_t begin = 0; begin < rows; begin += batch) heights_.push_back(std::min(batch, rows - begin));
  values_ = AlignedArray<T>((features + 1) * stride_ * count());
  labels_ = AlignedArray<T>(stride_ * count());
  for (size_t i = 0; i < count(); ++i) {
    const OnLanes<T> lanes{values_.data() + i * stride_, stride_ * count()};
    for (size_t lane = 0; lane < stride_; ++lane) {
      const bool real = lane < height(i);
      const size_t row = i * batch + (real ? lane : 0);
      for (size_t f = 0; f < features; ++f) lanes[f][lane] = X[row * features + f];
      lanes[features][lane] = 1;
      labels_.data()[i * stride_ + lane] = real ? static_cast<T>(y[row]) : T(-1);
    }
  }
}

template <class T>
size_t Batches<T>::width(size_t i) const {
  return filled_up<T>(heights_[i]);
}

template <class T>
Layer<T>::Layer(size_t inputs_, size_t units_)
    : inputs(inputs_),
      units(units_),
      weights(filled_up<T>(size())),
      // The kernel stores whole vectors, from any row on.
      gradient(filled_up<T>(size()) + kChains<T>) {}

template <class T>
Network<T>::Network(size_t features, size_t hidden_, size_t classes, bool scalar_biases_, size_t widest_)
    : first(features, hidden_),
      second(hidden_, classes),
      scalar_biases(scalar_biases_),
      hidden((hidden_ + 1) * widest_),
      backward(hidden_ * widest_),
      outputs(classes * widest_),
      chains((std::max({hidden_, classes, kSummedAtOnce}) + kChains<T>)*kChains<T>),
      widest(widest_) {
  std::fill_n(hidden.data() + hidden_ * widest_, widest_, T(1));
}

template class AlignedArray<float>;
template class AlignedArray<double>;
template class Batches<float>;
template class Batches<double>;
template struct Layer<float>;
template struct Layer<double>;
template struct Network<float>;
template struct Network<double>;

}  // namespace factorise::cpu
