#pragma once
// Training of the two-layer network relu(X W1 + b1) W2 + b2 by gradient descent on the softmax cross-entropy: forward,
// backward and step in one kernel. The same bits on every instruction set; one run computes on one thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "cpu/isa.h"

namespace factorise::cpu {

/// Sums over a batch run in this many interleaved chains, row r in chain r modulo kChains, and are then folded in
/// adjacent pairs. It is the width of the widest vector; narrower ones take several for the chains.
template <class T>
constexpr size_t kChains = 64 / sizeof(T);

/// Numbers that begin at a cache line, zero at first.
template <class T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t size);
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }

 private:
  struct Release {
    void operator()(T* data) const;
  };
  std::unique_ptr<T, Release> data_;
};

/// Vectors of numbers, one below the other, each with the rows of a batch (or of a data set) on its lanes.
template <class T>
struct OnLanes {
  T* data;
  size_t stride;  ///< a multiple of kChains

  T* operator[](size_t i) const { return data + i * stride; }
  OnLanes from(size_t i) const { return {data + i * stride, stride}; }  ///< without the first i
  operator OnLanes<const T>() const { return {data, stride}; }
};

/// Labelled rows on the lanes, every batch filled up to a multiple of kChains. What fills it repeats the batch's first
/// row, so that it is finite where the batch is, and has the label -1, so that it counts nowhere.
template <class T>
class Batches {
 public:
  /// X: rows x features, contiguous; y: class numbers.
  Batches(const T* X, const int64_t* y, size_t rows, size_t features, size_t batch);

  size_t count() const { return heights_.size(); }
  size_t height(size_t i) const { return heights_[i]; }  ///< its rows
  size_t width(size_t i) const;                          ///< its lanes
  size_t widest() const { return stride_; }              ///< the lanes from one batch to the next
  /// features + 1 vectors, the last of ones: a bias is the weight of a feature that is always 1.
  OnLanes<const T> inputs(size_t i) const { return {values_.data() + i * stride_, stride_ * count()}; }
  const T* labels(size_t i) const { return labels_.data() + i * stride_; }

 private:
  size_t stride_;
  std::vector<size_t> heights_;
  AlignedArray<T> values_, labels_;
};

/// A layer's weights, inputs x units, the biases below them as one more row; their gradient in the same order.
template <class T>
struct Layer {
  size_t inputs, units;
  AlignedArray<T> weights, gradient;

  Layer(size_t inputs, size_t units);
  size_t size() const { return (inputs + 1) * units; }
  T* biases() { return weights.data() + inputs * units; }
};

/// A network and what a step of it needs.
template <class T>
struct Network {
  Layer<T> first, second;
  bool scalar_biases;                ///< one bias for all units of a layer; its row of weights repeats it
  AlignedArray<T> hidden, backward;  ///< hidden + 1 vectors, the last of ones, and hidden of them
  AlignedArray<T> outputs;           ///< classes vectors: logits, then the loss by them
  AlignedArray<T> chains;            ///< of the gradients that are being summed
  size_t widest;                     ///< lanes of these vectors

  /// widest: at least that of all Batches that it will see.
  Network(size_t features, size_t hidden, size_t classes, bool scalar_biases, size_t widest);
};

/// How many gradients are summed before their chains are folded, at least.
constexpr size_t kSummedAtOnce = 256;

struct MlpEpoch {
  double loss;  ///< cross-entropy, mean over each batch and then over the batches, each before its step
  bool finite;  ///< whether all weights are, after the epoch
};

/// The kernels of an instruction set.
template <class T>
struct MlpKernels {
  /// One pass over the batches, a step for each: w -= lr ∂loss/∂w.
  MlpEpoch (*epoch)(Network<T>& network, const Batches<T>& data, double lr);
  /// How many rows have their label's logit as the largest (the first one, where several are).
  int64_t (*count_right)(Network<T>& network, const Batches<T>& data);
};

/// T: float or double.
template <class T>
MlpKernels<T> mlp_kernels(Isa isa);

}  // namespace factorise::cpu
