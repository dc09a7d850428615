// Bad arguments: each is refused with a sentence that says what must hold and what was given.

#include <ATen/ops/complex.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/quantize_per_tensor.h>
#include <ATen/ops/rand.h>
#include <factorise/device.h>
#include <factorise/svd.h>

#include <limits>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What every method says of A, M and settings, without its name: "" where they differ from each other.
std::string said_by_all(const Tensor& A, const Tensor& M, const Settings& settings, bool only_masked = false,
                        bool only_with_step = false) {
  std::string said;
  for (const Factoriser& method : methods()) {
    if ((only_masked && !method.masked) || (only_with_step && !has_step(method))) continue;
    const std::string prefix = "[" + method.name + "] ";
    const std::string sentence = sentence_of([&] { method.run(A, M, settings); });
    INFO(label(method) << ": " << sentence);
    REQUIRE(sentence.starts_with(prefix));
    const std::string rest = sentence.substr(prefix.size());
    if (!said.empty()) CHECK(rest == said);
    said = rest;
  }
  return said;
}

}  // namespace

TEST_CASE("ranks that cannot be", "[refusals]") {
  const Tensor A = lab1_matrix(), M = lab1_mask();
  CHECK(said_by_all(A, M, {.rank = 0}) == "rank must be at least 1, but was 0.");
  CHECK(said_by_all(A, M, {.rank = -3}) == "rank must be at least 1, but was -3.");
  CHECK(said_by_all(A, M, {.rank = 257}) == "rank must be at most 256, but was 257.");
  const std::string above =
      "rank must be at most min(m, n) = 3 for a 3 x 3 matrix, but was 4. Set the option overcomplete, or give a mask, "
      "where more is meant.";
  CHECK(sentence_of([&] { sgd_factorise(A, 4); }) == "[sgd_factorise] " + above);
  CHECK(sentence_of([&] { gd_factorise_ad(A, 4); }) == "[gd_factorise_ad] " + above);
  CHECK(sentence_of([&] { truncated_svd(A, 4); }) == "[truncated_svd] " + above);
  CHECK(sentence_of([&] { truncated_svd(A, 0); }) == "[truncated_svd] rank must be at least 1, but was 0.");
  // Where more is meant, it works.
  CHECK(sgd_factorise(A, 4, SgdOptions().num_epochs(1).overcomplete(true)).U.size(1) == 4);
  CHECK(gd_factorise_ad(A, 4, AdOptions().num_epochs(1).overcomplete(true)).U.size(1) == 4);
  for (const Factoriser& method : methods()) {
    if (method.masked) CHECK(method.run(A, M, {.rank = 4}).V.size(1) == 4);
  }
}

TEST_CASE("matrices that are none", "[refusals]") {
  const Tensor M = lab1_mask();
  CHECK(said_by_all(Tensor(), M, {}) == "A must be a tensor, but was undefined.");
  CHECK(said_by_all(at::rand({3}), M, {}) == "A must be a matrix, m x n, but was 3 (1-D).");
  CHECK(said_by_all(at::rand({}), M, {}) == "A must be a matrix, m x n, but was a single number.");
  CHECK(said_by_all(at::rand({2, 3, 3}), M, {}) == "A must be a matrix, m x n, but was 2 x 3 x 3.");
  CHECK(said_by_all(at::empty({0, 3}), M, {}) == "A must have rows and columns, but was 0 x 3.");
  CHECK(said_by_all(at::empty({3, 0}), M, {}) == "A must have rows and columns, but was 3 x 0.");
  CHECK(said_by_all(lab1_matrix().to_sparse(), M, {}) ==
        "A must be dense, but was of layout Sparse. Where its entries are what is observed, give it to "
        "sgd_factorise_entries or als_factorise_entries, or its to_dense() together with a mask of the entries.");
  CHECK(said_by_all(at::complex(lab1_matrix(), lab1_matrix()), M, {}) ==
        "A must be real: an integer, bool or float type up to 64 bits, but was ComplexFloat.");
  CHECK(said_by_all(at::quantize_per_tensor(lab1_matrix(), 0.1, 0, at::kQInt8), M, {}) ==
        "A must not be quantised, but was QInt8. Give its dequantize().");
  CHECK(said_by_all(lab1_matrix().to(at::kFloat8_e4m3fn), M, {}) ==
        "A must be real: an integer, bool or float type up to 64 bits, but was Float8_e4m3fn.");
  CHECK(said_by_all(lab1_matrix().to(at::kMeta), M, {}) == "A must be on the CPU or a CUDA device, but was on meta.");
}

TEST_CASE("numbers that are none, where they are observed", "[refusals]") {
  for (const double bad : {kNaN, kInfinity, -kInfinity}) {
    Tensor A = lab1_matrix();
    A[0][2].fill_(bad);
    CHECK(sentence_of([&] { sgd_factorise(A, 2); }) ==
          "[sgd_factorise] A must be finite, but holds NaN or infinity. Where entries are missing, mask them.");
    CHECK(sentence_of([&] { gd_factorise_ad(A, 2); }) ==
          "[gd_factorise_ad] A must be finite, but holds NaN or infinity. Where entries are missing, mask them.");
    CHECK(sentence_of([&] { truncated_svd(A, 2); }) ==
          "[truncated_svd] A must be finite, but holds NaN or infinity. Where entries are missing, mask them.");
    CHECK(said_by_all(A, lab1_mask(), {}, true) ==
          "A must be finite where M marks it as observed, but holds NaN or infinity there.");
  }
  // A float64 number that float32 cannot hold is finite in A's own type.
  CHECK(sgd_factorise(lab1_matrix(at::kDouble), 2, SgdOptions().num_epochs(1)).U.scalar_type() == at::kDouble);
}

TEST_CASE("masks that do not fit", "[refusals]") {
  const Tensor A = lab1_matrix();
  CHECK(said_by_all(A, at::ones({3, 2}), {}, true) == "M must have A's shape 3 x 3, but was 3 x 2.");
  CHECK(said_by_all(A, at::ones({3}), {}, true) == "M must be a matrix, m x n, but was 3 (1-D).");
  CHECK(said_by_all(A, at::full_like(A, 0), {}, true) ==
        "M must mark at least one entry as observed (not zero), but marks none.");
  CHECK(said_by_all(A, at::full_like(A, kNaN), {}, true) ==
        "M must say for every entry whether it is observed, but holds NaN.");
  CHECK(said_by_all(A, at::complex(A, A), {}, true) ==
        "M must be real: an integer, bool or float type up to 64 bits, but was ComplexFloat.");
  CHECK(said_by_all(A, lab1_mask().to_sparse(), {}, true) ==
        "M must be dense, but was of layout Sparse. Give its to_dense().");
  const std::string undefined = sentence_of([&] { sgd_factorise_masked(A, Tensor(), 2); });
  CHECK(undefined == "[sgd_factorise_masked] M must be a tensor, but was undefined.");
}

TEST_CASE("starts that do not fit", "[refusals]") {
  const Tensor A = lab1_matrix(), M = lab1_mask();
  const auto with = [&](const Tensor& U, const Tensor& V) { return said_by_all(A, M, {.initial = Factors{U, V}}); };
  const Tensor good = at::rand({3, 2});
  CHECK(with(at::rand({2, 2}), good) == "initial.U must be 3 x 2, but was 2 x 2.");
  CHECK(with(good, at::rand({3, 3})) == "initial.V must be 3 x 2, but was 3 x 3.");
  CHECK(with(good, at::rand({3})) == "initial.V must be 3 x 2, but was 3 (1-D).");
  CHECK(with(good.to(at::kDouble), good) == "initial.U must be Float, the type that A is computed in, but was Double.");
  CHECK(with(good, good.to(at::kHalf)) == "initial.V must be Float, the type that A is computed in, but was Half.");
  CHECK(with(good.clone().requires_grad_(), good) ==
        "initial.U must not require grad: the run is not differentiated. Give its detach().");
  CHECK(with(good * kNaN, good) == "initial.U must be finite, but holds NaN or infinity.");
  CHECK(with(good.to(at::kMeta), good) == "initial.U must be on A's device cpu, but was on meta.");
  CHECK(with(Tensor(), good) == "initial.U must be a dense tensor, but was undefined.");
}

TEST_CASE("numbers of the schedule", "[refusals]") {
  const Tensor A = lab1_matrix(), M = lab1_mask();
  const auto said_of_lr = [&](double lr) { return said_by_all(A, M, {.lr = lr}, false, true); };
  CHECK(said_by_all(A, M, {.num_epochs = -1}) == "num_epochs must be at least 0, but was -1.");
  CHECK(said_of_lr(0) == "lr must be a finite number above 0, but was 0.");
  CHECK(said_of_lr(-0.5) == "lr must be a finite number above 0, but was -0.5.");
  CHECK(said_of_lr(kNaN) == "lr must be a finite number above 0, but was nan.");
  CHECK(said_of_lr(kInfinity) == "lr must be a finite number above 0, but was inf.");
  CHECK(said_by_all(A, M, {.report_every = 0}) == "report_every must be at least 1, but was 0.");
  CHECK(sentence_of([&] { sgd_factorise(A, 2, SgdOptions().weight_decay(-1)); }) ==
        "[sgd_factorise] weight_decay must be at least 0 and below 1 / lr = 100, but was -1.");
  CHECK(sentence_of([&] { sgd_factorise(A, 2, SgdOptions().weight_decay(100)); }) ==
        "[sgd_factorise] weight_decay must be at least 0 and below 1 / lr = 100, but was 100.");
  CHECK(sentence_of([&] { sgd_factorise(A, 2, SgdOptions().weight_decay(kNaN)); }) ==
        "[sgd_factorise] weight_decay must be at least 0 and below 1 / lr = 100, but was nan.");
  CHECK(sentence_of([&] { als_factorise(A, 2, AlsOptions().regularisation(-1)); }) ==
        "[als_factorise] regularisation must be a finite number of at least 0, but was -1.");
  CHECK(sentence_of([&] { als_factorise(A, 2, AlsOptions().regularisation(kNaN)); }) ==
        "[als_factorise] regularisation must be a finite number of at least 0, but was nan.");
  CHECK(sentence_of([&] { sgd_factorise(A, 2, SgdOptions().lr_decay(0)); }) ==
        "[sgd_factorise] lr_decay must be a finite number above 0, but was 0.");
}

TEST_CASE("every refusal is a c10::ValueError, which Python sees as ValueError", "[refusals]") {
  CHECK_THROWS_AS(sgd_factorise(lab1_matrix(), 0), c10::ValueError);
  CHECK_THROWS_AS(sgd_factorise_masked(lab1_matrix(), at::ones({2, 2}), 2), c10::ValueError);
  CHECK_THROWS_AS(resolve_device("gpu"), c10::ValueError);
}

TEST_CASE("devices", "[refusals]") {
  CHECK(resolve_device("cpu") == c10::Device(at::kCPU));
  for (const char* name : {"gpu", "", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:9999999999"}) {
    CHECK(sentence_of([&] { resolve_device(name); }) ==
          std::string("[resolve_device] device must be auto, cpu, cuda or cuda:N, but was '") + name + "'.");
  }
  const std::string missing = load_cuda();
  if (missing.empty()) {
    CHECK(resolve_device("auto") == c10::Device(at::kCUDA, 0));
    CHECK(sentence_of([&] { resolve_device("cuda:99"); }).starts_with("[resolve_device] cuda:99 was asked for, but "));
  } else {
    CHECK(resolve_device("auto") == c10::Device(at::kCPU));
    CHECK(sentence_of([&] { resolve_device("cuda"); }) == "[resolve_device] cuda was asked for, but " + missing + ".");
  }
}
