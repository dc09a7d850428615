// The MLP of lab 2: its data, its start and its two engines, ATen and autograd as the sheet and the reports write it in
// Python, and the fused kernel.

#include <factorise/mlp.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "cpu/mlp.h"
#include "core/checks.h"
#include "core/driver.h"

namespace factorise {
namespace {

constexpr char kTrain[] = "train_mlp";
constexpr char kSplit[] = "shuffle_scale_split";
constexpr char kSmallerLr[] = "a smaller lr";
constexpr int64_t kBatch = 16;                      // of the Xavier variant
constexpr int64_t kReserved = int64_t{1} << 16;     // losses, so that epochs allocate nothing
constexpr int64_t kMostClasses = int64_t{1} << 24;  // float32 holds their numbers exactly

using MaybeGenerator = std::optional<at::Generator>;

MaybeGenerator generator_of(const std::optional<uint64_t>& seed) {
  return seed ? MaybeGenerator(at::detail::createCPUGenerator(*seed)) : std::nullopt;
}

void check_rows(const char* function, const Tensor& X, const Tensor& y) {
  check_matrix(function, "X", X);
  TORCH_CHECK_VALUE(X.scalar_type() == at::kFloat || X.scalar_type() == at::kDouble, "[", function,
                    "] X must be float32 or float64, but was ", X.scalar_type(), ".");
  TORCH_CHECK_VALUE(y.defined() && y.dim() == 1 && y.size(0) == X.size(0) && y.scalar_type() == at::kLong, "[",
                    function, "] y must be ", X.size(0), " class numbers (1-D, int64), but was ",
                    y.defined() ? c10::str(shape_of(y), ", ", y.scalar_type()) : "undefined", ".");
  TORCH_CHECK_VALUE(y.device() == X.device(), "[", function, "] y must be on X's device ", X.device(), ", but was on ",
                    y.device(), ".");
  TORCH_CHECK_VALUE(X.isfinite().all().item<bool>(), "[", function, "] X must be finite, but holds NaN or infinity.");
}

LabelledSplit split(const Tensor& X, const Tensor& y, int64_t train, const MaybeGenerator& generator) {
  const at::NoGradGuard no_grad;
  check_rows(kSplit, X, y);
  TORCH_CHECK_VALUE(train >= 2 && train < X.size(0), "[", kSplit, "] train must be between 2 and ", X.size(0) - 1,
                    " for ", X.size(0), " rows, but was ", train, ".");
  const Tensor order = at::randperm(X.size(0), generator, at::TensorOptions(at::kLong)).to(X.device());
  const Tensor x = X.detach().index_select(0, order), labels = y.index_select(0, order);
  // By the variance, as the sheet has it, not by its root.
  const Tensor scaled = (x - x.mean(0)) / x.var(0);
  TORCH_CHECK_VALUE(scaled.isfinite().all().item<bool>(), "[", kSplit,
                    "] every column of X must vary, but one has variance 0.");
  const int64_t rest = X.size(0) - train;
  return {scaled.narrow(0, 0, train), labels.narrow(0, 0, train), scaled.narrow(0, train, rest),
          labels.narrow(0, train, rest)};
}

/// W1, b1, W2, b2.
using Weights = std::vector<Tensor>;

/// As the variant starts them, each with memory of its own.
Weights draw_weights(int64_t features, int64_t classes, const MlpOptions& options, const at::TensorOptions& type,
                     const MaybeGenerator& generator) {
  const bool xavier = options.variant() == MlpVariant::xavier;
  const bool scalar = options.variant() == MlpVariant::scalar_biases;
  const auto on_cpu = type.device(at::kCPU);
  Weights weights;
  for (const auto& [in, out] : {std::pair(features, options.hidden()), std::pair(options.hidden(), classes)}) {
    const double scale = 1 / std::sqrt(static_cast<double>(in));
    const Tensor weight = at::randn({in, out}, generator, on_cpu);
    weights.push_back(xavier ? weight * scale : weight);
    if (xavier) {
      weights.push_back(at::randn({out}, generator, on_cpu) * scale);
    } else {
      weights.push_back(scalar ? at::zeros({}, on_cpu) : at::zeros({out}, on_cpu));
    }
  }
  for (Tensor& weight : weights) weight = weight.to(type.device());
  return weights;
}

Tensor logits_of(const Tensor& W1, const Tensor& b1, const Tensor& W2, const Tensor& b2, const Tensor& X) {
  return (X.matmul(W1) + b1).relu().matmul(W2) + b2;
}

int64_t batch_of(const LabelledSplit& data, const MlpOptions& options) {
  return options.variant() == MlpVariant::xavier ? kBatch : data.train_x.size(0);
}

/// One plain gradient step on a batch; returns the loss before it.
double step(const Weights& weights, const Tensor& X, const Tensor& y, double lr) {
  const Tensor loss = at::cross_entropy_loss(logits_of(weights[0], weights[1], weights[2], weights[3], X), y);
  loss.backward();
  const at::NoGradGuard no_grad;
  for (const Tensor& weight : weights) {
    weight.sub_(weight.grad() * lr);
    weight.mutable_grad().reset();
  }
  return loss.item<double>();
}

double accuracy(const Mlp& mlp, const Tensor& X, const Tensor& y) {
  return mlp_logits(mlp, X).argmax(1).eq(y).to(at::kDouble).mean().item<double>();
}

/// Reference engine: ATen and autograd, line for line.
Mlp train_reference(const LabelledSplit& data, const MlpOptions& options, const Weights& weights) {
  const at::AutoGradMode with_grad(true);
  const Tensor &X = data.train_x, &y = data.train_y;
  for (const Tensor& weight : weights) weight.requires_grad_();
  const int64_t rows = X.size(0), batch = batch_of(data, options);
  Mlp mlp;
  for (int64_t epoch = 1; epoch <= options.num_epochs(); ++epoch) {
    if (options.stop() && options.stop()(epoch - 1)) break;
    double sum = 0;
    int64_t batches = 0;
    for (int64_t begin = 0; begin < rows; begin += batch, ++batches) {
      const int64_t height = std::min(batch, rows - begin);
      sum += step(weights, X.narrow(0, begin, height), y.narrow(0, begin, height), options.lr());
    }
    mlp.losses.push_back(sum / static_cast<double>(batches));
    check_finite(kTrain, {weights[0], weights[1], weights[2], weights[3]}, epoch, kSmallerLr);
  }
  mlp.W1 = weights[0].detach();
  mlp.b1 = weights[1].detach();
  mlp.W2 = weights[2].detach();
  mlp.b2 = weights[3].detach();
  mlp.train_accuracy = accuracy(mlp, X, y);
  mlp.validation_accuracy = accuracy(mlp, data.validation_x, data.validation_y);
  return mlp;
}

/// Between a layer's tensors and the kernel's rows of weights, whose last holds the biases.
template <class T>
void take(cpu::Layer<T>& layer, const Tensor& W, const Tensor& b) {
  std::copy_n(W.const_data_ptr<T>(), W.numel(), layer.weights.data());
  for (size_t u = 0; u < layer.units; ++u) layer.biases()[u] = b.const_data_ptr<T>()[b.dim() == 0 ? 0 : u];
}
template <class T>
void give(cpu::Layer<T>& layer, const Tensor& W, const Tensor& b) {
  std::copy_n(layer.weights.data(), W.numel(), W.mutable_data_ptr<T>());
  std::copy_n(layer.biases(), b.numel(), b.mutable_data_ptr<T>());
}

template <class T>
cpu::Batches<T> batches_of(const Tensor& X, const Tensor& y, int64_t batch) {
  const Tensor rows = X.detach().contiguous(), labels = y.contiguous();
  return {rows.const_data_ptr<T>(), labels.const_data_ptr<int64_t>(), static_cast<size_t>(rows.size(0)),
          static_cast<size_t>(rows.size(1)), static_cast<size_t>(batch)};
}

/// Fused engine: writes the trained weights into those given.
template <class T>
Mlp train_fused(const LabelledSplit& data, const MlpOptions& options, const Weights& weights) {
  const int64_t batch = batch_of(data, options);
  const auto training = batches_of<T>(data.train_x, data.train_y, batch);
  const auto validation = batches_of<T>(data.validation_x, data.validation_y, batch);
  cpu::Network<T> network(static_cast<size_t>(weights[0].size(0)), static_cast<size_t>(weights[0].size(1)),
                          static_cast<size_t>(weights[2].size(1)), options.variant() == MlpVariant::scalar_biases,
                          std::max(training.widest(), validation.widest()));
  take(network.first, weights[0], weights[1]);
  take(network.second, weights[2], weights[3]);
  const cpu::MlpKernels<T> kernels = cpu::mlp_kernels<T>(cpu::chosen_isa());
  Mlp mlp{weights[0], weights[1], weights[2], weights[3], {}, 0, 0};
  mlp.losses.reserve(static_cast<size_t>(std::min(options.num_epochs(), kReserved)));
  for (int64_t epoch = 1; epoch <= options.num_epochs(); ++epoch) {
    if (options.stop() && options.stop()(epoch - 1)) break;
    const auto [loss, finite] = kernels.epoch(network, training, options.lr());
    mlp.losses.push_back(loss);
    if (!finite) refuse_divergence(kTrain, epoch, kSmallerLr);
  }
  give(network.first, mlp.W1, mlp.b1);
  give(network.second, mlp.W2, mlp.b2);
  const auto share_right = [&](const cpu::Batches<T>& rows, const Tensor& y) {
    return static_cast<double>(kernels.count_right(network, rows)) / static_cast<double>(y.size(0));
  };
  mlp.train_accuracy = share_right(training, data.train_y);
  mlp.validation_accuracy = share_right(validation, data.validation_y);
  return mlp;
}

Mlp train(const LabelledSplit& data, int64_t classes, const MlpOptions& options, const MaybeGenerator& generator) {
  const Weights weights = draw_weights(data.train_x.size(1), classes, options, data.train_x.options(), generator);
  if (options.engine() == Engine::reference || !data.train_x.is_cpu()) return train_reference(data, options, weights);
  return data.train_x.scalar_type() == at::kFloat ? train_fused<float>(data, options, weights)
                                                  : train_fused<double>(data, options, weights);
}

void check_options(int64_t classes, const MlpOptions& options) {
  check_epochs(kTrain, options.num_epochs(), options.lr(), 1);
  TORCH_CHECK_VALUE(options.hidden() >= 1, "[", kTrain, "] hidden must be at least 1, but was ", options.hidden(), ".");
  TORCH_CHECK_VALUE(classes >= 1 && classes <= kMostClasses, "[", kTrain, "] classes must be between 1 and ",
                    kMostClasses, ", but was ", classes, ".");
}

void check_labels(const Tensor& y, int64_t classes) {
  const auto [lowest, highest] = y.aminmax();
  const auto low = lowest.item<int64_t>(), high = highest.item<int64_t>();
  TORCH_CHECK_VALUE(low >= 0 && high < classes, "[", kTrain, "] y must hold class numbers from 0 to ", classes - 1,
                    ", but holds ", low, " to ", high, ".");
}

void check_split(const LabelledSplit& data, int64_t classes) {
  check_rows(kTrain, data.train_x, data.train_y);
  check_rows(kTrain, data.validation_x, data.validation_y);
  TORCH_CHECK_VALUE(data.validation_x.size(1) == data.train_x.size(1), "[", kTrain,
                    "] validation_x must have train_x's ", data.train_x.size(1), " columns, but was ",
                    shape_of(data.validation_x), ".");
  TORCH_CHECK_VALUE(data.validation_x.scalar_type() == data.train_x.scalar_type() &&
                        data.validation_x.device() == data.train_x.device(),
                    "[", kTrain, "] validation_x must have train_x's type and device, but was ",
                    data.validation_x.scalar_type(), " on ", data.validation_x.device(), ".");
  check_labels(data.train_y, classes);
  check_labels(data.validation_y, classes);
}

}  // namespace

LabelledSplit shuffle_scale_split(const Tensor& X, const Tensor& y, int64_t train, std::optional<uint64_t> seed) {
  const PlainComputation plain;
  return split(X, y, train, generator_of(seed));
}

Tensor mlp_logits(const Mlp& mlp, const Tensor& X) { return logits_of(mlp.W1, mlp.b1, mlp.W2, mlp.b2, X); }

Mlp train_mlp(const LabelledSplit& data, int64_t classes, const MlpOptions& options) {
  const PlainComputation plain;
  check_options(classes, options);
  check_split(data, classes);
  return train(data, classes, options, generator_of(options.seed()));
}

Mlp train_mlp(const Tensor& X, const Tensor& y, int64_t classes, int64_t train_rows, const MlpOptions& options) {
  const PlainComputation plain;
  const MaybeGenerator generator = generator_of(options.seed());
  const LabelledSplit data = split(X, y, train_rows, generator);
  check_options(classes, options);
  check_labels(y, classes);
  return train(data, classes, options, generator);
}

}  // namespace factorise
