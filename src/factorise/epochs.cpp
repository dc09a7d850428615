// Divergence, noticed after every epoch.

#include "factorise/epochs.h"

#include <ATen/ops/empty_like.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace factorise {
namespace {

template <class T>
bool all_finite(const Tensor& tensor) {
  const T* values = tensor.const_data_ptr<T>();
  return std::all_of(values, values + tensor.numel(), [](T value) { return std::isfinite(value); });
}

}  // namespace

bool all_finite(const Tensor& tensor) {
  // Small tensors on the CPU are the common case, and two ops of dispatch would cost as much as a 3 x 3 epoch.
  if (tensor.is_cpu() && tensor.is_contiguous() && tensor.scalar_type() == at::kFloat) return all_finite<float>(tensor);
  if (tensor.is_cpu() && tensor.is_contiguous() && tensor.scalar_type() == at::kDouble)
    return all_finite<double>(tensor);
  return tensor.detach().isfinite().all().item<bool>();
}

Factors copied(const Factors& factors) {
  const auto copy = [](const Tensor& factor) {
    if (!factor.is_cpu() || !factor.is_contiguous()) return factor.detach().clone();
    Tensor result = at::empty_like(factor.detach());
    // Torch's copy would wake its threads, which spin on beside the next epochs.
    std::memcpy(result.mutable_data_ptr(), factor.const_data_ptr(), factor.nbytes());
    return result;
  };
  return {copy(factors.U), copy(factors.V)};
}

void refuse_divergence(const char* function, int64_t epoch, const char* advice) {
  throw DivergenceError(
      {__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
      c10::str("[", function, "] diverged: after epoch ", epoch, " the result is no longer finite. Try ", advice, "."),
      epoch);
}

void check_finite(const char* function, std::initializer_list<Tensor> tensors, int64_t epoch, const char* advice) {
  for (const Tensor& tensor : tensors) {
    if (!all_finite(tensor)) refuse_divergence(function, epoch, advice);
  }
}

}  // namespace factorise
