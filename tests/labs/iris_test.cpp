// Iris: the UCI file's rows, and what lab 2 computes from them.

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/tensor.h>
#include <factorise/datasets.h>

#include "catch.h"

using namespace factorise;
using tests::contains;

namespace {

Tensor doubles(std::initializer_list<double> values) {
  return at::tensor(at::ArrayRef<double>(values), at::TensorOptions(at::kDouble));
}

}  // namespace

TEST_CASE("iris is 150 flowers of three species", "[iris]") {
  const Iris data = iris();
  CHECK(data.X.sizes() == at::IntArrayRef({150, 4}));
  CHECK(data.X.scalar_type() == at::kFloat);
  CHECK(data.y.scalar_type() == at::kLong);
  CHECK(at::equal(data.y.bincount(), at::tensor({50, 50, 50}, at::TensorOptions(at::kLong))));
  CHECK(data.y.slice(0, 0, 50).eq(0).all().item<bool>());
  CHECK(data.y.slice(0, 100, 150).eq(2).all().item<bool>());
  CHECK(data.features == std::vector<std::string>{"sepal_length", "sepal_width", "petal_length", "petal_width"});
  CHECK(data.species == std::vector<std::string>{"Iris-setosa", "Iris-versicolor", "Iris-virginica"});
}

TEST_CASE("iris is the UCI file, not a copy that differs in rows 34 and 37", "[iris]") {
  const Tensor X = iris(at::kDouble).X;
  CHECK(at::equal(X[0], doubles({5.1, 3.5, 1.4, 0.2})));
  CHECK(at::equal(X[34], doubles({4.9, 3.1, 1.5, 0.1})));
  CHECK(at::equal(X[37], doubles({4.9, 3.1, 1.5, 0.1})));
  CHECK(at::equal(X[149], doubles({5.9, 3.0, 5.1, 1.8})));
  // The sums of one-decimal numbers, so rounding aside exact: 876.5, 458.1, 563.8, 179.8.
  CHECK(at::allclose(X.mean(0), doubles({876.5 / 150, 458.1 / 150, 563.8 / 150, 179.8 / 150}), 1e-14, 0));
}

TEST_CASE("what rank 2 leaves of centred iris is the labs' 15.2288333", "[iris]") {
  const Tensor X = iris(at::kDouble).X;
  const Tensor S = std::get<1>(at::linalg_svd(X - X.mean(0), /*full_matrices=*/false));
  CHECK(S.slice(0, 2).square().sum().item<double>() == Approx(15.2288333).margin(5e-8));
}

TEST_CASE("float32 iris is float64 iris, rounded", "[iris]") {
  CHECK(at::equal(iris(at::kFloat).X, iris(at::kDouble).X.to(at::kFloat)));
  CHECK(at::equal(iris(at::kFloat).y, iris(at::kDouble).y));
}

TEST_CASE("other types are refused", "[iris]") {
  for (auto dtype : {at::kHalf, at::kBFloat16, at::kLong, at::kBool, at::kComplexFloat}) {
    CHECK_THROWS_AS(iris(dtype), c10::ValueError);
  }
  CHECK_THROWS_WITH(iris(at::kHalf), contains("[iris] dtype must be float32 or float64, but was Half"));
}
