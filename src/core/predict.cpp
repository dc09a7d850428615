// Entries of U Vᵀ, never all of them at once.

#include <factorise/predict.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/checks.h"
#include "core/derivatives.h"
#include "core/driver.h"

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

/// `least`: 0, or -1 where -1 stands for a row or column that the factors do not have.
void check_indices(const char* function, const char* name, const Tensor& indices, int64_t size, int64_t least = 0) {
  TORCH_CHECK_VALUE(indices.defined() && indices.scalar_type() == at::kLong && indices.dim() == 1, "[", function, "] ",
                    name, " must be a 1-D tensor of int64.");
  if (indices.numel() == 0) return;
  const int64_t low = indices.min().item<int64_t>(), high = indices.max().item<int64_t>();
  TORCH_CHECK_VALUE(low >= least && high < size, "[", function, "] ", name, " must be from ", least, " to ", size - 1,
                    ", but one was ", low < least ? low : high, ".");
}

/// A plain loop: torch's ops would wake OpenMP's threads, which keep spinning during the next epochs of the run. Marked
/// entries are left as they are.
template <class T>
void predict_into(double* values, const bool* marked, const Factors& factors, const Tensor& rows,
                  const Tensor& columns) {
  const T *U = factors.U.const_data_ptr<T>(), *V = factors.V.const_data_ptr<T>();
  const int64_t *row = rows.const_data_ptr<int64_t>(), *column = columns.const_data_ptr<int64_t>();
  const int64_t rank = factors.U.size(1);
  for (int64_t i = 0; i < rows.numel(); ++i) {
    if (marked && marked[i]) continue;
    const T *u = U + row[i] * rank, *v = V + column[i] * rank;
    double sum = 0;
    for (int64_t k = 0; k < rank; ++k) sum += static_cast<double>(u[k]) * static_cast<double>(v[k]);
    values[i] = sum;
  }
}

/// Factors and indices, checked and on the CPU.
struct Asked {
  Factors factors;
  Tensor rows, columns;
};

Asked checked(const Factors& factors, const Tensor& rows, const Tensor& columns, int64_t least) {
  constexpr char function[] = "predict";
  const Factors on_cpu = plain(function, factors, /*may_stay=*/true);
  check_indices(function, "rows", rows, on_cpu.U.size(0), least);
  check_indices(function, "columns", columns, on_cpu.V.size(0), least);
  TORCH_CHECK_VALUE(rows.numel() == columns.numel(), "[", function,
                    "] rows and columns must be of one length, but were ", rows.numel(), " and ", columns.numel(), ".");
  return {on_cpu, rows.cpu().contiguous(), columns.cpu().contiguous()};
}

Tensor products(const Asked& asked, const bool* marked = nullptr) {
  const Tensor values = at::empty({asked.rows.numel()}, at::TensorOptions(at::kDouble));
  const auto into = asked.factors.U.scalar_type() == at::kFloat ? predict_into<float> : predict_into<double>;
  into(values.mutable_data_ptr<double>(), marked, asked.factors, asked.rows, asked.columns);
  return values;
}

void check_draws(const char* function, const Draws& draws, int64_t columns) {
  TORCH_CHECK_VALUE(draws.count >= 1 && columns % draws.count == 0, "[", function,
                    "] draws.count must be a number of draws that the factors' ", columns,
                    " columns can be of, but was ", draws.count, ".");
  TORCH_CHECK_VALUE(draws.noise_variance >= 0 || std::isnan(draws.noise_variance), "[", function,
                    "] draws.noise_variance must be at least 0, but was ", draws.noise_variance, ".");
  const auto fits = [&](const Tensor& factor) {
    return factor.dim() == 2 && factor.size(0) == 1 && factor.size(1) == columns;
  };
  const auto& [U, V] = draws.unseen;
  TORCH_CHECK_VALUE(U.defined() == V.defined() && (!U.defined() || (fits(U) && fits(V))), "[", function,
                    "] draws.unseen must be a row of each factor, 1 x ", columns, ", but is not.");
}

/// The same with the draws of what A does not have after the other rows and columns, for the index -1.
Asked with_unseen(const Asked& asked, const Draws& draws) {
  const auto& [U, V] = asked.factors;
  const auto both = [](const Tensor& factor, const Tensor& row) {
    return at::cat({factor, row.detach().to(at::kCPU, factor.scalar_type())});
  };
  const auto indices = [](const Tensor& given, int64_t size) { return given.masked_fill(given.lt(0), size); };
  return {{both(U, draws.unseen.U), both(V, draws.unseen.V)},
          indices(asked.rows, U.size(0)),
          indices(asked.columns, V.size(0))};
}

/// The standard deviation of a rating, from the products of a row's draws with a column's.
template <class T>
double deviation(const T* u, const T* v, int64_t columns, const Draws& draws) {
  const int64_t width = columns / draws.count;
  const auto count = static_cast<double>(draws.count);
  double mean = 0, squares = 0;
  for (int64_t draw = 0; draw < draws.count; ++draw) {
    double product = 0;
    for (int64_t k = draw * width; k < (draw + 1) * width; ++k) {
      product += static_cast<double>(u[k]) * static_cast<double>(v[k]);
    }
    product *= count;  // V is divided by it
    const double before = product - mean;
    mean += before / static_cast<double>(draw + 1);
    squares += before * (product - mean);
  }
  return std::sqrt(squares / (count - 1) + draws.noise_variance);  // NaN of one draw
}

template <class T>
void deviations_into(double* values, const bool* marked, const Asked& asked, const Draws& draws) {
  const T *U = asked.factors.U.const_data_ptr<T>(), *V = asked.factors.V.const_data_ptr<T>();
  const int64_t *row = asked.rows.const_data_ptr<int64_t>(), *column = asked.columns.const_data_ptr<int64_t>();
  const int64_t columns = asked.factors.U.size(1);
  for (int64_t i = 0; i < asked.rows.numel(); ++i) {
    values[i] = marked[i] ? std::numeric_limits<double>::quiet_NaN()
                          : deviation(U + row[i] * columns, V + column[i] * columns, columns, draws);
  }
}

/// The counts, checked, or undefined where they are not known.
Tensor checked_counts(const char* function, const char* name, const Tensor& counts, int64_t size) {
  TORCH_CHECK_VALUE(
      !counts.defined() || (counts.scalar_type() == at::kLong && counts.dim() == 1 && counts.size(0) == size), "[",
      function, "] ", name, " must be a 1-D tensor of int64 with a count for each of the ", size, ", but was ",
      counts.defined() ? shape_of(counts) : "", ".");
  return counts.defined() ? counts.cpu().contiguous() : counts;
}

/// Marks the indices of rows or columns without an observed entry.
void mark_unobserved(bool* marks, const Tensor& indices, const Tensor& counts) {
  const auto* index = indices.const_data_ptr<int64_t>();
  const auto* count = counts.defined() ? counts.const_data_ptr<int64_t>() : nullptr;
  for (int64_t i = 0; i < indices.numel(); ++i) {
    if (index[i] < 0 || (count && count[index[i]] == 0)) marks[i] = true;
  }
}

void check_seen(const char* function, const std::optional<Tensor>& seen, int64_t rows) {
  TORCH_CHECK_VALUE(!seen || (seen->dim() == 1 && seen->size(0) == rows), "[", function,
                    "] seen must have one value for each of the ", rows, " rows, but was ", seen ? shape_of(*seen) : "",
                    ".");
}

/// The prediction for a row or column without an observed entry.
double fallback_of(const Observations& observed) { return observed.mean; }

}  // namespace

Tensor predict(const Factors& factors, const Tensor& rows, const Tensor& columns) {
  const PlainComputation guard;
  const at::NoGradGuard no_grad;
  return products(checked(factors, rows, columns, /*least=*/0));
}

Predictions predict(const Factors& factors, const Observations& observed, const Tensor& rows, const Tensor& columns,
                    const std::optional<Range>& clip, const std::optional<Draws>& draws) {
  constexpr char function[] = "predict";
  const PlainComputation guard;
  const at::NoGradGuard no_grad;
  Asked asked = checked(factors, rows, columns, /*least=*/-1);
  TORCH_CHECK_VALUE(!clip || clip->low <= clip->high, "[", function, "] clip.low must be at most clip.high, but was ",
                    clip ? clip->low : 0, " with ", clip ? clip->high : 0, ".");
  if (draws) check_draws(function, *draws, asked.factors.U.size(1));
  const Tensor fallback = at::zeros({asked.rows.numel()}, at::TensorOptions(at::kBool));
  bool* marks = fallback.mutable_data_ptr<bool>();
  const Tensor rows_of = checked_counts(function, "row_counts", observed.row_counts, asked.factors.U.size(0));
  const Tensor columns_of = checked_counts(function, "column_counts", observed.column_counts, asked.factors.V.size(0));
  const auto has_unseen = [](const Tensor& indices) { return indices.lt(0).any().item<bool>(); };
  if (draws && draws->unseen.U.defined() && (has_unseen(asked.rows) || has_unseen(asked.columns))) {
    asked = with_unseen(asked, *draws);
  }
  mark_unobserved(marks, asked.rows, draws ? Tensor() : rows_of);
  mark_unobserved(marks, asked.columns, draws ? Tensor() : columns_of);
  Tensor values = products(asked, marks);
  double* value = values.mutable_data_ptr<double>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    if (marks[i]) value[i] = fallback_of(observed);
    if (clip) value[i] = std::clamp(value[i], clip->low, clip->high);
  }
  if (!draws) return {values, fallback};
  const Tensor deviations = at::empty_like(values);
  const auto into = asked.factors.U.scalar_type() == at::kFloat ? deviations_into<float> : deviations_into<double>;
  into(deviations.mutable_data_ptr<double>(), marks, asked, *draws);
  return {values, fallback, deviations};
}

namespace {

std::vector<RankedDraws> ranked_rows(const Factors& factors, const std::optional<Draws>& draws, int64_t column,
                                     int64_t count, const std::optional<Tensor>& seen, RankBy by) {
  constexpr char function[] = "best_rows";
  const PlainComputation guard;
  const at::NoGradGuard no_grad;
  const auto [U, V] = plain(function, factors);
  if (draws) check_draws(function, *draws, U.size(1));
  TORCH_CHECK_VALUE(by == RankBy::value || (draws && draws->count >= 2), "[", function,
                    "] draws must be at least 2 to rank by what is below the values, but there are ",
                    draws ? draws->count : 0, ".");
  TORCH_CHECK_VALUE(column >= 0 && column < V.size(0), "[", function, "] column must be from 0 to ", V.size(0) - 1,
                    ", but was ", column, ".");
  TORCH_CHECK_VALUE(count >= 0, "[", function, "] count must be at least 0, but was ", count, ".");
  check_seen(function, seen, U.size(0));
  const Tensor values = at::mv(U, V.select(0, column)).contiguous();
  const Tensor left_out = seen ? seen->detach().to(at::kCPU).ne(0).contiguous() : Tensor();
  const double* value = values.const_data_ptr<double>();
  std::vector<RankedDraws> rows;
  for (int64_t row = 0; row < U.size(0); ++row) {
    if (left_out.defined() && left_out.const_data_ptr<bool>()[row]) continue;
    rows.push_back({row, value[row], 0});
  }
  const auto add_deviations = [&, &U = U, &V = V] {
    const double* v = V.const_data_ptr<double>() + column * V.size(1);
    for (RankedDraws& of : rows) {
      of.deviation = deviation(U.const_data_ptr<double>() + of.row * U.size(1), v, U.size(1), *draws);
    }
  };
  if (by == RankBy::lower) add_deviations();
  const auto kept = static_cast<std::ptrdiff_t>(std::min(count, static_cast<int64_t>(rows.size())));
  std::partial_sort(rows.begin(), rows.begin() + kept, rows.end(), [by](const RankedDraws& a, const RankedDraws& b) {
    const auto key = [by](const RankedDraws& x) { return by == RankBy::lower ? x.value - x.deviation : x.value; };
    return key(a) != key(b) ? key(a) > key(b) : a.row < b.row;
  });
  rows.resize(static_cast<size_t>(kept));
  if (draws && by == RankBy::value) add_deviations();  // of the ranked alone
  return rows;
}

std::vector<RankedRow> without_deviations(const std::vector<RankedDraws>& ranked) {
  std::vector<RankedRow> rows;
  for (const auto& [row, value, deviation] : ranked) rows.push_back({row, value});
  return rows;
}

}  // namespace

std::vector<RankedRow> best_rows(const Factors& factors, int64_t column, int64_t count,
                                 const std::optional<Tensor>& seen) {
  return without_deviations(ranked_rows(factors, std::nullopt, column, count, seen, RankBy::value));
}

namespace {

std::vector<RankedDraws> ranked_observed(const Factors& factors, const std::optional<Draws>& draws,
                                         const Observations& observed, int64_t column, int64_t count,
                                         const std::optional<Tensor>& seen, RankBy by) {
  constexpr char function[] = "best_rows";
  const at::NoGradGuard no_grad;
  check_matrix(function, "U", factors.U);
  check_matrix(function, "V", factors.V);
  check_seen(function, seen, factors.U.size(0));
  const Tensor rows = checked_counts(function, "row_counts", observed.row_counts, factors.U.size(0));
  const Tensor columns = checked_counts(function, "column_counts", observed.column_counts, factors.V.size(0));
  std::optional<Tensor> left_out = seen;
  if (rows.defined()) left_out = seen ? seen->detach().to(at::kCPU).ne(0).logical_or(rows.eq(0)) : rows.eq(0);
  const std::vector<RankedDraws> best = ranked_rows(factors, draws, column, count, left_out, by);
  const bool is_known = draws || !columns.defined() || columns.const_data_ptr<int64_t>()[column] > 0;
  return is_known ? best : std::vector<RankedDraws>();
}

}  // namespace

std::vector<RankedRow> best_rows(const Factors& factors, const Observations& observed, int64_t column, int64_t count,
                                 const std::optional<Tensor>& seen) {
  return without_deviations(ranked_observed(factors, std::nullopt, observed, column, count, seen, RankBy::value));
}

std::vector<RankedDraws> best_rows(const Factors& factors, const Draws& draws, const Observations& observed,
                                   int64_t column, int64_t count, const std::optional<Tensor>& seen, RankBy by) {
  return ranked_observed(factors, draws, observed, column, count, seen, by);
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
