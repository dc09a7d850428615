// Judging factors: the reconstruction, and the squared error as a float64 sum in a fixed order.

#include <ATen/TensorOperators.h>
#include <factorise/factors.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <numeric>
#include <vector>

#include "contract/error.h"
#include "core/checks.h"
#include "core/driver.h"
#include "core/list_error.h"
#include "cpu/rows.h"
#include "cpu/threads/crew.h"

namespace factorise {
namespace {

void check_factors(const char* function, const Factors& factors) {
  check_matrix(function, "U", factors.U);
  check_matrix(function, "V", factors.V);
  TORCH_CHECK_VALUE(factors.U.size(1) == factors.V.size(1), "[", function,
                    "] U and V must have as many columns as each other, but were ", shape_of(factors.U), " and ",
                    shape_of(factors.V), ".");
  TORCH_CHECK_VALUE(factors.U.device() == factors.V.device(), "[", function,
                    "] U and V must be on one device, but were on ", factors.U.device(), " and ", factors.V.device(),
                    ".");
}

/// The sum over one row's columns [begin, end). Vt is rank x n.
template <class T>
double tile_error(const T* row, const bool* observed, const double* u, const double* Vt, int64_t rank, int64_t n,
                  int64_t begin, int64_t end) {
  std::array<double, kTile> product{};
  const int64_t width = end - begin;
  for (int64_t k = 0; k < rank; ++k) {
    const double* v = Vt + k * n + begin;
    for (int64_t c = 0; c < width; ++c) product[c] += u[k] * v[c];
  }
  std::array<double, kLanes> sums{};
  for (int64_t c = 0; c < width; ++c) {
    // Entries that are not observed are zeroed by their bits, without a branch: a processor cannot predict which they
    // are.
    const uint64_t seen = observed ? -static_cast<uint64_t>(observed[begin + c]) : ~uint64_t{0};
    const auto e = std::bit_cast<uint64_t>(static_cast<double>(row[begin + c]) - product[c]);
    const double counted = std::bit_cast<double>(e & seen);
    sums[c % kLanes] += counted * counted;
  }
  double sum = 0;
  for (const double lane : sums) sum += lane;
  return sum;
}

/// A of any real type and strides, a row of which is converted at a time. Tiles are summed side by side, and added in
/// their order.
template <class T>
double cpu_error(const Tensor& A, const Tensor& observed, const Tensor& U, const Tensor& Vt) {
  constexpr int64_t kRowsOfTask = 16;
  const int64_t m = A.size(0), n = A.size(1), rank = U.size(1), tiles = (n + kTile - 1) / kTile;
  const cpu::RowReader<T> values(A);
  std::vector<double> sums(static_cast<size_t>(m * tiles));
  cpu::Crew crew(cpu::threads_for(static_cast<double>(U.numel()) * static_cast<double>(n)));
  crew.for_each((m + kRowsOfTask - 1) / kRowsOfTask, [&](int64_t task) {
    std::vector<T> row(static_cast<size_t>(n));
    for (int64_t r = task * kRowsOfTask; r < std::min(m, (task + 1) * kRowsOfTask); ++r) {
      values.read(r, row.data());
      const bool* mask = observed.defined() ? observed.const_data_ptr<bool>() + r * n : nullptr;
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t begin = tile * kTile;
        sums[static_cast<size_t>(r * tiles + tile)] =
            tile_error(row.data(), mask, U.const_data_ptr<double>() + r * rank, Vt.const_data_ptr<double>(), rank, n,
                       begin, std::min(n, begin + kTile));
      }
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// The same on a device, in strips of rows so that no second matrix of A's size is needed.
double device_error(const Tensor& A, const Tensor& observed, const Tensor& U, const Tensor& Vt) {
  const int64_t rows = std::max<int64_t>(1, (int64_t{1} << 20) / A.size(1));
  Tensor sum = U.new_zeros({});
  for (int64_t r = 0; r < A.size(0); r += rows) {
    const int64_t height = std::min(rows, A.size(0) - r);
    Tensor e = A.narrow(0, r, height).to(at::kDouble) - U.narrow(0, r, height).mm(Vt);
    if (observed.defined()) e = e.masked_fill(observed.narrow(0, r, height).logical_not(), 0);
    sum = sum + e.square().sum();
  }
  return sum.item<double>();
}

}  // namespace

Tensor reconstruct(const Factors& factors) {
  check_factors("reconstruct", factors);
  return factors.U.mm(factors.V.t());
}

double squared_error(const Observed& observed, const Factors& factors) {
  const Observed::Data& data = observed.data();
  if (data.is_sparse()) return squared_error_of(data.by_row(), factors);
  const Tensor U = factors.U.detach().to(at::kDouble).contiguous();
  const Tensor Vt = factors.V.detach().to(at::kDouble).t().contiguous();
  if (!data.A.is_cpu()) return device_error(data.dense(), data.observed(), U, Vt);
  return observed.type() == at::kDouble ? cpu_error<double>(data.A, data.observed(), U, Vt)
                                        : cpu_error<float>(data.A, data.observed(), U, Vt);
}

double squared_error(const Tensor& A, const Factors& factors, const std::optional<Tensor>& M) {
  constexpr char function[] = "squared_error";
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const Observed observed = observe_any(function, A, M);
  check_factors(function, factors);
  TORCH_CHECK_VALUE(factors.U.size(0) == A.size(0) && factors.V.size(0) == A.size(1), "[", function,
                    "] U must have A's ", A.size(0), " rows and V its ", A.size(1), " columns, but U was ",
                    shape_of(factors.U), " and V ", shape_of(factors.V), ".");
  TORCH_CHECK_VALUE(factors.U.device() == A.device(), "[", function, "] the factors must be on A's device ", A.device(),
                    ", but were on ", factors.U.device(), ".");
  check_marks(function, observed);
  return squared_error(observed, factors);
}

int64_t count_observed(const Tensor& M) {
  check_matrix("count_observed", "M", M);
  return check_mask("count_observed", M, M).sum().item<int64_t>();
}

}  // namespace factorise
