// The kernels of full-batch descent: the same bits on every instruction set, number of threads, cut into tasks and form
// of A, over shapes around cells, blocks, tiles and segments. The contract's plain loops are the referee.

#include "cpu/gd/gd_passes.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/where.h>

#include "catch.h"
#include "sandbox.h"

namespace factorise::cpu {

using at::Tensor;
using tests::Variable;

namespace {

/// A problem in all of its forms, the same on every call.
struct Sample {
  int64_t rows, columns, rank;
  Tensor A, observed, bytes, U, V;

  Sample(int64_t m, int64_t n, int64_t r, double density, c10::ScalarType type) : rows(m), columns(n), rank(r) {
    at::manual_seed(m * 7919 + n * 31 + r);
    A = at::randint(-3, 6, {m, n}, at::TensorOptions(type));
    observed = at::rand({m, n}).lt(density);
    bytes = at::where(observed, A, A.new_full({}, kMissing)).to(at::kChar);
    U = at::randn({m, r}, at::TensorOptions(type));
    V = at::randn({n, r}, at::TensorOptions(type));
  }
};

enum class Form { values, masked, bytes };

template <class T>
GdRatings<T> ratings_of(const Sample& sample, Form form) {
  GdRatings<T> A;
  A.rows = sample.rows;
  A.columns = A.stride = sample.columns;
  if (form == Form::bytes) {
    A.bytes = sample.bytes.const_data_ptr<int8_t>();
  } else {
    A.values = sample.A.const_data_ptr<T>();
    if (form == Form::masked) A.observed = sample.observed.const_data_ptr<bool>();
  }
  return A;
}

struct Results {
  Tensor by_rows, by_columns, advanced;
  double error, error_alone;

  bool operator==(const Results& other) const {
    return at::equal(by_rows, other.by_rows) && at::equal(by_columns, other.by_columns) &&
           at::equal(advanced, other.advanced) && error == other.error && error_alone == other.error_alone;
  }
};

/// Everything the passes compute, the factors that are multiplied being others than those of the error.
template <class T>
Results results(const Sample& sample, Form form, const std::string& isa, int64_t threads) {
  const Variable force("FACTORISE_ISA", isa);
  Crew crew(threads);
  GdPasses<T> passes(crew, ratings_of<T>(sample, form), sample.rank);
  const Tensor X = to_groups<T>(sample.U, kBlockRows), Y = to_groups<T>(sample.V, kLanes<T>);
  const Tensor X2 = to_groups<T>(sample.U.square(), kBlockRows), Y2 = to_groups<T>(sample.V.cos(), kLanes<T>);
  Results r{at::empty_like(X), at::empty_like(Y), at::empty_like(X), 0, 0};
  const T *x = X.const_data_ptr<T>(), *y = Y.const_data_ptr<T>();
  r.error = passes.gather_with_error(x, y, Y2.const_data_ptr<T>(), r.by_rows.template mutable_data_ptr<T>());
  r.error_alone = passes.gather_with_error(x, y, y, nullptr);
  passes.scatter(x, X2.const_data_ptr<T>(), y, r.by_columns.template mutable_data_ptr<T>());
  passes.advance_rows(T(0.01), r.by_rows.template const_data_ptr<T>(), x, r.advanced.template mutable_data_ptr<T>());
  return r;
}

template <class T>
void check_shape(int64_t m, int64_t n, int64_t rank, double density) {
  const Sample sample(m, n, rank, density, c10::CppTypeToScalarType<T>::value);
  for (const Form form : {Form::values, Form::masked, Form::bytes}) {
    const Results referee = results<T>(sample, form, "scalar", 1);
    CHECK(referee.error == referee.error_alone);
    for (const Isa isa : available_isas()) {
      for (const int64_t threads : {1, 2, 3, 7}) {
        INFO(m << " x " << n << ", rank " << rank << ", density " << density << ", form " << static_cast<int>(form)
               << ", " << to_string(isa) << ", " << threads << " threads, " << sizeof(T) << " bytes");
        CHECK(results<T>(sample, form, to_string(isa), threads) == referee);
      }
    }
    if (form == Form::bytes) CHECK(referee == results<T>(sample, Form::masked, "scalar", 1));
  }
}

}  // namespace

TEST_CASE("every instruction set and number of threads has the contract's bits: shapes", "[gd]") {
  for (const int64_t m : {1, 7, 8, 9, 17}) {
    for (const int64_t n : {1, 7, 8, 9, 15, 16, 17, 31, 33, 127, 128, 129, 255, 256, 257}) {
      check_shape<float>(m, n, 3, 0.4);
      check_shape<double>(m, n, 3, 0.4);
    }
  }
}

TEST_CASE("every instruction set and number of threads has the contract's bits: ranks", "[gd]") {
  for (const int64_t rank : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 33, 64, 200, 256}) {
    check_shape<float>(11, 83, rank, 0.7);
    check_shape<double>(11, 83, rank, 0.7);
  }
}

TEST_CASE("every instruction set and number of threads has the contract's bits: densities and long rows", "[gd]") {
  for (const double density : {0.0, 0.01, 1.0}) {
    check_shape<float>(20, 70, 5, density);
    check_shape<double>(20, 70, 5, density);
  }
  // Several segments, the last of them not whole.
  check_shape<float>(2, 2 * kSegment * kLanes<float> + 37, 2, 0.5);
  check_shape<double>(9, kSegment * kLanes<double> + 5, 2, 0.5);
}

TEST_CASE("factors go into groups and come back", "[gd]") {
  for (const int64_t count : {1, 7, 8, 9, 40}) {
    const Tensor factor = at::randn({count, 3});
    const Tensor groups = to_groups<float>(factor, 8);
    CHECK(groups.sizes() == at::IntArrayRef({(count + 7) / 8, 3, 8}));
    CHECK(groups.square().sum().item<float>() == Approx(factor.square().sum().item<float>()));
    CHECK(at::equal(from_groups<float>(groups, count), factor));
    CHECK(at::equal(from_groups<float>(groups, count, -2), factor * -2));
  }
}

}  // namespace factorise::cpu
