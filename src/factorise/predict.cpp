// Entries of U Vᵀ, never all of them at once.

#include <factorise/predict.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mv.h>

#include <algorithm>
#include <numeric>

#include "factorise/arguments.h"
#include "factorise/epochs.h"

namespace factorise {
namespace {

constexpr int64_t kStrip = int64_t{1} << 20;  // entries at a time

/// The factors in float64 on the CPU, checked.
Factors plain(const char* function, const Factors& factors) {
  check_matrix(function, "U", factors.U);
  check_matrix(function, "V", factors.V);
  TORCH_CHECK_VALUE(factors.U.size(1) == factors.V.size(1), "[", function,
                    "] U and V must have as many columns as each other, but were ", shape_of(factors.U), " and ",
                    shape_of(factors.V), ".");
  const auto options = at::TensorOptions(at::kDouble).device(at::kCPU);
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

}  // namespace

Tensor predict(const Factors& factors, const Tensor& rows, const Tensor& columns) {
  constexpr char function[] = "predict";
  const PlainComputation guard;
  const at::NoGradGuard no_grad;
  const auto [U, V] = plain(function, factors);
  check_indices(function, "rows", rows, U.size(0));
  check_indices(function, "columns", columns, V.size(0));
  TORCH_CHECK_VALUE(rows.numel() == columns.numel(), "[", function,
                    "] rows and columns must be of one length, but were ", rows.numel(), " and ", columns.numel(), ".");
  const Tensor row = rows.cpu(), column = columns.cpu();
  Tensor values = at::empty({row.numel()}, U.options());
  for (int64_t i = 0; i < row.numel(); i += kStrip) {
    const int64_t count = std::min(kStrip, row.numel() - i);
    const Tensor u = U.index_select(0, row.narrow(0, i, count)), v = V.index_select(0, column.narrow(0, i, count));
    values.narrow(0, i, count).copy_((u * v).sum(1));
  }
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
