// Draws the entries set aside, and computes the errors over them.

#include <factorise/hold_out.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>

#include <cmath>
#include <random>

#include "core/checks.h"
#include "core/driver.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "hold_out";

void check_parts(int64_t observed, double fraction, int64_t aside) {
  TORCH_CHECK_VALUE(aside > 0 && aside < observed, "[", kFunction,
                    "] some observed entries must be set aside and some remain, but of ", observed, " a fraction of ",
                    fraction, " sets ", aside, " aside.");
}

HoldOut of_matrix(const Observed& of, double fraction, uint64_t seed) {
  const Tensor& A = of.data().A;
  const Tensor observed = (of.data().M.defined() ? of.data().observed() : at::ones_like(A, at::kBool)).cpu();
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  const Tensor draws = at::rand(A.sizes(), generator, at::TensorOptions(at::kFloat));
  const Tensor aside = draws.lt(fraction).logical_and_(observed);
  const Tensor entries = aside.nonzero();
  check_parts(observed.sum().item<int64_t>(), fraction, entries.size(0));
  const Tensor values = A.cpu().masked_select(aside).to(at::kDouble);
  TORCH_CHECK_VALUE(values.isfinite().all().item<bool>(), "[", kFunction,
                    "] A must be finite where it is observed, but holds NaN or infinity there.");
  return {observed.logical_and(aside.logical_not()).to(A.device()), entries.select(1, 0).contiguous(),
          entries.select(1, 1).contiguous(), values};
}

/// For each entry the number that a draw of the whole matrix has at its place.
Tensor draws_at(const EntryLists& lists, int64_t columns, uint64_t seed) {
  Tensor drawn = at::empty({lists.values.numel()}, at::TensorOptions(at::kFloat));
  const auto* start = lists.starts.const_data_ptr<int64_t>();
  // torch's generator is this one, seeded with the lower half of the seed, and makes a float of the lower 24 bits.
  std::mt19937 generator(static_cast<uint32_t>(seed));
  int64_t next = 0;  // cell
  for (int64_t r = 0; r + 1 < lists.starts.numel(); ++r) {
    for (int64_t e = start[r]; e < start[r + 1]; ++e) {
      const int64_t cell = r * columns + lists.indices.const_data_ptr<int32_t>()[e];
      generator.discard(static_cast<unsigned long long>(cell - next));
      drawn.mutable_data_ptr<float>()[e] = static_cast<float>(generator() & 0xFFFFFF) * 0x1p-24F;
      next = cell + 1;
    }
  }
  return drawn;
}

HoldOut of_entries(const Observed& of, double fraction, uint64_t seed) {
  check_finite_entries(kFunction, of);
  const EntryLists& lists = *of.data().given;
  const Tensor aside = draws_at(lists, of.columns(), seed).lt(fraction), which = aside.nonzero().select(1, 0);
  check_parts(of.count(), fraction, which.numel());
  return {sparse_of(lists, aside.logical_not(), of.rows(), of.columns()), rows_of(lists).index_select(0, which),
          lists.indices.index_select(0, which).to(at::kLong), lists.values.index_select(0, which).to(at::kDouble)};
}

}  // namespace

HoldOut hold_out(const Tensor& A, const std::optional<Tensor>& M, double fraction, uint64_t seed) {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const Observed observed = observe_any(kFunction, A, M);
  TORCH_CHECK_VALUE(fraction > 0 && fraction < 1, "[", kFunction, "] fraction must be above 0 and below 1, but was ",
                    fraction, ".");
  check_marks(kFunction, observed);
  return observed.data().is_sparse() ? of_entries(observed, fraction, seed) : of_matrix(observed, fraction, seed);
}

Judgement judge(const Predictions& predictions, const Tensor& values) {
  constexpr char function[] = "judge";
  // Half and nine tenths of a normal distribution lie within so many standard deviations.
  constexpr double kHalf = 0.6744897501960817, kMost = 1.6448536269514722;
  const at::NoGradGuard no_grad;
  const int64_t entries = predictions.values.numel();
  TORCH_CHECK_VALUE(entries > 0 && values.defined() && values.numel() == entries, "[", function,
                    "] values must be as many as the predictions, and some, but there are ",
                    values.defined() ? values.numel() : 0, " and ", entries, " predictions.");
  const Tensor given = values.detach().to(at::kCPU, at::kDouble).contiguous();
  const double *value = given.const_data_ptr<double>(), *predicted = predictions.values.const_data_ptr<double>();
  const bool* fallback = predictions.fallback.const_data_ptr<bool>();
  double squares[2] = {0, 0}, sizes[2] = {0, 0};  // of the entries that the factors predict, and of the others
  int64_t fallbacks = 0, spread = 0, within_50 = 0, within_90 = 0;  // spread: of those with a deviation
  const double* deviation =
      predictions.deviations.defined() ? predictions.deviations.const_data_ptr<double>() : nullptr;
  for (int64_t i = 0; i < entries; ++i) {  // in a loop, as in predict()
    const double error = value[i] - predicted[i];
    squares[fallback[i]] += error * error;
    sizes[fallback[i]] += std::abs(error);
    fallbacks += fallback[i];
    if (!deviation || std::isnan(deviation[i])) continue;
    ++spread;
    within_50 += std::abs(error) <= kHalf * deviation[i];
    within_90 += std::abs(error) <= kMost * deviation[i];
  }
  const auto all = static_cast<double>(entries), known = static_cast<double>(entries - fallbacks);
  return {entries,
          fallbacks,
          std::sqrt((squares[0] + squares[1]) / all),
          (sizes[0] + sizes[1]) / all,
          std::sqrt(squares[0] / known),
          sizes[0] / known,
          static_cast<double>(within_50) / static_cast<double>(spread),
          static_cast<double>(within_90) / static_cast<double>(spread)};
}

Judgement judge(const HoldOut& aside, const Factors& factors, const Observations& observed,
                const std::optional<Range>& clip) {
  return judge(predict(factors, observed, aside.rows, aside.columns, clip), aside.values);
}

double rmse(const HoldOut& aside, const Factors& factors) {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const Tensor predicted = predict(factors, aside.rows, aside.columns);
  const Tensor values = aside.values.contiguous();
  TORCH_CHECK_VALUE(values.numel() == predicted.numel(), "[rmse] aside must have a value for each of its ",
                    predicted.numel(), " entries, but has ", values.numel(), ".");
  const double *value = values.const_data_ptr<double>(), *prediction = predicted.const_data_ptr<double>();
  double sum = 0;  // in a loop, as in predict()
  for (int64_t i = 0; i < predicted.numel(); ++i) sum += (value[i] - prediction[i]) * (value[i] - prediction[i]);
  return std::sqrt(sum / static_cast<double>(predicted.numel()));
}

}  // namespace factorise
