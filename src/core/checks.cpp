// Argument checks and starting factors, shared by all factorisers.

#include "core/checks.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/rand.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <limits>
#include <string_view>

#include "core/backend.h"
#include "core/derivatives.h"

#include "cpu/gd/gd.h"

namespace factorise {
namespace {

constexpr int64_t kLargestSide = std::numeric_limits<int32_t>::max();

bool is_usable_type(c10::ScalarType type) {
  return c10::isIntegralType(type, /*includeBool=*/true) || type == at::kHalf || type == at::kBFloat16 ||
         type == at::kFloat || type == at::kDouble;
}

void check_factor(const char* function, const char* name, const Tensor& factor, int64_t rows, int64_t rank,
                  const Observed& observed) {
  TORCH_CHECK_VALUE(factor.defined() && factor.layout() == at::kStrided, "[", function, "] initial.", name,
                    " must be a dense tensor, but was ", factor.defined() ? "sparse" : "undefined", ".");
  TORCH_CHECK_VALUE(factor.dim() == 2 && factor.size(0) == rows && factor.size(1) == rank, "[", function, "] initial.",
                    name, " must be ", rows, " x ", rank, ", but was ", shape_of(factor), ".");
  const auto type = observed.type();
  TORCH_CHECK_VALUE(factor.scalar_type() == type, "[", function, "] initial.", name, " must be ", type,
                    ", the type that A is computed in, but was ", factor.scalar_type(), ".");
  TORCH_CHECK_VALUE(factor.device() == observed.device(), "[", function, "] initial.", name, " must be on A's device ",
                    observed.device(), ", but was on ", factor.device(), ".");
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

/// The advice for a matrix that is not dense. For ratings, to_dense() alone would turn missing entries into ratings of
/// 0; a mask or a factor is the same matrix after it.
const char* dense_advice(const char* name) {
  return std::string_view(name) == "A" ? "Where its entries are what is observed, give it to sgd_factorise_entries or "
                                         "als_factorise_entries, or its to_dense() together with a mask of the entries."
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
  // A tensor made in inference mode cannot be saved for a backward pass.
  return plain.is_inference() ? plain.clone() : plain;
}

void check_mask_fits(const char* function, const Tensor& A, const Tensor& M) {
  check_matrix(function, "M", M);
  TORCH_CHECK_VALUE(M.sizes() == A.sizes(), "[", function, "] M must have A's shape ", shape_of(A), ", but was ",
                    shape_of(M), ".");
  TORCH_CHECK_VALUE(M.device() == A.device(), "[", function, "] M must be on A's device ", A.device(), ", but was on ",
                    M.device(), ".");
}

Tensor check_mask(const char* function, const Tensor& A, const Tensor& M) {
  check_mask_fits(function, A, M);
  TORCH_CHECK_VALUE(!M.is_floating_point() || !M.detach().isnan().any().item<bool>(), "[", function, "] ", kMaskIsNan);
  return M.detach().resolve_neg().to(at::kBool).contiguous();
}

void check_epochs(const char* function, int64_t num_epochs, int64_t report_every) {
  TORCH_CHECK_VALUE(num_epochs >= 0, "[", function, "] num_epochs must be at least 0, but was ", num_epochs, ".");
  TORCH_CHECK_VALUE(report_every >= 1, "[", function, "] report_every must be at least 1, but was ", report_every, ".");
}

void check_lr(const char* function, double lr) {
  TORCH_CHECK_VALUE(std::isfinite(lr) && lr > 0, "[", function, "] lr must be a finite number above 0, but was ", lr,
                    ".");
}

void check_decay(const char* function, double lr, double weight_decay, double lr_decay) {
  const double shrink = lr * weight_decay;
  TORCH_CHECK_VALUE(weight_decay >= 0 && shrink < 1, "[", function,
                    "] weight_decay must be at least 0 and below 1 / lr = ", 1 / lr, ", but was ", weight_decay, ".");
  TORCH_CHECK_VALUE(std::isfinite(lr_decay) && lr_decay > 0, "[", function,
                    "] lr_decay must be a finite number above 0, but was ", lr_decay, ".");
}

void check_fused_device(const char* function, const c10::Device& device) {
  if (!device.is_cpu()) backend_of(function, device);
}

Factors start(const char* function, const Observed& observed, int64_t rank, const std::optional<Factors>& initial,
              const std::optional<uint64_t>& seed) {
  if (initial) {
    check_factor(function, "U", initial->U, observed.rows(), rank, observed);
    check_factor(function, "V", initial->V, observed.columns(), rank, observed);
    refuse_transforms(function, {initial->U, initial->V});
    return {initial->U.detach().clone(at::MemoryFormat::Contiguous),
            initial->V.detach().clone(at::MemoryFormat::Contiguous)};
  }
  std::optional<at::Generator> generator;
  if (seed) generator = at::detail::createCPUGenerator(*seed);
  const auto options = at::TensorOptions(observed.type());
  Tensor U = at::rand({observed.rows(), rank}, generator, options);
  Tensor V = at::rand({observed.columns(), rank}, generator, options);
  return {U.to(observed.device()), V.to(observed.device())};
}

}  // namespace factorise
