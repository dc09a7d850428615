#pragma once
// What every factoriser returns and how its result is judged: A ≈ U Vᵀ over the observed entries.
// Names and shapes are those of the lab sheets (U m x rank, V n x rank).
//
//   const auto factors = factorise::sgd_factorise_masked(A, M, /*rank=*/5, factorise::SgdOptions().lr(0.002).seed(0));
//   const auto product = factorise::reconstruct(factors);  // U Vᵀ
//   const double rmse = std::sqrt(factorise::squared_error(A, factors, M) / double(factorise::count_observed(M)));

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <factorise/export.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

/// Matrix factorisation on tensors: everything that this library offers.
namespace factorise {

using at::Tensor;  // the same type as torch::Tensor

/// The two factors of A ≈ U Vᵀ: U is m x rank, V is n x rank, of one floating-point type and device.
struct Factors {
  Tensor U;  ///< m x rank
  Tensor V;  ///< n x rank
};

/// Which code runs the epochs.
enum class Engine {
  fused,      ///< kernels of our own, fast; the same bits for every number of threads, and on a GPU
  reference,  ///< the sheet's code, line for line in ATen: the same bits as Python on the same torch
};

/// Called after an epoch with the number of epochs done (from 1) and the squared error over the observed entries
/// (for gd_factorise_ad, the loss that it descends). Returning false stops the run, which then returns its factors.
using EpochCallback = std::function<bool(int64_t epoch, double loss)>;

/// Called after an epoch with the number of epochs done (from 1) and a copy of the factors that they led to, to judge
/// or to keep. Returning false stops the run, which then returns its factors.
using FactorsCallback = std::function<bool(int64_t epoch, const Factors& factors)>;

/// Called before every epoch, or every few on a GPU, with the number of epochs done (from 0). Returning true stops the
/// run, which then returns its factors (for Ctrl-C, and for progress).
using StopRequest = std::function<bool(int64_t epoch)>;

/// Called on the calling thread, from time to time and at the end, with the number of runs done: of several runs, each
/// from a seed of its own.
using RunsCallback = std::function<void(int64_t done, int64_t total)>;

/// A factor left the finite numbers. The message names the epoch and what to try; nothing half-done is returned.
class FACTORISE_EXPORT DivergenceError : public c10::Error {
 public:
  /// `epoch`: the first one (from 1) after which a factor was not finite.
  DivergenceError(c10::SourceLocation where, std::string message, int64_t epoch)
      : c10::Error(where, std::move(message)), epoch_(epoch) {}

  /// The first epoch (from 1) after which a factor was not finite.
  int64_t epoch() const noexcept { return epoch_; }

 private:
  int64_t epoch_;
};

/// U Vᵀ, m x n, in the factors' type and on their device. Throws c10::ValueError where U and V do not fit each other.
FACTORISE_EXPORT Tensor reconstruct(const Factors& factors);

/// Sum over the observed entries of (A - U Vᵀ)², in float64.
///
/// The products and the sum are float64 over fixed tiles in a fixed order: the same for every thread count.
/// A: m x n, any real type; M: m x n, nonzero where A is observed (left out: everywhere). What is not observed is
/// never read as a number and may be NaN. Or A is sparse, as for sgd_factorise_entries, and M left out: the same bits
/// as of the matrix and its mask. Throws c10::ValueError where shapes or devices do not fit, or M holds NaN.
FACTORISE_EXPORT double squared_error(const Tensor& A, const Factors& factors,
                                      const std::optional<Tensor>& M = std::nullopt);

/// How many entries M, a matrix of any real type, marks as observed (nonzero). Throws c10::ValueError where it holds
/// NaN.
FACTORISE_EXPORT int64_t count_observed(const Tensor& M);

}  // namespace factorise
