// Argument checks and starting factors, shared by all factorisers.

#include "factorise/arguments.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <limits>
#include <string_view>

#include "factorise/cuda_plugin.h"
#include "factorise/derivatives.h"

#include "cpu/gd.h"

namespace factorise {
namespace {

constexpr int64_t kLargestSide = std::numeric_limits<int32_t>::max();

bool is_usable_type(c10::ScalarType type) {
  return c10::isIntegralType(type, /*includeBool=*/true) || type == at::kHalf || type == at::kBFloat16 ||
         type == at::kFloat || type == at::kDouble;
}

void check_factor(const char* function, const char* name, const Tensor& factor, int64_t rows, const Problem& problem) {
  TORCH_CHECK_VALUE(factor.defined() && factor.layout() == at::kStrided, "[", function, "] initial.", name,
                    " must be a dense tensor, but was ", factor.defined() ? "sparse" : "undefined", ".");
  TORCH_CHECK_VALUE(factor.dim() == 2 && factor.size(0) == rows && factor.size(1) == problem.rank, "[", function,
                    "] initial.", name, " must be ", rows, " x ", problem.rank, ", but was ", shape_of(factor), ".");
  const auto type = computing_type(problem.A);
  TORCH_CHECK_VALUE(factor.scalar_type() == type, "[", function, "] initial.", name, " must be ", type,
                    ", the type that A is computed in, but was ", factor.scalar_type(), ".");
  TORCH_CHECK_VALUE(factor.device() == problem.A.device(), "[", function, "] initial.", name, " must be on A's device ",
                    problem.A.device(), ", but was on ", factor.device(), ".");
  TORCH_CHECK_VALUE(!factor.requires_grad(), "[", function, "] initial.", name,
                    " must not require grad: the run is not differentiated. Give its detach().");
  TORCH_CHECK_VALUE(factor.isfinite().all().item<bool>(), "[", function, "] initial.", name,
                    " must be finite, but holds NaN or infinity.");
}

}  // namespace

std::string shape_of(const Tensor& tensor) {
  if (tensor.dim() == 0) return "a single number";
  return c10::Join(" x ", tensor.sizes()) + (tensor.dim() == 1 ? " (1-D)" : "");
}

namespace {

/// What to give in place of a matrix that is not dense. Of ratings to_dense() alone would make ratings of 0 out of what
/// is missing; of a mask or a factor it says the same.
const char* dense_advice(const char* name) {
  return std::string_view(name) == "A" ? "Where its entries are what is observed, give it to sgd_factorise_entries, or "
                                         "its to_dense() together with a mask of the entries."
                                       : "Give its to_dense().";
}

}  // namespace

void check_matrix(const char* function, const char* name, const Tensor& matrix) {
  TORCH_CHECK_VALUE(matrix.defined(), "[", function, "] ", name, " must be a tensor, but was undefined.");
  TORCH_CHECK_VALUE(!matrix.is_nested(), "[", function, "] ", name, " must be dense, but was nested.");
  TORCH_CHECK_VALUE(matrix.layout() == at::kStrided, "[", function, "] ", name, " must be dense, but was of layout ",
                    matrix.layout(), ". ", dense_advice(name));
  TORCH_CHECK_VALUE(!matrix.is_quantized(), "[", function, "] ", name, " must not be quantised, but was ",
                    matrix.scalar_type(), ". Give its dequantize().");
  TORCH_CHECK_VALUE(matrix.device().is_cpu() || matrix.device().is_cuda(), "[", function, "] ", name,
                    " must be on the CPU or a CUDA device, but was on ", matrix.device(), ".");
  check_real_matrix(function, name, matrix);
}

void check_real_matrix(const char* function, const char* name, const Tensor& matrix) {
  TORCH_CHECK_VALUE(is_usable_type(matrix.scalar_type()), "[", function, "] ", name,
                    " must be real: an integer, bool or float type up to 64 bits, but was ", matrix.scalar_type(), ".");
  TORCH_CHECK_VALUE(matrix.dim() == 2, "[", function, "] ", name, " must be a matrix, m x n, but was ",
                    shape_of(matrix), ".");
  TORCH_CHECK_VALUE(matrix.numel() > 0, "[", function, "] ", name, " must have rows and columns, but was ",
                    shape_of(matrix), ".");
  TORCH_CHECK_VALUE(matrix.size(0) <= kLargestSide && matrix.size(1) <= kLargestSide, "[", function, "] ", name,
                    " must have at most ", kLargestSide, " rows and columns, but was ", shape_of(matrix), ".");
}

void check_rank(const char* function, int64_t rank, int64_t m, int64_t n, RankLimit limit) {
  TORCH_CHECK_VALUE(rank >= 1, "[", function, "] rank must be at least 1, but was ", rank, ".");
  TORCH_CHECK_VALUE(rank <= cpu::kLargestRank, "[", function, "] rank must be at most ", cpu::kLargestRank,
                    ", but was ", rank, ".");
  TORCH_CHECK_VALUE(limit == RankLimit::none || rank <= std::min(m, n), "[", function,
                    "] rank must be at most min(m, n) = ", std::min(m, n), " for a ", m, " x ", n, " matrix, but was ",
                    rank, ". Set the option overcomplete, or give a mask, where more is meant.");
}

c10::ScalarType computing_type(const Tensor& A) { return A.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

Tensor to_computing_type(const Tensor& A) {
  Tensor plain = A.detach().resolve_conj().resolve_neg().to(computing_type(A)).contiguous();
  // What was made in inference mode cannot be saved for a backward pass.
  return plain.is_inference() ? plain.clone() : plain;
}

namespace {

/// The sentences for what values may be wrong.
void check_observed(const char* function, bool masked, bool mask_has_nan, bool any_observed, bool all_finite) {
  TORCH_CHECK_VALUE(!mask_has_nan, "[", function,
                    "] M must say for every entry whether it is observed, but holds NaN.");
  TORCH_CHECK_VALUE(any_observed, "[", function,
                    "] M must mark at least one entry as observed (not zero), but marks none.");
  TORCH_CHECK_VALUE(all_finite || masked, "[", function,
                    "] A must be finite, but holds NaN or infinity. Where entries are missing, mask them.");
  TORCH_CHECK_VALUE(all_finite, "[", function,
                    "] A must be finite where M marks it as observed, but holds NaN or infinity there.");
}

void check_mask_fits(const char* function, const Tensor& A, const Tensor& M) {
  check_matrix(function, "M", M);
  TORCH_CHECK_VALUE(M.sizes() == A.sizes(), "[", function, "] M must have A's shape ", shape_of(A), ", but was ",
                    shape_of(M), ".");
  TORCH_CHECK_VALUE(M.device() == A.device(), "[", function, "] M must be on A's device ", A.device(), ", but was on ",
                    M.device(), ".");
}

}  // namespace

Tensor check_mask(const char* function, const Tensor& A, const Tensor& M) {
  check_mask_fits(function, A, M);
  check_observed(function, true, M.is_floating_point() && M.detach().isnan().any().item<bool>(), true, true);
  return M.detach().resolve_neg().to(at::kBool).contiguous();
}

Problem describe_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                         RankLimit limit) {
  check_matrix(function, "A", A);
  refuse_transforms(function, {A, M.value_or(Tensor())});
  check_rank(function, rank, A.size(0), A.size(1), limit);
  if (M) check_mask_fits(function, A, *M);
  return {function, A.detach().resolve_conj().resolve_neg(), M ? M->detach().resolve_neg() : Tensor(), rank};
}

cpu::SgdCounts check_values(const Problem& problem) {
  const int threads = at::get_num_threads();
  const cpu::SgdCounts counts = computing_type(problem.A) == at::kDouble
                                    ? cpu::count_sgd<double>(problem.A, problem.mask(), threads)
                                    : cpu::count_sgd<float>(problem.A, problem.mask(), threads);
  check_observed(problem.function, problem.observed.defined(), counts.mask_nan > 0, counts.observed > 0,
                 counts.not_finite == 0);
  return counts;
}

Problem check_fused_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                            RankLimit limit) {
  Problem problem = describe_problem(function, A, M, rank, limit);
  check_fused_device(function, problem.A);
  if (problem.A.is_cuda()) return check_problem(function, A, M, rank, limit);
  check_values(problem);
  return problem;
}

Problem check_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                      RankLimit limit) {
  check_matrix(function, "A", A);
  refuse_transforms(function, {A, M.value_or(Tensor())});
  check_rank(function, rank, A.size(0), A.size(1), limit);
  Problem problem{function, to_computing_type(A), {}, rank};
  if (!M) {
    check_observed(function, false, false, true, problem.A.isfinite().all().item<bool>());
    return problem;
  }
  problem.observed = check_mask(function, A, *M);
  const Tensor missing = problem.observed.logical_not();
  check_observed(function, true, false, problem.observed.any().item<bool>(),
                 problem.A.isfinite().logical_or(missing).all().item<bool>());
  // 0 * NaN is NaN: what is masked must not reach a product.
  problem.A = problem.A.masked_fill(missing, 0);
  return problem;
}

void check_epochs(const char* function, int64_t num_epochs, double lr, int64_t report_every) {
  TORCH_CHECK_VALUE(num_epochs >= 0, "[", function, "] num_epochs must be at least 0, but was ", num_epochs, ".");
  TORCH_CHECK_VALUE(std::isfinite(lr) && lr > 0, "[", function, "] lr must be a finite number above 0, but was ", lr,
                    ".");
  TORCH_CHECK_VALUE(report_every >= 1, "[", function, "] report_every must be at least 1, but was ", report_every, ".");
}

void check_decay(const char* function, double lr, double weight_decay, double lr_decay) {
  const double shrink = lr * weight_decay;
  TORCH_CHECK_VALUE(weight_decay >= 0 && shrink < 1, "[", function,
                    "] weight_decay must be at least 0 and below 1 / lr = ", 1 / lr, ", but was ", weight_decay, ".");
  TORCH_CHECK_VALUE(std::isfinite(lr_decay) && lr_decay > 0, "[", function,
                    "] lr_decay must be a finite number above 0, but was ", lr_decay, ".");
}

void check_fused_device(const char* function, const Tensor& A) {
  if (A.is_cpu()) return;
  const std::string missing = load_cuda_kernels(A.device().index());
  TORCH_CHECK_VALUE(missing.empty(), "[", function, "] the fused engine must have kernels for A's device ", A.device(),
                    ", but ", missing, ". Give A's cpu(), or engine reference.");
}

Factors start(const Problem& problem, const std::optional<Factors>& initial, const std::optional<uint64_t>& seed) {
  if (initial) {
    check_factor(problem.function, "U", initial->U, problem.rows(), problem);
    check_factor(problem.function, "V", initial->V, problem.columns(), problem);
    refuse_transforms(problem.function, {initial->U, initial->V});
    return {initial->U.detach().clone(at::MemoryFormat::Contiguous),
            initial->V.detach().clone(at::MemoryFormat::Contiguous)};
  }
  std::optional<at::Generator> generator;
  if (seed) generator = at::detail::createCPUGenerator(*seed);
  const auto options = at::TensorOptions(computing_type(problem.A));
  Tensor U = at::rand({problem.rows(), problem.rank}, generator, options);
  Tensor V = at::rand({problem.columns(), problem.rank}, generator, options);
  return {U.to(problem.A.device()), V.to(problem.A.device())};
}

}  // namespace factorise
