// One epoch of the MLP, written once for all instruction sets: included by mlp.cpp in each target's namespace, where hn
// is Highway's, or factorise's one_lane; hence no guard, and no includes. Every operation is rounded once, and sums
// have the order that the loops below give them, so the bits are the same everywhere.

template <class T>
using Tag = hn::CappedTag<T, kChains<T>>;

/// What is only read; T is deduced elsewhere.
template <class T>
using Given = std::type_identity_t<OnLanes<const T>>;

/// Weights as they are multiplied: that of an input and a unit is at data[input * per_input + unit * per_unit].
template <class T>
struct Weights {
  const T* data;
  size_t per_input, per_unit;
};

/// What becomes of a unit's sum: nothing, max(0, sum), or the sum where the unit of the forward pass was above 0.
struct Linear {
  template <class D, class T, class V>
  HWY_INLINE V operator()(D, V sum, const T*) const {
    return sum;
  }
};
struct Relu {
  template <class D, class T, class V>
  HWY_INLINE V operator()(D d, V sum, const T*) const {
    return hn::IfThenZeroElse(hn::Lt(sum, hn::Zero(d)), sum);  // NaN stays NaN
  }
};
struct WhereActive {
  template <class D, class T, class V>
  HWY_INLINE V operator()(D d, V sum, const T* active) const {
    return hn::IfThenElseZero(hn::Gt(hn::Load(d, active), hn::Zero(d)), sum);
  }
};

/// kUnits units from `unit` on: start + Σ input * weight, the inputs in order, over the lanes of a batch. biases may
/// be null, and `active` anything where `finish` does not ask.
template <int kUnits, class T, class Finish>
HWY_INLINE void compute_units(Given<T> in, size_t inputs, Weights<T> w, const T* biases, OnLanes<T> out, size_t unit,
                              size_t width, Given<T> active, Finish finish) {
  const Tag<T> d;
  const T* weights = w.data + unit * w.per_unit;
  for (size_t lane = 0; lane < width; lane += hn::Lanes(d)) {
    hn::Vec<Tag<T>> sums[kUnits];
    for (int u = 0; u < kUnits; ++u) sums[u] = biases ? hn::Set(d, biases[unit + u]) : hn::Zero(d);
    for (size_t i = 0; i < inputs; ++i) {
      const auto x = hn::Load(d, in[i] + lane);
      const T* row = weights + i * w.per_input;
      for (int u = 0; u < kUnits; ++u) sums[u] = hn::MulAdd(x, hn::Set(d, row[u * w.per_unit]), sums[u]);
    }
    for (int u = 0; u < kUnits; ++u) {
      hn::Store(finish(d, sums[u], active[unit + u] + lane), d, out[unit + u] + lane);
    }
  }
}

/// All units of a layer, as many at once as hide a multiply-add's latency.
template <class T, class Finish>
HWY_INLINE void compute_layer(Given<T> in, size_t inputs, Weights<T> w, const T* biases, OnLanes<T> out, size_t units,
                              size_t width, Given<T> active, Finish finish) {
  size_t unit = 0;
  for (; unit + 4 <= units; unit += 4) compute_units<4>(in, inputs, w, biases, out, unit, width, active, finish);
  if (units - unit == 3) compute_units<3>(in, inputs, w, biases, out, unit, width, active, finish);
  if (units - unit == 2) compute_units<2>(in, inputs, w, biases, out, unit, width, active, finish);
  if (units - unit == 1) compute_units<1>(in, inputs, w, biases, out, unit, width, active, finish);
}

/// The chains of the gradients of kInputs x kUnits weights: Σ input * delta over the lanes of a batch, the lanes
/// that are kChains apart in one chain.
template <int kInputs, int kUnits, class T>
HWY_INLINE void sum_tile(Given<T> in, Given<T> delta, size_t width, T* chains, size_t units) {
  const Tag<T> d;
  for (size_t chain = 0; chain < kChains<T>; chain += hn::Lanes(d)) {
    hn::Vec<Tag<T>> sums[kInputs][kUnits];
    for (auto& row : sums) {
      for (auto& sum : row) sum = hn::Zero(d);
    }
    for (size_t lane = chain; lane < width; lane += kChains<T>) {
      hn::Vec<Tag<T>> deltas[kUnits];
      for (int u = 0; u < kUnits; ++u) deltas[u] = hn::Load(d, delta[u] + lane);
      for (int i = 0; i < kInputs; ++i) {
        const auto x = hn::Load(d, in[i] + lane);
        for (int u = 0; u < kUnits; ++u) sums[i][u] = hn::MulAdd(x, deltas[u], sums[i][u]);
      }
    }
    for (int i = 0; i < kInputs; ++i) {
      for (int u = 0; u < kUnits; ++u) hn::Store(sums[i][u], d, chains + (i * units + u) * kChains<T> + chain);
    }
  }
}

template <int kInputs, class T>
HWY_INLINE void sum_rows(Given<T> in, Given<T> delta, size_t width, T* chains, size_t units) {
  size_t u = 0;
  for (; u + 4 <= units; u += 4) sum_tile<kInputs, 4>(in, delta.from(u), width, chains + u * kChains<T>, units);
  if (units - u == 3) sum_tile<kInputs, 3>(in, delta.from(u), width, chains + u * kChains<T>, units);
  if (units - u == 2) sum_tile<kInputs, 2>(in, delta.from(u), width, chains + u * kChains<T>, units);
  if (units - u == 1) sum_tile<kInputs, 1>(in, delta.from(u), width, chains + u * kChains<T>, units);
}

/// Folds in adjacent pairs what lies in kVectors vectors, until one is left: a number for each vector's worth of
/// chains.
template <int kVectors, class D>
HWY_INLINE hn::Vec<D> fold(D d, const hn::TFromD<D>* chains) {
  if constexpr (kVectors == 1) {
    return hn::Load(d, chains);
  } else {
    const auto lo = fold<kVectors / 2>(d, chains);
    const auto hi = fold<kVectors / 2>(d, chains + kVectors / 2 * hn::MaxLanes(d));
    return hn::Add(hn::ConcatEven(d, hi, lo), hn::ConcatOdd(d, hi, lo));
  }
}

/// The gradient of a layer's weights and biases, for a loss that is summed over the batch. in: inputs + 1 vectors.
template <class T>
HWY_NOINLINE void sum_gradient(Given<T> in, Given<T> delta, size_t width, T* chains, Layer<T>& layer) {
  const Tag<T> d;
  const size_t rows = layer.inputs + 1, units = layer.units;
  const size_t rows_at_once = kSummedAtOnce > units ? kSummedAtOnce / units : 1;
  for (size_t begin = 0; begin < rows; begin += rows_at_once) {
    const size_t end = rows - begin < rows_at_once ? rows : begin + rows_at_once;
    size_t i = begin;
    T* to = chains;
    for (; i + 2 <= end; i += 2, to += 2 * units * kChains<T>) {
      sum_rows<2>(in.from(i), delta, width, to, units);
    }
    if (i < end) sum_rows<1>(in.from(i), delta, width, to, units);
    const size_t count = (end - begin) * units;
    T* gradient = layer.gradient.data() + begin * units;
    for (size_t k = 0; k < count; k += hn::Lanes(d)) {
      hn::StoreU(fold<kChains<T>>(d, chains + k * kChains<T>), d, gradient + k);
    }
  }
}

/// Of one bias for all units the gradient is the sum of theirs.
template <class T>
void tie_biases(Layer<T>& layer) {
  T* gradient = layer.gradient.data() + layer.inputs * layer.units;
  T sum = gradient[0];
  for (size_t u = 1; u < layer.units; ++u) sum += gradient[u];
  for (size_t u = 0; u < layer.units; ++u) gradient[u] = sum;
}

/// w -= rate * gradient. Returns whether all weights are finite then.
template <class T>
HWY_NOINLINE bool descend(Layer<T>& layer, T rate) {
  const Tag<T> d;
  const size_t size = layer.size();
  T* weights = layer.weights.data();
  auto none = hn::Zero(d);  // 0 * w is 0, or NaN
  for (size_t k = 0; k < size; k += hn::Lanes(d)) {
    const auto gradient = hn::Load(d, layer.gradient.data() + k);
    const auto w = hn::NegMulAdd(hn::Set(d, rate), gradient, hn::Load(d, weights + k));
    // Beyond the last weight the gradient's array holds anything.
    const auto stored = hn::IfThenElseZero(hn::FirstN(d, size - k), w);
    hn::Store(stored, d, weights + k);
    none = hn::MulAdd(stored, hn::Zero(d), none);
  }
  return hn::AllTrue(d, hn::Eq(none, hn::Zero(d)));
}

/// Turns logits into the loss's derivatives, softmax - one-hot label, and returns the loss, both summed over the batch.
template <class T>
HWY_NOINLINE T softmax_cross_entropy(OnLanes<T> z, const T* labels, size_t classes, size_t width) {
  const Tag<T> d;
  using V = hn::Vec<Tag<T>>;
  alignas(64) T losses[kChains<T>] = {};
  for (size_t lane = 0; lane < width; lane += hn::Lanes(d)) {
    const V label = hn::Load(d, labels + lane), one = hn::Set(d, T(1));
    V largest = hn::Load(d, z[0] + lane);
    for (size_t c = 1; c < classes; ++c) {
      const V logit = hn::Load(d, z[c] + lane);
      largest = hn::IfThenElse(hn::Gt(logit, largest), logit, largest);
    }
    V sum = hn::Zero(d), of_label = largest;
    for (size_t c = 0; c < classes; ++c) {
      const V logit = hn::Load(d, z[c] + lane);
      of_label = hn::IfThenElse(hn::Eq(label, hn::Set(d, static_cast<T>(c))), logit, of_label);
      const V power = exp_of_nonpositive(d, hn::Sub(logit, largest));
      hn::Store(power, d, z[c] + lane);
      sum = hn::Add(sum, power);
    }
    const auto counts = hn::Ge(label, hn::Zero(d));
    const V scale = hn::Div(one, sum);
    for (size_t c = 0; c < classes; ++c) {
      const V share = hn::Mul(hn::Load(d, z[c] + lane), scale);
      const V target = hn::IfThenElseZero(hn::Eq(label, hn::Set(d, static_cast<T>(c))), one);
      hn::Store(hn::IfThenElseZero(counts, hn::Sub(share, target)), d, z[c] + lane);
    }
    // Where the sum is NaN, so are the weights after this step, and nobody sees the loss.
    const V loss = hn::Add(log_from_one(d, sum), hn::Sub(largest, of_label));
    T* chain = losses + lane % kChains<T>;
    hn::Store(hn::Add(hn::Load(d, chain), hn::IfThenElseZero(counts, loss)), d, chain);
  }
  for (size_t half = kChains<T> / 2; half > 0; half /= 2) {
    for (size_t k = 0; k < half; ++k) losses[k] = losses[2 * k] + losses[2 * k + 1];
  }
  return losses[0];
}

/// The hidden units and the logits of a batch, into the network's buffers.
template <class T>
HWY_NOINLINE void forward(Network<T>& network, Given<T> x, size_t width) {
  Layer<T>&first = network.first, &second = network.second;
  const OnLanes<T> h{network.hidden.data(), network.widest}, z{network.outputs.data(), network.widest};
  compute_layer(x, first.inputs, Weights<T>{first.weights.data(), first.units, 1}, first.biases(), h, first.units,
                width, h, Relu());
  compute_layer(h, second.inputs, Weights<T>{second.weights.data(), second.units, 1}, second.biases(), z, second.units,
                width, z, Linear());
}

/// The gradients of both layers, for a loss that is summed over the batch.
template <class T>
HWY_NOINLINE void backward(Network<T>& network, Given<T> x, size_t width) {
  Layer<T>&first = network.first, &second = network.second;
  const OnLanes<T> h{network.hidden.data(), network.widest}, z{network.outputs.data(), network.widest};
  const OnLanes<T> delta{network.backward.data(), network.widest};
  compute_layer(z, second.units, Weights<T>{second.weights.data(), 1, second.units}, static_cast<const T*>(nullptr),
                delta, first.units, width, h, WhereActive());
  sum_gradient(h, z, width, network.chains.data(), second);
  sum_gradient(x, delta, width, network.chains.data(), first);
  if (network.scalar_biases) {
    tie_biases(first);
    tie_biases(second);
  }
}

template <class T>
MlpEpoch epoch(Network<T>& network, const Batches<T>& data, double lr) {
  double losses = 0;
  bool finite = true;
  for (size_t i = 0; i < data.count(); ++i) {
    const double height = static_cast<double>(data.height(i));
    const size_t width = data.width(i);
    forward(network, data.inputs(i), width);
    const OnLanes<T> z{network.outputs.data(), network.widest};
    losses += static_cast<double>(softmax_cross_entropy(z, data.labels(i), network.second.units, width)) / height;
    backward(network, data.inputs(i), width);
    const T rate = static_cast<T>(lr / height);  // of the mean over the batch
    finite = descend(network.first, rate);
    finite = descend(network.second, rate) && finite;
  }
  return {losses / static_cast<double>(data.count()), finite};
}

template <class T>
int64_t count_right(Network<T>& network, const Batches<T>& data) {
  int64_t right = 0;
  for (size_t i = 0; i < data.count(); ++i) {
    forward(network, data.inputs(i), data.width(i));
    const OnLanes<T> z{network.outputs.data(), network.widest};
    for (size_t lane = 0; lane < data.height(i); ++lane) {
      size_t best = 0;
      for (size_t c = 1; c < network.second.units; ++c) {
        if (z[c][lane] > z[best][lane]) best = c;
      }
      right += static_cast<T>(best) == data.labels(i)[lane];
    }
  }
  return right;
}

template <class T>
MlpKernels<T> kernels() {
  return {&epoch<T>, &count_right<T>};
}
