// Alternating least squares.

#include <factorise/als.h>

#include <cmath>

#include "core/driver.h"
#include "methods/method.h"
#include "methods/sides.h"

namespace factorise {
namespace {

/// Sweeps by half.
class AlsSession final : public Session {
 public:
  AlsSession(const char* function, const Observed& observed, const Factors& start, const AlsOptions& options)
      : function_(function),
        observed_(observed),
        rank_(start.U.size(1) - (options.biases() ? kBiasColumns : 0)),
        options_(options),
        sides_(open_sides(observed, start, options.engine(), options.biases(),
                          options.biases() ? observed.data().mean() : 0)),
        sweeps_(options.epochs_done()) {}

  int64_t advance(int64_t epochs) override {
    const WithoutAutograd guard;
    for (int64_t i = 1; i <= epochs; ++i) {
      ++sweeps_;
      solve(Side::row);
      solve(Side::column);
      if (!sides_->is_finite()) return i;
    }
    return 0;
  }
  double loss() override { return squared_error(observed_, factors()); }
  Factors factors() override {
    const WithoutAutograd guard;
    return sides_->factors();
  }
  Factors result() override {
    const WithoutAutograd guard;
    return sides_->result();
  }

 private:
  void solve(Side side) {
    const double given = options_.regularisation();
    const int64_t failed =
        sides_->solve(side, {given, options_.bias_regularisation().value_or(given), options_.weighted()});
    if (failed < 0) return;
    const EntryLists& lists = side == Side::row ? observed_.by_row() : observed_.by_column();
    const int64_t count = lists.starts[failed + 1].item<int64_t>() - lists.starts[failed].item<int64_t>();
    TORCH_CHECK_VALUE(false, "[", function_, "] sweep ", sweeps_, ": the factor of ",
                      side == Side::row ? "row " : "column ", failed, " (from 0), which has ", count,
                      count == 1 ? " entry" : " entries", ", is not determined at rank ", rank_,
                      " with regularisation ", given, ": its normal equations are not positive definite. Give a ",
                      given > 0 ? "larger regularisation" : "regularisation above 0, as 0.1", ", or a smaller rank.");
  }

  const std::string function_;
  const Observed observed_;
  const int64_t rank_;
  const AlsOptions options_;
  const std::unique_ptr<Sides> sides_;
  int64_t sweeps_;
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
  return start_of_sides(function, observed, rank, options.biases(), options.initial(), options.seed());
}

std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const AlsOptions& options) {
  const WithoutAutograd guard;
  check_sides_device(function, "alternating least squares", observed, options.engine());
  return std::make_unique<AlsSession>(function, observed, start, options);
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
