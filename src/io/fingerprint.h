#pragma once
// Whether a matrix is the one that it was: a short text that other values would change.

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

namespace factorise {

/// "1000x10000 Float 5a33a0bb 87089bd1": shape, type, and CRC-32s of the observed values and of which are observed.
/// What is not observed does not count, and neither does the device. A sparse A has another one than the dense A.
/// A guard against accidents, not against malice.
std::string fingerprint(const at::Tensor& A, const std::optional<at::Tensor>& M = std::nullopt);

}  // namespace factorise
