// Alternating least squares. Fused engine: the kernels of src/cpu/least_squares. Reference engine: the same equations
// by torch's operators, row by row.

#include <factorise/als.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "core/checks.h"
#include "core/driver.h"
#include "cpu/least_squares/least_squares.h"
#include "cpu/threads/crew.h"
#include "methods/method.h"

namespace factorise {
namespace {

/// A side of the matrix, in sentences.
enum class Side { row, column };

/// Refuses a system that is not positive definite. sweep: from 1.
[[noreturn]] void refuse_system(const char* function, Side side, int64_t index, const EntryLists& lists, int64_t rank,
                                const AlsOptions& options, int64_t sweep) {
  const auto starts = lists.starts.cpu();
  const int64_t* start = starts.const_data_ptr<int64_t>();
  const int64_t count = start[index + 1] - start[index];
  TORCH_CHECK_VALUE(false, "[", function, "] sweep ", sweep, ": the factor of ", side == Side::row ? "row " : "column ",
                    index, " (from 0), which has ", count, count == 1 ? " entry" : " entries",
                    ", is not determined at rank ", rank, " with regularisation ", options.regularisation(),
                    ": its normal equations are not positive definite. Give a ",
                    options.regularisation() > 0 ? "larger regularisation" : "regularisation above 0, as 0.1",
                    ", or a smaller rank.");
}

/// Sweeps by half: solve(lists, side) writes the factors of one side.
class AlsSession : public Session {
 public:
  AlsSession(const char* function, const Observed& observed, int64_t rank, const AlsOptions& options)
      : function_(function), observed_(observed), rank_(rank), options_(options), sweeps_(options.epochs_done()) {}

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

  [[noreturn]] void refuse(Side side, int64_t index, const EntryLists& lists) const {
    refuse_system(function_.c_str(), side, index, lists, rank_, options_, sweeps_);
  }

  const std::string function_;
  const Observed observed_;
  const int64_t rank_;
  const AlsOptions options_;

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
      : AlsSession(function, observed, start.U.size(1), options), U_(padded(start.U)), V_(padded(start.V)) {
    const auto r = static_cast<double>(rank_);
    threads_ = static_cast<int>(cpu::threads_for(static_cast<double>(observed.count()) * r * (r + 3) / 2));
  }

  Factors factors() override {
    const WithoutAutograd guard;
    return {without_padding(U_), without_padding(V_)};
  }

 private:
  void solve(Side side, const EntryLists& lists) override {
    const bool by_row = side == Side::row;
    const int64_t rows = by_row ? observed_.rows() : observed_.columns(),
                  columns = by_row ? observed_.columns() : observed_.rows();
    const cpu::EntryLists<T> entries = pointers<T>(lists, rows, columns);
    const cpu::LeastSquares<T> problem{entries,
                                       narrow(by_row ? of_rows_ : of_columns_, entries),
                                       rank_,
                                       (by_row ? V_ : U_).template const_data_ptr<T>(),
                                       nullptr,
                                       options_.regularisation(),
                                       options_.regularisation(),
                                       options_.weighted(),
                                       (by_row ? U_ : V_).template mutable_data_ptr<T>()};
    const int64_t failed = cpu::solve_rows(problem, threads_);
    if (failed >= 0) refuse(side, failed, lists);
  }
  bool is_finite() const override { return all_finite(U_) && all_finite(V_); }

  /// The entries in fewer bytes, where they fit and the kernel reads them; made at the first call.
  cpu::NarrowEntries narrow(Packed& packed, const cpu::EntryLists<T>& entries) const {
    if (!cpu::reads_narrow(rank_) || !cpu::fits_narrow(entries.columns, observed_.data().counts().fits_bytes))
      return {};
    if (!packed.indices.defined()) {
      packed.indices = at::empty({entries.count()}, at::TensorOptions(at::kUInt16));
      packed.values = at::empty({entries.count()}, at::TensorOptions(at::kByte));
      cpu::narrow_entries(entries, packed.indices.mutable_data_ptr<uint16_t>(),
                          packed.values.mutable_data_ptr<uint8_t>(), threads_);
    }
    return {packed.indices.const_data_ptr<uint16_t>(), packed.values.const_data_ptr<uint8_t>()};
  }

  /// As the kernels read them: rows of cpu::feature_stride numbers.
  static Tensor padded(const Tensor& factor) {
    Tensor result = at::zeros({factor.size(0), cpu::feature_stride(factor.size(1))}, factor.options());
    result.narrow(1, 0, factor.size(1)).copy_(factor);
    return result;
  }
  Tensor without_padding(const Tensor& factor) const {
    return factor.narrow(1, 0, rank_).clone(at::MemoryFormat::Contiguous);
  }

  Tensor U_, V_;
  Packed of_rows_, of_columns_;
  int threads_;
};

class AlsReference final : public AlsSession {
 public:
  AlsReference(const char* function, const Observed& observed, const Factors& start, const AlsOptions& options)
      : AlsSession(function, observed, start.U.size(1), options), factors_(start) {}

  Factors factors() override { return copied(factors_); }
  Factors result() override { return factors_; }

 private:
  void solve(Side side, const EntryLists& lists) override {
    const Tensor& other = side == Side::row ? factors_.V : factors_.U;
    const Tensor& own = side == Side::row ? factors_.U : factors_.V;
    const Tensor on_cpu = lists.starts.cpu();
    const int64_t* start = on_cpu.const_data_ptr<int64_t>();
    for (int64_t row = 0; row < own.size(0); ++row) {
      const int64_t count = start[row + 1] - start[row];
      if (count == 0) {
        own.select(0, row).zero_();
        continue;
      }
      const Tensor W = other.index_select(0, lists.indices.narrow(0, start[row], count));
      const Tensor t = lists.values.narrow(0, start[row], count).unsqueeze(1);
      const Tensor S = W.t().mm(W);
      S.diagonal().add_(options_.regularisation() * (options_.weighted() ? static_cast<double>(count) : 1));
      const auto [L, info] = at::linalg_cholesky_ex(S);
      if (info.item<int64_t>() != 0) refuse(side, row, lists);
      own.select(0, row).copy_(at::cholesky_solve(W.t().mm(t), L).squeeze(1));
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
