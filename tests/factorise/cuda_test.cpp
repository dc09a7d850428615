// Both engines on a GPU: the same start, and the CPU's result: its bits with the fused one, else but for rounding.

#include <ATen/Context.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <factorise/datasets.h>
#include <factorise/mlp.h>
#include <factorise/svd.h>

#include "catch.h"
#include "have_cuda.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

TEST_CASE("every method starts alike on a GPU and ends where the CPU does", "[cuda]") {
  if (!have_cuda()) return;
  at::manual_seed(3);
  const Tensor A = at::randint(1, 6, {6, 9}, at::TensorOptions(at::kDouble)), M = at::rand({6, 9}).lt(0.6);
  for (const Factoriser& method : methods_of(Engine::reference)) {
    INFO(method.name);
    const Settings start{.num_epochs = 0}, run{.num_epochs = 4};
    const Factors on_gpu = method.run(A.cuda(), M.cuda(), start), on_cpu = method.run(A, M, start);
    CHECK(on_gpu.U.is_cuda());
    CHECK(same_bits({on_gpu.U.cpu(), on_gpu.V.cpu()}, on_cpu));
    const Factors ours = method.run(A.cuda(), M.cuda(), run), theirs = method.run(A, M, run);
    CHECK(at::allclose(ours.U.cpu(), theirs.U, 1e-10, 1e-10));
    CHECK(at::allclose(ours.V.cpu(), theirs.V, 1e-10, 1e-10));
    CHECK(squared_error(A.cuda(), ours, M.cuda()) == Approx(squared_error(A, theirs, M)).epsilon(1e-10));
  }
}

TEST_CASE("tensors on two devices are refused", "[cuda]") {
  if (!have_cuda()) return;
  const Tensor A = lab1_matrix(), M = lab1_mask();
  CHECK(sentence_of([&] { sgd_factorise_masked(A, M.cuda(), 2); }) ==
        "[sgd_factorise_masked] M must be on A's device cpu, but was on cuda:0.");
  const Factors initial{at::rand({3, 2}).cuda(), at::rand({3, 2})};
  CHECK(sentence_of([&] { sgd_factorise(A, 2, SgdOptions().initial(initial).engine(Engine::reference)); }) ==
        "[sgd_factorise] initial.U must be on A's device cpu, but was on cuda:0.");
}

TEST_CASE("the fused engine has the CPU's bits on a GPU, or says what is missing", "[cuda][sanitizer]") {
  if (!have_cuda()) return;
  const std::string missing = load_cuda_kernels();
  CHECK(has_fused_engine({at::kCUDA, 0}) == missing.empty());
  at::manual_seed(4);
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{6, 9}, {50, 20}, {40, 90}}) {
    const Tensor A = at::randint(1, 6, {m, n}, at::TensorOptions(at::kDouble)), M = at::rand({m, n}).lt(0.6);
    for (const Factoriser& method : methods_of(Engine::fused)) {
      INFO(method.name << ", " << m << " x " << n);
      const Settings run{.num_epochs = 6, .lr = 1e-3};
      if (missing.empty() && method.name.starts_with("als")) {  // which has kernels for the CPU alone
        CHECK(sentence_of([&] { method.run(A.cuda(), M.cuda(), run); }) ==
              "[" + method.name + "] the fused engine must have kernels for A's device cuda:0, but alternating least " +
                  "squares has them for the CPU alone. Give A's cpu(), or engine reference.");
      } else if (missing.empty()) {
        const Factors ours = method.run(A.cuda(), M.cuda(), run);
        CHECK(ours.U.is_cuda());
        CHECK(same_bits({ours.U.cpu(), ours.V.cpu()}, method.run(A, M, run)));
      } else {
        CHECK(sentence_of([&] { method.run(A.cuda(), M.cuda(), run); }) ==
              "[" + method.name + "] the fused engine must have kernels for A's device cuda:0, but " + missing +
                  ". Give A's cpu(), or engine reference.");
      }
    }
  }
}

TEST_CASE("our kernels load on this GPU", "[cuda][sanitizer]") {
  if (!have_cuda()) return;
  CHECK(load_cuda_kernels() == "");
}

TEST_CASE("the SVD and the MLP run on a GPU", "[cuda]") {
  if (!have_cuda()) return;
  const Iris flowers = iris(at::kDouble);
  const Tensor A = flowers.X - flowers.X.mean(0);
  CHECK(
      at::allclose(truncated_svd(A.cuda(), 2).reconstruction.cpu(), truncated_svd(A, 2).reconstruction, 1e-10, 1e-10));
  const auto options = MlpOptions().seed(0).num_epochs(10);
  const Mlp ours = train_mlp(flowers.X.cuda(), flowers.y.cuda(), 3, 100, options);
  const Mlp theirs = train_mlp(flowers.X, flowers.y, 3, 100, options);
  CHECK(at::allclose(ours.W1.cpu(), theirs.W1, 1e-9, 1e-9));
}
