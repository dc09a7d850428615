// The MLP: its shapes, its split, its loss, its refusals. Its trajectories are in golden_test.cpp.

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <factorise/datasets.h>
#include <factorise/mlp.h>

#include <cmath>
#include <limits>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

TEST_CASE("the split keeps every flower once, scaled by mean and variance over all rows", "[mlp]") {
  const Iris flowers = iris(at::kDouble);
  const LabelledSplit data = shuffle_scale_split(flowers.X, flowers.y, 100, 4);
  CHECK(data.train_x.size(0) == 100);
  CHECK(data.validation_x.size(0) == 50);
  const Tensor scaled = (flowers.X - flowers.X.mean(0)) / flowers.X.var(0);
  // As a multiset: the sorted columns are the same.
  const Tensor rows = at::cat({data.train_x, data.validation_x});
  CHECK(at::allclose(std::get<0>(rows.sort(0)), std::get<0>(scaled.sort(0)), 1e-12, 1e-12));
  const Tensor labels = at::cat({data.train_y, data.validation_y});
  CHECK(at::equal(std::get<0>(labels.sort(0)), std::get<0>(flowers.y.sort(0))));
  CHECK_FALSE(at::equal(labels, flowers.y));
  // Rows and labels moved together.
  for (int64_t row = 0; row < 150; ++row) {
    const Tensor distance = (scaled - rows[row]).abs().sum(1);
    const Tensor same = flowers.y.masked_select(distance.lt(1e-9));
    CHECK(same.eq(labels[row]).any().item<bool>());
  }
}

TEST_CASE("shapes of the weights follow the variant", "[mlp]") {
  const Iris flowers = iris();
  const auto shapes = [&](MlpVariant variant) {
    const Mlp mlp = train_mlp(flowers.X, flowers.y, 3, 100, MlpOptions().variant(variant).num_epochs(1).seed(0));
    CHECK(mlp.W1.sizes() == at::IntArrayRef{4, 12});
    CHECK(mlp.W2.sizes() == at::IntArrayRef{12, 3});
    CHECK_FALSE(mlp.W1.requires_grad());
    CHECK(mlp.losses.size() == 1);
    return std::pair(mlp.b1.sizes().vec(), mlp.b2.sizes().vec());
  };
  using Sizes = std::vector<int64_t>;
  CHECK(shapes(MlpVariant::scalar_biases) == std::pair(Sizes{}, Sizes{}));
  CHECK(shapes(MlpVariant::vector_biases) == std::pair(Sizes{12}, Sizes{3}));
  CHECK(shapes(MlpVariant::xavier) == std::pair(Sizes{12}, Sizes{3}));
}

TEST_CASE("the losses are cross-entropies, fall, and the accuracies are what the logits say", "[mlp]") {
  const Iris flowers = iris();
  const LabelledSplit data = shuffle_scale_split(flowers.X, flowers.y, 100, 1);
  const auto options = MlpOptions().variant(MlpVariant::vector_biases).lr(0.1).seed(1);
  const Mlp mlp = train_mlp(data, 3, options);
  REQUIRE(mlp.losses.size() == 100);
  CHECK(mlp.losses.back() < mlp.losses.front());
  // The loss before the first step is that of the untrained network.
  const Mlp start = train_mlp(data, 3, MlpOptions(options).num_epochs(0));
  const Tensor log_p = mlp_logits(start, data.train_x).log_softmax(1);
  const double entropy = -log_p.gather(1, data.train_y.unsqueeze(1)).mean().item<double>();
  CHECK(mlp.losses.front() == Approx(entropy).epsilon(1e-5));
  const Tensor right = mlp_logits(mlp, data.validation_x).argmax(1).eq(data.validation_y);
  CHECK(mlp.validation_accuracy == Approx(right.sum().item<double>() / 50));
}

TEST_CASE("a batch of 16 takes seven steps an epoch of 100 rows, the last with four", "[mlp]") {
  const Iris flowers = iris(at::kDouble);
  const LabelledSplit data = shuffle_scale_split(flowers.X, flowers.y, 100, 2);
  const auto options = MlpOptions().variant(MlpVariant::xavier).seed(2);
  Mlp by_hand = train_mlp(data, 3, MlpOptions(options).num_epochs(0));
  std::vector<Tensor> weights{by_hand.W1, by_hand.b1, by_hand.W2, by_hand.b2};
  for (Tensor& weight : weights) weight = weight.clone().requires_grad_();
  for (int64_t begin = 0; begin < 100; begin += 16) {
    const int64_t height = std::min<int64_t>(16, 100 - begin);
    const Mlp now{weights[0], weights[1], weights[2], weights[3], {}, 0, 0};
    const Tensor log_p = mlp_logits(now, data.train_x.narrow(0, begin, height)).log_softmax(1);
    (-log_p.gather(1, data.train_y.narrow(0, begin, height).unsqueeze(1)).mean()).backward();
    const at::NoGradGuard no_grad;
    for (Tensor& weight : weights) {
      weight.sub_(weight.grad() * 0.01);
      weight.mutable_grad().reset();
    }
  }
  const Mlp once = train_mlp(data, 3, MlpOptions(options).num_epochs(1));
  CHECK(at::allclose(once.W1, weights[0], 1e-12, 1e-12));
  CHECK(at::allclose(once.b2, weights[3], 1e-12, 1e-12));
}

TEST_CASE("one seed is one run, and the global generator serves where there is none", "[mlp]") {
  const Iris flowers = iris();
  const auto options = MlpOptions().num_epochs(3);
  const Mlp seeded = train_mlp(flowers.X, flowers.y, 3, 100, MlpOptions(options).seed(8));
  at::manual_seed(8);
  const Mlp global = train_mlp(flowers.X, flowers.y, 3, 100, options);
  CHECK(at::equal(seeded.W1, global.W1));
  CHECK(at::equal(seeded.W2, global.W2));
}

TEST_CASE("what cannot be trained on is refused", "[mlp]") {
  const Iris flowers = iris();
  const auto said = [&](const Tensor& X, const Tensor& y, int64_t classes, int64_t train, const MlpOptions& options) {
    return sentence_of([&] { train_mlp(X, y, classes, train, options); });
  };
  const Tensor &X = flowers.X, &y = flowers.y;
  CHECK(said(X, y, 3, 150, {}) == "[shuffle_scale_split] train must be between 2 and 149 for 150 rows, but was 150.");
  CHECK(said(X, y.narrow(0, 0, 9), 3, 100, {}) ==
        "[shuffle_scale_split] y must be 150 class numbers (1-D, int64), but was 9 (1-D), Long.");
  CHECK(said(X, y.to(at::kInt), 3, 100, {}) ==
        "[shuffle_scale_split] y must be 150 class numbers (1-D, int64), but was 150 (1-D), Int.");
  CHECK(said(X.to(at::kLong), y, 3, 100, {}) == "[shuffle_scale_split] X must be float32 or float64, but was Long.");
  CHECK(said(at::zeros({150, 4}), y, 3, 100, {}) ==
        "[shuffle_scale_split] every column of X must vary, but one has variance 0.");
  CHECK(said(X, y, 2, 100, MlpOptions().seed(0)) ==
        "[train_mlp] y must hold class numbers from 0 to 1, but holds 0 to 2.");
  CHECK(said(X, y, 3, 100, MlpOptions().lr(0)) == "[train_mlp] lr must be a finite number above 0, but was 0.");
  CHECK(said(X, y, 3, 100, MlpOptions().num_epochs(-1)) == "[train_mlp] num_epochs must be at least 0, but was -1.");
  CHECK(said(X, y, 3, 100, MlpOptions().hidden(0)) == "[train_mlp] hidden must be at least 1, but was 0.");
  CHECK_THROWS_AS(train_mlp(X, y, 3, 100, MlpOptions().lr(1e38).seed(0)), DivergenceError);
}
