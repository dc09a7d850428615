// Entries of U Vᵀ, never all of them at once.

#include <factorise/predict.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mv.h>

#include <algorithm>
#include <numeric>

#include "factorise/arguments.h"
#include "factorise/derivatives.h"
#include "factorise/epochs.h"

namespace factorise {
namespace {

/// The factors on the CPU, checked, in float64 or, where they `may_stay` so, in float32.
Factors plain(const char* function, const Factors& factors, bool may_stay = false) {
  check_matrix(function, "U", factors.U);
  check_matrix(function, "V", factors.V);
  refuse_transforms(function, {factors.U, factors.V});
  TORCH_CHECK_VALUE(factors.U.size(1) == factors.V.size(1), "[", function,
                    "] U and V must have as many columns as each other, but were ", shape_of(factors.U), " and ",
                    shape_of(factors.V), ".");
  const bool stay = may_stay && factors.U.scalar_type() == at::kFloat && factors.V.scalar_type() == at::kFloat;
  const auto options = at::TensorOptions(stay ? at::kFloat : at::kDouble).device(at::kCPU);
  return {factors.U.detach().to(options).contiguous(), factors.V.detach().to(options).contiguous()};
}

void check_indices(const char* function, const char* name, const Tensor& indices, int64_t size) {
  TORCH_CHECK_VALUE(indices.defined() && indices.scalar_type() == at::kLong && indices.dim() == 1, "[", function, "] ",
                    name, " must be a 1-D tensor of int64.");
  if (indices.numel() == 0) return;
  const int64_t low = indices.min().item<int64_t>(), high = indices.max().item<int64_t>();
  TORCH_CHECK_VALUE(low >= 0 && high < size, "[", function, "] ", name, " must be from 0 to ", size - 1,
                    ", but one was ", low < 0 ? low : high, ".");
}

/// A plain loop: torch's ops would wake their threads, which spin on beside a run that is looked at between its epochs.
template <class T>
void predict_into(double* values, const Factors& factors, const Tensor& rows, const Tensor& columns) {
  const T *U = factors.U.const_data_ptr<T>(), *V = factors.V.const_data_ptr<T>();
  const int64_t *row = rows.const_data_ptr<int64_t>(), *column = columns.const_data_ptr<int64_t>();
  const int64_t rank = factors.U.size(1);
  for (int64_t i = 0; i < rows.numel(); ++i) {
    const T *u = U + row[i] * rank, *v = V + column[i] * rank;
    double sum = 0;
    for (int64_t k = 0; k < rank; ++k) sum += static_cast<double>(u[k]) * static_cast<double>(v[k]);
    values[i] = sum;
  }
}

}  // namespace

Tensor predict(const Factors& factors, const Tensor& rows, const Tensor& columns) {
  constexpr char function[] = "predict";
  const PlainComputation guard;
  const at::NoGradGuard no_grad;
  const Factors on_cpu = plain(function, factors, /*may_stay=*/true);
  check_indices(function, "rows", rows, on_cpu.U.size(0));
  check_indices(function, "columns", columns, on_cpu.V.size(0));
  TORCH_CHECK_VALUE(rows.numel() == columns.numel(), "[", function,
                    "] rows and columns must be of one length, but were ", rows.numel(), " and ", columns.numel(), ".");
  const Tensor values = at::empty({rows.numel()}, at::TensorOptions(at::kDouble));
  const auto into = on_cpu.U.scalar_type() == at::kFloat ? predict_into<float> : predict_into<double>;
  into(values.mutable_data_ptr<double>(), on_cpu, rows.cpu().contiguous(), columns.cpu().contiguous());
  return values;
}

std::vector<RankedRow> best_rows(const Factors& factors, int64_t column, int64_t count,
                                 const std::optional<Tensor>& seen) {
  constexpr char function[] = "best_rows";
  const PlainComputation guard;
  const at::NoGradGuard no_grad;
  const auto [U, V] = plain(function, factors);
  TORCH_CHECK_VALUE(column >= 0 && column < V.size(0), "[", function, "] column must be from 0 to ", V.size(0) - 1,
                    ", but was ", column, ".");
  TORCH_CHECK_VALUE(count >= 0, "[", function, "] count must be at least 0, but was ", count, ".");
  TORCH_CHECK_VALUE(!seen || (seen->dim() == 1 && seen->size(0) == U.size(0)), "[", function,
                    "] seen must have one value for each of the ", U.size(0), " rows, but was ",
                    seen ? shape_of(*seen) : "", ".");
  const Tensor values = at::mv(U, V.select(0, column)).contiguous();
  const Tensor left_out = seen ? seen->detach().to(at::kCPU).ne(0).contiguous() : Tensor();
  const double* value = values.const_data_ptr<double>();
  std::vector<RankedRow> rows;
  for (int64_t row = 0; row < U.size(0); ++row) {
    if (left_out.defined() && left_out.const_data_ptr<bool>()[row]) continue;
    rows.push_back({row, value[row]});
  }
  const auto kept = static_cast<std::ptrdiff_t>(std::min(count, static_cast<int64_t>(rows.size())));
  std::partial_sort(rows.begin(), rows.begin() + kept, rows.end(), [](const RankedRow& a, const RankedRow& b) {
    return a.value != b.value ? a.value > b.value : a.row < b.row;
  });
  rows.resize(static_cast<size_t>(kept));
  return rows;
}

double largest_difference(const Factors& a, const Factors& b) {
  constexpr char function[] = "largest_difference";
  constexpr int64_t kStrip = int64_t{1} << 20;  // entries at a time
  const PlainComputation guard;
  const at::NoGradGuard no_grad;
  const auto [Ua, Va] = plain(function, a);
  const auto [Ub, Vb] = plain(function, b);
  TORCH_CHECK_VALUE(Ua.size(0) == Ub.size(0) && Va.size(0) == Vb.size(0), "[", function,
                    "] both must be of one shape, but one is ", Ua.size(0), " x ", Va.size(0), ", the other ",
                    Ub.size(0), " x ", Vb.size(0), ".");
  const int64_t rows = std::max<int64_t>(1, kStrip / Va.size(0));
  double largest = 0;
  for (int64_t r = 0; r < Ua.size(0); r += rows) {
    const int64_t height = std::min(rows, Ua.size(0) - r);
    const Tensor difference = Ua.narrow(0, r, height).mm(Va.t()) - Ub.narrow(0, r, height).mm(Vb.t());
    largest = std::max(largest, difference.abs().max().item<double>());
  }
  return largest;
}

}  // namespace factorise
