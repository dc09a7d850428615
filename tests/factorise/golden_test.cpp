// The trajectories that Python wrote (tests/golden/write_golden.py): the sheet's own code, several seeds, both types.
// Those written by the torch at hand must be equal bit for bit; those in the repository come from another machine,
// whose BLAS adds in another order, and must be equal to a tolerance.

#include <ATen/ops/allclose.h>
#include <ATen/ops/scalar_tensor.h>
#include <factorise/datasets.h>
#include <factorise/io.h>
#include <factorise/mlp.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "catch.h"
#include "methods.h"
#include "places.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

using Tensors = std::vector<Tensor>;

/// One golden file: what Python computed, by name, and what it computed it from.
struct Golden {
  std::map<std::string, Tensor> tensors;
  uint64_t seed;
  c10::ScalarType type;

  Golden(const std::filesystem::path& folder, c10::ScalarType dtype, uint64_t seed_) : seed(seed_), type(dtype) {
    const std::string name =
        std::string("golden_") + (type == at::kDouble ? "float64_" : "float32_") + std::to_string(seed) + ".pt";
    for (auto& [key, tensor] : named_tensors(load_pt(folder / name))) tensors[key] = tensor;
  }
};

/// Python's bits are the reference engine's.
template <class Options>
Options reference() {
  return Options().engine(Engine::reference);
}

/// What this library computes under each of the script's names.
std::map<std::string, Tensors> computed(const Golden& golden) {
  const uint64_t seed = golden.seed;
  const Tensor A = lab1_matrix(golden.type), M = lab1_mask();
  const Tensor R = golden.tensors.at("ratings"), observed = golden.tensors.at("observed");
  const Iris flowers = iris(golden.type);
  const Tensor centred = flowers.X - flowers.X.mean(0);
  const auto pair = [](const Factors& factors) { return Tensors{factors.U, factors.V}; };
  const auto mlp = [&](MlpVariant variant, int64_t num_epochs, double lr) {
    const auto options = MlpOptions().variant(variant).num_epochs(num_epochs).lr(lr).seed(seed);
    const Mlp trained = train_mlp(flowers.X, flowers.y, 3, 100, options);
    return Tensors{trained.W1,
                   trained.b1,
                   trained.W2,
                   trained.b2,
                   at::scalar_tensor(trained.train_accuracy, at::kDouble),
                   at::scalar_tensor(trained.validation_accuracy, at::kDouble)};
  };
  return {
      {"sgd_factorise", pair(sgd_factorise(A, 2, reference<SgdOptions>().seed(seed)))},
      {"sgd_factorise_masked", pair(sgd_factorise_masked(A, M, 2, reference<SgdOptions>().seed(seed)))},
      {"sgd_ratings", pair(sgd_factorise_masked(R, observed, 5, reference<SgdOptions>().seed(seed).num_epochs(3)))},
      {"sgd_ratings_rank9",
       pair(sgd_factorise_masked(R, observed, 9, reference<SgdOptions>().seed(seed).num_epochs(2).lr(0.005)))},
      {"sgd_decay",
       pair(sgd_factorise_masked(R, observed, 4,
                                 reference<SgdOptions>().seed(seed).num_epochs(3).weight_decay(0.1).lr_decay(0.9)))},
      {"gd_factorise_masked",
       pair(gd_factorise_masked(R, observed, 5, reference<GdOptions>().seed(seed).num_epochs(200).lr(1e-3)))},
      {"gd_factorise_ad", pair(gd_factorise_ad(centred, 2, reference<AdOptions>().seed(seed)))},
      {"gd_factorise_ad_rank4", pair(gd_factorise_ad(centred, 4, reference<AdOptions>().seed(seed).num_epochs(300)))},
      {"gd_factorise_ad_norm", pair(gd_factorise_ad(centred, 2, reference<AdOptions>().seed(seed).loss(AdLoss::norm)))},
      {"mlp_scalar_biases", mlp(MlpVariant::scalar_biases, 100, 0.01)},
      {"mlp_vector_biases", mlp(MlpVariant::vector_biases, 100, 0.1)},
      {"mlp_xavier", mlp(MlpVariant::xavier, 20, 0.01)},
  };
}

template <class Compare>
void compare_all(const std::filesystem::path& folder, Compare compare) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const uint64_t seed : {0, 1, 2}) {
      const Golden golden(folder, type, seed);
      size_t compared = 2;  // ratings and observed
      for (const auto& [name, tensors] : computed(golden)) {
        for (size_t i = 0; i < tensors.size(); ++i, ++compared) {
          INFO(name << "." << i << " seed " << seed << " " << type);
          const Tensor& expected = golden.tensors.at(name + "." + std::to_string(i));
          REQUIRE(tensors[i].sizes() == expected.sizes());
          REQUIRE(tensors[i].scalar_type() == expected.scalar_type());
          compare(tensors[i], expected);
        }
      }
      CHECK(compared == golden.tensors.size());
    }
  }
}

}  // namespace

TEST_CASE("the reference engine has the bits of the sheet's Python on the same torch", "[golden]") {
  const std::filesystem::path folder = std::filesystem::path(kOutputFolder) / "golden";
  if (!std::filesystem::exists(folder)) {
    std::puts("skipped: no python3 with torch wrote trajectories on this machine");
    return;
  }
  compare_all(folder, [](const Tensor& ours, const Tensor& python) { CHECK(at::equal(ours, python)); });
}

TEST_CASE("the recorded trajectories are equal to rounding", "[golden]") {
  // Rounding differences of 6e-8 and 1e-16 at each step grow along up to 1000 epochs of descent.
  compare_all(std::filesystem::path(kTestsFolder) / "golden", [](const Tensor& ours, const Tensor& recorded) {
    const double tolerance = recorded.scalar_type() == at::kFloat ? 1e-3 : 1e-10;
    CHECK(at::allclose(ours, recorded, tolerance, tolerance));
  });
}
