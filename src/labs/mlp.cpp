// The MLP of lab 2: its data, its start, one run in ATen and autograd as the sheet and the reports write it in Python,
// and runs from many seeds at once by batched products.

#include <factorise/mlp.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/threshold_backward.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "core/checks.h"
#include "core/driver.h"
#include "methods/side_by_side.h"

namespace factorise {
namespace {

constexpr char kTrain[] = "train_mlp";
constexpr char kSplit[] = "shuffle_scale_split";
constexpr char kSmallerLr[] = "a smaller lr";
constexpr int64_t kBatch = 16;                      // of the Xavier variant
constexpr int64_t kMostClasses = int64_t{1} << 24;  // float32 holds their numbers exactly
constexpr double kAtOnce = 1 << 19;                 // numbers in the layers of the runs that are trained at once

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
  // Divides by the variance, as the sheet does, not by its root.
  const Tensor scaled = (x - x.mean(0)) / x.var(0);
  TORCH_CHECK_VALUE(scaled.isfinite().all().item<bool>(), "[", kSplit,
                    "] every column of X must vary, but one has variance 0.");
  const int64_t rest = X.size(0) - train;
  return {scaled.narrow(0, 0, train), labels.narrow(0, 0, train), scaled.narrow(0, train, rest),
          labels.narrow(0, train, rest)};
}

/// W1, b1, W2, b2.
using Weights = std::vector<Tensor>;

/// The starting values of the variant, each in memory of its own.
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

Tensor logits_of(const Weights& weights, const Tensor& X) {
  return (X.matmul(weights[0]) + weights[1]).relu().matmul(weights[2]) + weights[3];
}

/// One plain gradient step on a batch; returns the loss before it.
double step(const Weights& weights, const Tensor& X, const Tensor& y, double lr) {
  const Tensor loss = at::cross_entropy_loss(logits_of(weights, X), y);
  loss.backward();
  const at::NoGradGuard no_grad;
  for (const Tensor& weight : weights) {
    weight.sub_(weight.grad() * lr);
    weight.mutable_grad().reset();
  }
  return loss.item<double>();
}

/// Calls step(begin, height) on the rows of each batch; returns the mean of the losses that step() returns.
template <class Step>
auto mean_over_batches(int64_t rows, const MlpOptions& options, Step step) {
  const int64_t batch = options.variant() == MlpVariant::xavier ? kBatch : rows;
  auto sum = step(0, std::min(batch, rows));
  int64_t batches = 1;
  for (int64_t begin = batch; begin < rows; begin += batch, ++batches)
    sum += step(begin, std::min(batch, rows - begin));
  return sum / static_cast<double>(batches);
}

double accuracy(const Mlp& mlp, const Tensor& X, const Tensor& y) {
  return mlp_logits(mlp, X).argmax(1).eq(y).to(at::kDouble).mean().item<double>();
}

Mlp train(const LabelledSplit& data, int64_t classes, const MlpOptions& options, const MaybeGenerator& generator) {
  const at::AutoGradMode with_grad(true);
  const Tensor &X = data.train_x, &y = data.train_y;
  const Weights weights = draw_weights(X.size(1), classes, options, X.options(), generator);
  for (const Tensor& weight : weights) weight.requires_grad_();
  Mlp mlp;
  for (int64_t epoch = 1; epoch <= options.num_epochs(); ++epoch) {
    if (options.stop() && options.stop()(epoch - 1)) break;
    mlp.losses.push_back(mean_over_batches(X.size(0), options, [&](int64_t begin, int64_t height) {
      return step(weights, X.narrow(0, begin, height), y.narrow(0, begin, height), options.lr());
    }));
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

/// Runs from several seeds, trained at once by batched products. Their tensors are stacked along the first dimension,
/// and rows lie along the last one, where a softmax over few classes is fast.
class RunsAtOnce {
 public:
  RunsAtOnce(const Tensor& X, const Tensor& y, int64_t classes, int64_t train, at::ArrayRef<uint64_t> seeds,
             const MlpOptions& options)
      : options_(options) {
    std::array<std::vector<Tensor>, 4> parts, starts;
    for (const uint64_t seed : seeds) {
      const MaybeGenerator generator = generator_of(seed);
      const LabelledSplit own = split(X, y, train, generator);
      const Weights start = draw_weights(X.size(1), classes, options, X.options(), generator);
      const Tensor part[] = {own.train_x.t(), own.train_y, own.validation_x.t(), own.validation_y};
      for (size_t k = 0; k < 4; ++k) {
        parts[k].push_back(part[k]);
        starts[k].push_back(start[k].dim() == 2 ? start[k] : start[k].view({-1, 1}));
      }
    }
    data_ = {at::stack(parts[0]), at::stack(parts[1]), at::stack(parts[2]), at::stack(parts[3])};
    for (const auto& start : starts) weights_.push_back(at::stack(start));
  }

  /// Trains all runs and writes their results in the order of the seeds; writes none where `stop` ends them.
  void train(const StopRequest& stop, std::span<MlpRun> runs) {
    for (int64_t epoch = 1; epoch <= options_.num_epochs(); ++epoch) {
      if (stop && stop(epoch - 1)) return;
      const Tensor loss = mean_over_batches(data_.train_x.size(2), options_, [&](int64_t begin, int64_t height) {
        return step(data_.train_x.narrow(2, begin, height), data_.train_y.narrow(1, begin, height));
      });
      note(epoch, loss.cpu(), finite().cpu(), runs);
    }
    const Tensor training = accuracy(data_.train_x, data_.train_y).cpu();
    const Tensor validation = accuracy(data_.validation_x, data_.validation_y).cpu();
    for (size_t i = 0; i < runs.size(); ++i) {
      if (runs[i].diverged_at > 0) continue;
      Mlp& mlp = runs[i].mlp;
      const auto own = [&](size_t k) { return weights_[k][static_cast<int64_t>(i)].clone(); };
      const bool scalar = options_.variant() == MlpVariant::scalar_biases;
      const auto own_bias = [&](size_t k) { return scalar ? own(k).squeeze() : own(k).squeeze(1); };
      mlp = {own(0),
             own_bias(1),
             own(2),
             own_bias(3),
             std::move(mlp.losses),
             training.const_data_ptr<double>()[i],
             validation.const_data_ptr<double>()[i]};
    }
  }

 private:
  struct Layers {
    Tensor hidden, logits;
  };
  /// Wᵀ X + b of each layer.
  Layers layers_of(const Tensor& X) const {
    const Tensor hidden = weights_[1].baddbmm(weights_[0].mT(), X).relu_();
    return {hidden, weights_[3].baddbmm(weights_[2].mT(), hidden)};
  }

  /// One plain gradient step on a batch of each run; returns their losses before it.
  Tensor step(const Tensor& X, const Tensor& y) {
    const auto [hidden, logits] = layers_of(X);
    const Tensor log_p = logits.log_softmax(1), label = y.unsqueeze(1);
    const Tensor loss = -log_p.gather(1, label).mean({1, 2}, /*keepdim=*/false, at::kDouble);
    // The gradient of the sum over the rows; the step divides by their number.
    const Tensor by_logits = log_p.exp().scatter_(1, label, -1, "add");
    const Tensor by_hidden = at::threshold_backward(weights_[2].bmm(by_logits), hidden, 0);
    const double scale = -options_.lr() / static_cast<double>(X.size(2));
    const auto descend = [&](const Tensor& W, const Tensor& b, const Tensor& inputs, const Tensor& by_units) {
      W.baddbmm_(inputs, by_units.mT(), 1, scale);
      b.add_(by_units.sum_to_size(b.sizes()), scale);
    };
    descend(weights_[0], weights_[1], X, by_hidden);
    descend(weights_[2], weights_[3], hidden, by_logits);
    return loss;
  }

  /// For each run, whether all its weights are finite.
  Tensor finite() const {
    std::vector<Tensor> flat;
    for (const Tensor& weight : weights_) flat.push_back(weight.flatten(1));
    return at::cat(flat, 1).isfinite().all(1);
  }

  static void note(int64_t epoch, const Tensor& loss, const Tensor& finite, std::span<MlpRun> runs) {
    for (size_t i = 0; i < runs.size(); ++i) {
      if (runs[i].diverged_at > 0) continue;
      runs[i].mlp.losses.push_back(loss.const_data_ptr<double>()[i]);
      if (!finite.const_data_ptr<bool>()[i]) runs[i] = {.mlp = {}, .diverged_at = epoch};
    }
  }

  Tensor accuracy(const Tensor& X, const Tensor& y) const {
    return layers_of(X).logits.argmax(1).eq(y).to(at::kDouble).mean(1);
  }

  const MlpOptions& options_;
  LabelledSplit data_;
  Weights weights_;  // biases as columns
};

void check_options(int64_t classes, const MlpOptions& options) {
  check_epochs(kTrain, options.num_epochs(), 1);
  check_lr(kTrain, options.lr());
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

Tensor mlp_logits(const Mlp& mlp, const Tensor& X) { return logits_of({mlp.W1, mlp.b1, mlp.W2, mlp.b2}, X); }

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

std::vector<MlpRun> train_mlp_runs(const Tensor& X, const Tensor& y, int64_t classes, int64_t train_rows,
                                   at::ArrayRef<uint64_t> seeds, const MlpOptions& options,
                                   const RunsCallback& on_runs) {
  TORCH_CHECK_VALUE(!options.seed(), "[train_mlp_runs] seed must not be set: each run has its own, of seeds.");
  // A run of no epochs, which only checks the arguments.
  train_mlp(X, y, classes, train_rows,
            MlpOptions(options).num_epochs(std::min<int64_t>(options.num_epochs(), 0)).seed(0).stop(nullptr));
  const double numbers = static_cast<double>(X.size(0)) * static_cast<double>(X.size(1) + options.hidden() + classes);
  const auto most = static_cast<int64_t>(std::max(1.0, kAtOnce / numbers)), total = static_cast<int64_t>(seeds.size());
  const int threads = X.is_cpu() && most > 1 ? std::max(1, at::get_num_threads()) : 0;
  // As many parts as runs at a time need, rounded up to the same number of parts for each thread.
  const int64_t at_a_time = most * std::max(1, threads);
  const int64_t parts = std::min(total, (total + at_a_time - 1) / at_a_time * std::max(1, threads));
  const auto first_of = [&](int64_t part) { return parts > 0 ? part * total / parts : 0; };
  std::vector<MlpRun> runs(seeds.size());
  RunsCallback on_parts;
  if (on_runs) on_parts = [&](int64_t done, int64_t) { on_runs(first_of(done), total); };
  const auto train_part = [&](int64_t part, const StopRequest& stop) {
    const PlainComputation plain;
    const at::NoGradGuard no_grad;
    const auto begin = static_cast<size_t>(first_of(part)), count = static_cast<size_t>(first_of(part + 1)) - begin;
    RunsAtOnce(X, y, classes, train_rows, seeds.slice(begin, count), options).train(stop, {runs.data() + begin, count});
  };
  const int64_t finished = for_each_run(parts, threads, options.stop(), on_parts, train_part);
  runs.resize(static_cast<size_t>(first_of(finished)));
  return runs;
}

}  // namespace factorise
