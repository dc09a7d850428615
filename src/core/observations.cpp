// Counts and sums, a strip of rows at a time, so that no matrix of A's shape is needed beside it.

#include <factorise/observations.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/checks.h"
#include "core/driver.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "observations";
constexpr int64_t kStrip = int64_t{1} << 18;  // entries at a time

/// Count, sum, lowest and highest of the entries so far.
struct Sum {
  int64_t count = 0;
  double total = 0, low = std::numeric_limits<double>::infinity(), high = -low;

  void add(double value) {
    ++count;
    total += value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

Observations of_sum(const Sum& sum, const Tensor& row_counts, const Tensor& column_counts) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  if (sum.count == 0) return {row_counts, column_counts, none, {none, none}};
  return {row_counts, column_counts, sum.total / static_cast<double>(sum.count), {sum.low, sum.high}};
}

Tensor no_counts(int64_t size) { return at::zeros({size}, at::TensorOptions(at::kLong)); }

Observations of_matrix(const Tensor& A, const Tensor& M) {
  const int64_t m = A.size(0), n = A.size(1), height = std::max<int64_t>(1, kStrip / n);
  const bool masked = M.defined();
  const Tensor rows = masked ? no_counts(m) : at::full({m}, n, at::TensorOptions(at::kLong));
  const Tensor columns = masked ? no_counts(n) : at::full({n}, m, at::TensorOptions(at::kLong));
  auto *of_row = rows.mutable_data_ptr<int64_t>(), *of_column = columns.mutable_data_ptr<int64_t>();
  Sum sum;
  for (int64_t r = 0; r < m; r += height) {
    const int64_t strip = std::min(height, m - r);
    const Tensor values = A.narrow(0, r, strip).to(at::kCPU, at::kDouble).contiguous();
    const auto* value = values.const_data_ptr<double>();
    if (!masked) {
      for (int64_t i = 0; i < values.numel(); ++i) sum.add(value[i]);
      continue;
    }
    const Tensor marks = M.narrow(0, r, strip).cpu();
    const bool* mark = marks.const_data_ptr<bool>();
    for (int64_t i = 0; i < strip; ++i) {
      for (int64_t c = 0; c < n; ++c) {
        if (!mark[i * n + c]) continue;
        ++of_row[r + i];
        ++of_column[c];
        sum.add(value[i * n + c]);
      }
    }
  }
  return of_sum(sum, rows, columns);
}

Observations of_entries(const EntryLists& lists, int64_t n) {
  const Tensor rows = lists.starts.diff(), columns = no_counts(n);
  auto* of_column = columns.mutable_data_ptr<int64_t>();
  Sum sum;
  for (int64_t e = 0; e < lists.values.numel(); e += kStrip) {
    const int64_t piece = std::min(kStrip, lists.values.numel() - e);
    const Tensor values = lists.values.narrow(0, e, piece).to(at::kDouble).contiguous();
    for (int64_t i = 0; i < piece; ++i) {
      ++of_column[lists.indices.const_data_ptr<int32_t>()[e + i]];
      sum.add(values.const_data_ptr<double>()[i]);
    }
  }
  return of_sum(sum, rows, columns);
}

}  // namespace

Observations observations(const Tensor& A, const std::optional<Tensor>& M) {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const Observed observed = observe_any(kFunction, A, M);
  check_marks(kFunction, observed);
  const Observed::Data& data = observed.data();
  return data.is_sparse() ? of_entries(*data.given, A.size(1)) : of_matrix(data.A, data.observed());
}

int64_t count_unobserved(const Tensor& counts) { return counts.defined() ? counts.eq(0).sum().item<int64_t>() : 0; }

}  // namespace factorise
