// Where the benchmarks meet the library's options.

#include "benchmarks/ours.h"

#include <ATen/ops/ne.h>
#include <fmt/format.h>

namespace factorise::benchmarks {
namespace {

constexpr double kReferenceSecondsAnEntry = 6e-6, kPatience = 5;

}  // namespace

Matrix matrix_of(const Problem& problem, bool bytes) {
  const Tensor A = dense(problem, bytes ? at::kChar : at::kFloat);
  return {A, bytes ? A : A.ne(0)};
}

std::optional<std::string> too_slow(int64_t entries, int64_t epochs) {
  if (SgdOptions().engine() != Engine::reference) return std::nullopt;
  const double seconds = kReferenceSecondsAnEntry * static_cast<double>(entries) * static_cast<double>(epochs);
  if (seconds <= kPatience) return std::nullopt;
  return fmt::format("the reference engine would take about {:.0f} s", seconds);
}

}  // namespace factorise::benchmarks
