// A run of fused full-batch descent: packs A, and runs the epochs.

#include "methods/gd_state.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "core/checks.h"
#include "cpu/row_kernels.h"
#include "cpu/rows.h"

namespace factorise {
namespace {

using cpu::kBlockRows;

/// The ratings as bytes, each row filled up to whole cells; undefined where bytes cannot hold them. Rows are read one
/// at a time, so that A is not converted whole.
template <class T>
Tensor to_bytes(cpu::Crew& crew, const Tensor& A, const std::optional<Tensor>& M) {
  constexpr int64_t kRowsOfTask = 16;
  const int64_t rows = A.size(0), columns = A.size(1);
  const int64_t stride = (columns + cpu::kLanes<T> - 1) / cpu::kLanes<T> * cpu::kLanes<T>;
  const Tensor packed = at::detail::empty_cpu({rows, stride}, at::kChar);
  int8_t* to = packed.mutable_data_ptr<int8_t>();
  const cpu::RowReader<T> values(A);
  const cpu::MaskReader mask(M, columns);
  const cpu::RowKernels<T>& kernels = cpu::row_kernels<T>(cpu::chosen_isa());
  std::atomic<bool> fits{true};
  const auto pack_some = [&](int64_t task) {
    if (!fits.load(std::memory_order_relaxed)) return;
    std::vector<T> row(static_cast<size_t>(columns));
    std::vector<uint8_t> seen(static_cast<size_t>(columns));
    for (int64_t r = task * kRowsOfTask; r < std::min(rows, (task + 1) * kRowsOfTask); ++r) {
      const uint8_t* marks = M ? mask.row(r, seen.data()) : nullptr;
      if (!kernels.to_signed_bytes(values.row(r, row.data()), marks, columns, to + r * stride)) fits = false;
      std::fill(to + r * stride + columns, to + (r + 1) * stride, cpu::kMissing);
    }
  };
  crew.for_each((rows + kRowsOfTask - 1) / kRowsOfTask, pack_some);
  return fits ? packed : Tensor();
}

/// Fills rows up to whole cells where the copy is small: a partial cell makes a small problem a tenth slower.
Tensor whole_cells(const Tensor& matrix, int64_t lanes) {
  const int64_t missing = (lanes - matrix.size(1) % lanes) % lanes;
  return missing > 0 && matrix.numel() < (1 << 20) ? at::constant_pad_nd(matrix, {0, missing}) : matrix;
}

/// A and M (left out: everywhere) are on the CPU, of any type and strides; entries that are not observed may be NaN.
/// Lanes lie along the longer side.
PackedRatings pack_ratings(cpu::Crew& crew, const Tensor& given, const std::optional<Tensor>& mask) {
  const bool turned = given.size(0) > given.size(1);
  const auto along = [&](const Tensor& matrix) { return turned ? matrix.t().contiguous() : matrix; };
  const Tensor A = along(given);
  const std::optional<Tensor> M = mask ? std::optional(along(*mask)) : std::nullopt;
  const bool in_double = computing_type(A) == at::kDouble;
  const Tensor bytes = in_double ? to_bytes<double>(crew, A, M) : to_bytes<float>(crew, A, M);
  if (bytes.defined()) return {turned, bytes, {}};
  const int64_t lanes = in_double ? cpu::kLanes<double> : cpu::kLanes<float>;
  const Tensor values = whole_cells(to_computing_type(A), lanes);
  return {turned, values, M ? whole_cells(M->to(at::kBool).contiguous(), lanes) : Tensor()};
}

template <class T>
cpu::GdRatings<T> ratings_of(const PackedRatings& packed) {
  cpu::GdRatings<T> A;
  A.rows = packed.values.size(0);
  A.columns = A.stride = packed.values.size(1);
  if (packed.values.scalar_type() == at::kChar) {
    A.bytes = packed.values.const_data_ptr<int8_t>();
  } else {
    A.values = packed.values.const_data_ptr<T>();
    if (packed.observed.defined()) A.observed = packed.observed.const_data_ptr<bool>();
  }
  return A;
}

template <class T>
T* data(const Tensor& tensor) {
  return tensor.mutable_data_ptr<T>();
}

}  // namespace

template <class T>
GdState<T>::GdState(const Observed& observed, const Factors& start)
    : crew_(cpu::threads_for(static_cast<double>(start.U.numel()) * static_cast<double>(start.V.size(0)))),
      ratings_(pack_ratings(crew_, observed.data().A, observed.data().mask_as_given())),
      rows_(start.U.size(0)),
      columns_(start.V.size(0)),
      state_{cpu::to_groups<T>(ratings_.turned ? start.V : start.U, kBlockRows),
             cpu::to_groups<T>(ratings_.turned ? start.U : start.V, cpu::kLanes<T>)},
      next_{at::empty_like(state_.U), at::empty_like(state_.V)},
      passes_(crew_, ratings_of<T>(ratings_), start.U.size(1)) {}

template <class T>
void GdState<T>::masked_step(double lr) {
  const T c = static_cast<T>(lr);
  T *const X = data<T>(state_.U), *const Y = data<T>(state_.V), *const x = data<T>(next_.U),
           *const y = data<T>(next_.V);
  if (ratings_.turned) {  // U is Y
    passes_.scatter(X, X, Y, y);
    passes_.advance_columns(c, y, Y, y);
    passes_.gather(X, Y, y, x);
    passes_.advance_rows(c, x, X, x);
  } else {
    passes_.gather(X, Y, Y, x);
    passes_.advance_rows(c, x, X, x);
    passes_.scatter(X, x, Y, y);
    passes_.advance_columns(c, y, Y, y);
  }
  std::swap(state_, next_);
}

template <class T>
void GdState<T>::gradient_step(double lr, AdLoss loss) {
  T *const X = data<T>(state_.U), *const Y = data<T>(state_.V), *const x = data<T>(next_.U),
           *const y = data<T>(next_.V);
  double c = 2 * lr;
  if (loss == AdLoss::squared) {
    passes_.gather(X, Y, Y, x);
  } else {
    // The gradient of the norm is that of its square divided by 2 norm; at zero, where there is none, torch takes zero.
    const double norm = std::sqrt(passes_.gather_with_error(X, Y, Y, x));
    c = norm > 0 ? lr / norm : 0;
  }
  passes_.scatter(X, X, Y, y);
  passes_.advance_rows(static_cast<T>(c), x, X, X);
  passes_.advance_columns(static_cast<T>(c), y, Y, Y);
}

template <class T>
double GdState<T>::loss(AdLoss loss) {
  const T *const X = data<T>(state_.U), *const Y = data<T>(state_.V);
  const double squared = passes_.gather_with_error(X, Y, Y, nullptr);
  return loss == AdLoss::norm ? std::sqrt(squared) : squared;
}

template <class T>
Factors GdState<T>::factors() const {
  const Tensor X = cpu::from_groups<T>(state_.U, ratings_.turned ? columns_ : rows_);
  const Tensor Y = cpu::from_groups<T>(state_.V, ratings_.turned ? rows_ : columns_);
  return ratings_.turned ? Factors{Y, X} : Factors{X, Y};
}

template class GdState<float>;
template class GdState<double>;

}  // namespace factorise
