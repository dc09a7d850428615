// Alternating least squares. Fused engine: the kernels of src/cpu/least_squares. Reference engine: the same equations
// by torch's operators, row by row.

#include <factorise/als.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <utility>

#include "core/checks.h"
#include "core/driver.h"
#include "cpu/least_squares/least_squares.h"
#include "cpu/threads/crew.h"
#include "methods/method.h"

namespace factorise {
namespace {

/// Columns that biases add to U and V.
constexpr int64_t kBiasColumns = 2;

/// A side of the matrix.
enum class Side { row, column };

/// Sweeps by half.
class AlsSession : public Session {
 public:
  AlsSession(const char* function, const Observed& observed, const Factors& start, const AlsOptions& options)
      : function_(function),
        observed_(observed),
        rank_(start.U.size(1) - (options.biases() ? kBiasColumns : 0)),
        options_(options),
        mean_(options.biases() ? observed.data().mean() : 0),
        sweeps_(options.epochs_done()) {}

  int64_t advance(int64_t epochs) final {
    const WithoutAutograd guard;
    for (int64_t i = 1; i <= epochs; ++i) {
      ++sweeps_;
      solve(Side::row, observed_.by_row());
      solve(Side::column, observed_.by_column());
      if (!is_finite()) return i;
    }
    return 0;
  }
  double loss() final { return squared_error(observed_, factors()); }

 protected:
  /// Writes the factors of one side, given those of the other.
  virtual void solve(Side side, const EntryLists& lists) = 0;
  virtual bool is_finite() const = 0;

  /// Refuses a system that is not positive definite.
  [[noreturn]] void refuse(Side side, int64_t index, const EntryLists& lists) const {
    const int64_t count = lists.starts[index + 1].item<int64_t>() - lists.starts[index].item<int64_t>();
    const double given = options_.regularisation();
    TORCH_CHECK_VALUE(false, "[", function_, "] sweep ", sweeps_, ": the factor of ",
                      side == Side::row ? "row " : "column ", index, " (from 0), which has ", count,
                      count == 1 ? " entry" : " entries", ", is not determined at rank ", rank_,
                      " with regularisation ", given, ": its normal equations are not positive definite. Give a ",
                      given > 0 ? "larger regularisation" : "regularisation above 0, as 0.1", ", or a smaller rank.");
  }
  bool has_biases() const { return options_.biases(); }
  /// That of the last unknown; without biases, of a factor as the others.
  double bias_regularisation() const { return options_.bias_regularisation().value_or(options_.regularisation()); }

  const std::string function_;
  const Observed observed_;
  const int64_t rank_;
  const AlsOptions options_;
  const double mean_;

 private:
  int64_t sweeps_;
};

/// Entries in three bytes each.
struct Packed {
  Tensor indices, values;
};

template <class T>
class AlsOnCpu final : public AlsSession {
 public:
  AlsOnCpu(const char* function, const Observed& observed, const Factors& start, const AlsOptions& options)
      : AlsSession(function, observed, start, options),
        unknowns_(rank_ + (has_biases() ? 1 : 0)),
        rows_{padded(start.U)},
        columns_{padded(start.V)} {
    if (has_biases()) {
      rows_.offsets = start.U.select(1, rank_).contiguous();  // μ + b
      columns_.biases = start.V.select(1, rank_ + 1).contiguous();
      columns_.offsets = columns_.biases.add(mean_);
    }
    const auto d = static_cast<double>(unknowns_);
    threads_ = static_cast<int>(cpu::threads_for(static_cast<double>(observed.count()) * d * (d + 3) / 2));
  }

  Factors factors() override {
    const WithoutAutograd guard;
    const auto of = [&](const Half& half, const Tensor& first, const Tensor& second) {
      const int64_t size = half.features.size(0);
      Tensor result = at::empty({size, rank_ + (has_biases() ? kBiasColumns : 0)}, half.features.options());
      result.narrow(1, 0, rank_).copy_(half.features.narrow(1, 0, rank_));
      if (has_biases()) {
        result.select(1, rank_).copy_(first);
        result.select(1, rank_ + 1).copy_(second);
      }
      return result;
    };
    const Tensor one = has_biases() ? at::ones({}, rows_.features.options()) : Tensor();
    return {of(rows_, rows_.offsets, one), of(columns_, one, columns_.biases)};
  }

 private:
  /// What is known of one side.
  struct Half {
    Tensor features;      ///< as the kernels read them: rows of cpu::feature_stride numbers; with biases a 1 at `rank`
    Tensor offsets = {};  ///< with biases, what is subtracted from an entry for the other side: μ and the bias
    Tensor biases = {};   ///< of columns, which cannot be had from the rounded offsets
    Packed packed = {};
  };

  void solve(Side side, const EntryLists& lists) override {
    const bool by_row = side == Side::row;
    Half &own = by_row ? rows_ : columns_, &other = by_row ? columns_ : rows_;
    const cpu::EntryLists<T> entries = pointers<T>(lists, own.features.size(0), other.features.size(0));
    const cpu::LeastSquares<T> problem{entries,
                                       narrow(own.packed, entries),
                                       unknowns_,
                                       other.features.template const_data_ptr<T>(),
                                       has_biases() ? other.offsets.template const_data_ptr<T>() : nullptr,
                                       options_.regularisation(),
                                       bias_regularisation(),
                                       options_.weighted(),
                                       own.features.template mutable_data_ptr<T>()};
    const int64_t failed = cpu::solve_rows(problem, threads_);
    if (failed >= 0) refuse(side, failed, lists);
    if (has_biases()) take_biases(own);
  }

  /// Takes the biases out of the solutions, where a 1 stands for the other side.
  void take_biases(Half& own) const {
    const int64_t stride = own.features.size(1);
    T* features = own.features.template mutable_data_ptr<T>();
    T* offsets = own.offsets.template mutable_data_ptr<T>();
    T* biases = own.biases.defined() ? own.biases.template mutable_data_ptr<T>() : nullptr;
    const T mean = static_cast<T>(mean_);
    for (int64_t row = 0; row < own.features.size(0); ++row) {
      const T bias = std::exchange(features[row * stride + rank_], T(1));
      offsets[row] = mean + bias;
      if (biases) biases[row] = bias;
    }
  }

  bool is_finite() const override {
    const auto finite = [&](const Half& half) {
      return all_finite(half.features) && (!has_biases() || all_finite(half.offsets));
    };
    return finite(rows_) && finite(columns_);
  }

  /// The entries in fewer bytes, where they fit and the kernel reads them; made at the first call.
  cpu::NarrowEntries narrow(Packed& packed, const cpu::EntryLists<T>& entries) const {
    if (!cpu::reads_narrow(unknowns_) || !cpu::fits_narrow(entries.columns, observed_.data().counts().fits_bytes)) {
      return {};
    }
    if (!packed.indices.defined()) {
      packed.indices = at::empty({entries.count()}, at::TensorOptions(at::kUInt16));
      packed.values = at::empty({entries.count()}, at::TensorOptions(at::kByte));
      cpu::narrow_entries(entries, packed.indices.mutable_data_ptr<uint16_t>(),
                          packed.values.mutable_data_ptr<uint8_t>(), threads_);
    }
    return {packed.indices.const_data_ptr<uint16_t>(), packed.values.const_data_ptr<uint8_t>()};
  }

  Tensor padded(const Tensor& factor) const {
    Tensor result = at::zeros({factor.size(0), cpu::feature_stride(unknowns_)}, factor.options());
    result.narrow(1, 0, rank_).copy_(factor.narrow(1, 0, rank_));
    if (has_biases()) result.select(1, rank_).fill_(1);
    return result;
  }

  const int64_t unknowns_;
  Half rows_, columns_;
  int threads_;
};

class AlsReference final : public AlsSession {
 public:
  AlsReference(const char* function, const Observed& observed, const Factors& start, const AlsOptions& options)
      : AlsSession(function, observed, start, options), factors_(start) {}

  Factors factors() override { return copied(factors_); }
  Factors result() override { return factors_; }

 private:
  void solve(Side side, const EntryLists& lists) override {
    const bool by_row = side == Side::row;
    const Tensor &other = by_row ? factors_.V : factors_.U, &own = by_row ? factors_.U : factors_.V;
    // With biases V has a 1 after the rank, as the last feature, and U the offsets; c and 1 follow.
    const Tensor features = !has_biases() ? other
                            : by_row      ? other.narrow(1, 0, rank_ + 1)
                                          : at::cat({other.narrow(1, 0, rank_), other.narrow(1, rank_ + 1, 1)}, 1);
    const Tensor offsets = !has_biases() ? Tensor()
                           : by_row      ? other.select(1, rank_ + 1).add(mean_)
                                         : other.select(1, rank_);
    const Tensor on_cpu = lists.starts.cpu();
    const int64_t* start = on_cpu.const_data_ptr<int64_t>();
    Tensor lambda = at::full({features.size(1)}, options_.regularisation(), own.options());
    lambda[-1].fill_(bias_regularisation());
    for (int64_t row = 0; row < own.size(0); ++row) {
      const int64_t count = start[row + 1] - start[row];
      Tensor x = at::zeros({features.size(1)}, own.options());
      if (count > 0) {
        const Tensor indices = lists.indices.narrow(0, start[row], count);
        const Tensor W = features.index_select(0, indices);
        Tensor t = lists.values.narrow(0, start[row], count);
        if (has_biases()) t = t - offsets.index_select(0, indices);
        const Tensor S = W.t().mm(W);
        S.diagonal().add_(lambda, options_.weighted() ? static_cast<double>(count) : 1);
        const auto [L, info] = at::linalg_cholesky_ex(S);
        if (info.item<int64_t>() != 0) refuse(side, row, lists);
        x = at::cholesky_solve(W.t().mm(t.unsqueeze(1)), L).squeeze(1);
      }
      own.select(0, row).narrow(0, 0, rank_).copy_(x.narrow(0, 0, rank_));
      if (has_biases()) own[row][rank_ + (by_row ? 0 : 1)].copy_(by_row ? x[rank_] + mean_ : x[rank_]);
    }
  }
  bool is_finite() const override { return all_finite(factors_.U) && all_finite(factors_.V); }

  Factors factors_;
};

}  // namespace

void check_options(const char* function, const AlsOptions& options) {
  check_epochs(function, options.num_epochs(), options.report_every());
  TORCH_CHECK_VALUE(std::isfinite(options.regularisation()) && options.regularisation() >= 0, "[", function,
                    "] regularisation must be a finite number of at least 0, but was ", options.regularisation(), ".");
  const double of_biases = options.bias_regularisation().value_or(0);
  TORCH_CHECK_VALUE(std::isfinite(of_biases) && of_biases >= 0, "[", function,
                    "] bias_regularisation must be a finite number of at least 0, but was ", of_biases, ".");
  TORCH_CHECK_VALUE(options.biases() || !options.bias_regularisation(), "[", function,
                    "] bias_regularisation is for biases alone, but biases was false.");
}

Factors start_of(const char* function, const Observed& observed, int64_t rank, const AlsOptions& options) {
  if (!options.biases()) return start(function, observed, rank, options.initial(), options.seed());
  if (options.initial()) {
    const Factors given = start(function, observed, rank + kBiasColumns, options.initial(), options.seed());
    TORCH_CHECK_VALUE(
        given.U.select(1, rank + 1).eq(1).all().item<bool>() && given.V.select(1, rank).eq(1).all().item<bool>(), "[",
        function, "] initial must have the columns that a run with biases returns: column ", rank + 1,
        " of U and column ", rank, " of V (from 0) must be 1 everywhere, but are not.");
    return given;
  }
  const auto [U, V] = start(function, observed, rank, std::nullopt, options.seed());
  const double mean = observed.data().mean();
  const auto column = [](const Tensor& factor, double value) {
    return at::full({factor.size(0), 1}, value, factor.options());
  };
  return {at::cat({U, column(U, mean), column(U, 1)}, 1), at::cat({V, column(V, 1), column(V, 0)}, 1)};
}

std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const AlsOptions& options) {
  const WithoutAutograd guard;
  if (options.engine() == Engine::reference) {
    return std::make_unique<AlsReference>(function, observed, start, options);
  }
  TORCH_CHECK_VALUE(observed.device().is_cpu(), "[", function, "] the fused engine must have kernels for A's device ",
                    observed.device(),
                    ", but alternating least squares has them for the CPU alone. Give A's cpu(), or engine reference.");
  if (observed.type() == at::kDouble) return std::make_unique<AlsOnCpu<double>>(function, observed, start, options);
  return std::make_unique<AlsOnCpu<float>>(function, observed, start, options);
}

Factors als_factorise(const Tensor& A, int64_t rank, const AlsOptions& options) {
  return fit_matrix("als_factorise", A, std::nullopt, rank, options);
}

Factors als_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank, const AlsOptions& options) {
  return fit_matrix("als_factorise_masked", A, M, rank, options);
}

Factors als_factorise_entries(const Tensor& A, int64_t rank, const AlsOptions& options) {
  return fit_entries("als_factorise_entries", A, rank, options);
}

}  // namespace factorise
