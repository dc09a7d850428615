// Gibbs sampling: halves of a sweep as those of alternating least squares, each drawn; the priors and the noise between
// them. docs/contract.md, "Gibbs sampling", has the order.

#include <factorise/gibbs.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/checks.h"
#include "core/driver.h"
#include "cpu/least_squares/hyperparameters.h"
#include "cpu/least_squares/least_squares.h"
#include "cpu/threads/crew.h"
#include "methods/gibbs.h"
#include "methods/method.h"
#include "methods/sides.h"

namespace factorise {
namespace {

constexpr int64_t kFirstSweeps = 3;
constexpr double kFirstRegularisation = 0.1;

/// The sums of a row's entries that the squared error needs.
struct RowSums {
  double count, values, squares;
};

std::vector<RowSums> row_sums(const EntryLists& lists) {
  const Tensor starts = lists.starts.cpu(), values = lists.values.cpu();
  const int64_t* start = starts.const_data_ptr<int64_t>();
  std::vector<RowSums> result;
  const auto add = [&](const auto* value) {
    for (int64_t row = 0; row + 1 < starts.numel(); ++row) {
      RowSums sums{static_cast<double>(start[row + 1] - start[row]), 0, 0};
      for (int64_t e = start[row]; e < start[row + 1]; ++e) {
        const auto a = static_cast<double>(value[e]);
        sums.values += a;
        sums.squares += a * a;
      }
      result.push_back(sums);
    }
  };
  if (values.scalar_type() == at::kDouble) {
    add(values.const_data_ptr<double>());
  } else {
    add(values.const_data_ptr<float>());
  }
  return result;
}

/// Rounded to the type in which the kernels compute.
double rounded(double x, bool is_double) { return is_double ? x : static_cast<double>(static_cast<float>(x)); }

/// The scale by which the priors are set. around_0: the mean square of the entries.
double scale_of(const GibbsOptions& options, double around_0, double mean) {
  if (options.scale()) return *options.scale();
  const double variance = around_0 - mean * mean;
  // Of equal entries the least that rounding leaves is no scale.
  const double found = options.biases() && variance > 1e-12 * around_0 ? variance : around_0;
  return found > 0 ? std::sqrt(found) : 1;
}

/// Adds the count-th of many tensors to their mean, float64.
void add_to_mean(const Tensor& mean, const Tensor& x, int64_t count) {
  const double share = 1 / static_cast<double>(count);
  const Tensor on_cpu = x.cpu();
  double* to = mean.mutable_data_ptr<double>();
  const auto add = [&](const auto* from) {
    for (int64_t i = 0; i < mean.numel(); ++i) to[i] += (static_cast<double>(from[i]) - to[i]) * share;
  };
  if (x.scalar_type() == at::kDouble) {
    add(on_cpu.const_data_ptr<double>());
  } else {
    add(on_cpu.const_data_ptr<float>());
  }
}

/// The factors of many draws as one pair, of which the product is the mean of the draws' products.
Factors side_by_side(const std::vector<Factors>& draws) {
  std::vector<Tensor> U, V;
  for (const Factors& draw : draws) {
    U.push_back(draw.U);
    V.push_back(draw.V);
  }
  return {at::cat(U, 1), at::cat(V, 1).div_(std::ssize(draws))};
}

/// A draw as factors. With biases U has the columns [u, μ + b, 1], V [v, 1, c].
Factors factors_of_draw(const Tensor& rows, const Tensor& columns, double mean, bool biases) {
  if (!biases) return {rows, columns};
  const int64_t rank = rows.size(1) - 1;
  const auto one = [](const Tensor& like) { return at::ones({like.size(0), 1}, like.options()); };
  return {at::cat({rows.narrow(1, 0, rank), rows.narrow(1, rank, 1).add(mean), one(rows)}, 1),
          at::cat({columns.narrow(1, 0, rank), one(columns), columns.narrow(1, rank, 1)}, 1)};
}

void check_asked(const char* function, const Observed& observed, const GibbsOptions& options) {
  const Tensor &rows = options.asked_rows(), &columns = options.asked_columns();
  TORCH_CHECK_VALUE(rows.defined() == columns.defined(), "[", function,
                    "] asked must have rows and columns, but has one of them alone.");
  if (!rows.defined()) return;
  const auto check = [&](const char* name, const Tensor& indices, int64_t size) {
    TORCH_CHECK_VALUE(indices.scalar_type() == at::kLong && indices.dim() == 1, "[", function, "] the asked ", name,
                      " must be a 1-D tensor of int64.");
    if (indices.numel() == 0) return;
    const int64_t low = indices.min().item<int64_t>(), high = indices.max().item<int64_t>();
    TORCH_CHECK_VALUE(low >= -1 && high < size, "[", function, "] the asked ", name, " must be from -1 to ", size - 1,
                      ", but one was ", low < -1 ? low : high, ".");
  };
  check("rows", rows, observed.rows());
  check("columns", columns, observed.columns());
  TORCH_CHECK_VALUE(rows.numel() == columns.numel(), "[", function,
                    "] the asked rows and columns must be of one length, but were ", rows.numel(), " and ",
                    columns.numel(), ".");
}

/// Refuses to keep more draws than this machine has memory for: the system would promise it, and end the program when
/// it is used. Twice, as the draws are at the end put side by side.
void check_memory(const char* function, const Observed& observed, int64_t rank, const GibbsOptions& options) {
  const int64_t counted = options.num_epochs() - options.counted_from(), every = options.keep_every();
  const int64_t kept = (counted + every - 1) / every, columns = rank + (options.biases() ? kBiasColumns : 0);
  const double of_draw = static_cast<double>(observed.rows() + observed.columns()) * static_cast<double>(columns) *
                         (observed.type() == at::kDouble ? 8 : 4);
  const double needed = 2 * static_cast<double>(kept) * of_draw;
  const double there = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  TORCH_CHECK_VALUE(needed < there, "[", function, "] keep_every must be larger than ", every, ": ", kept,
                    " draws of the factors, and these side by side, take ", std::llround(needed / 1e9),
                    " GB, but this machine has ", std::llround(there / 1e9), " GB.");
}

/// Refuses a posterior that is not of such a run.
void check_resumed(const char* function, const Observed& observed, int64_t rank, const GibbsOptions& options) {
  const Posterior& before = *options.resume();
  const int64_t unknowns = rank + (options.biases() ? 1 : 0), done = options.epochs_done();
  const auto fits = [](const Tensor& tensor, int64_t rows, int64_t columns, c10::ScalarType type) {
    return tensor.defined() && tensor.sizes() == at::IntArrayRef{rows, columns} && tensor.scalar_type() == type;
  };
  const auto is_trace = [&](const Tensor& trace) {
    return trace.defined() && trace.dim() == 1 && trace.size(0) == done && trace.scalar_type() == at::kDouble &&
           trace.is_cpu() && trace.is_contiguous();
  };
  const auto is_asked = [&](const Tensor& sums) {
    const Tensor& rows = options.asked_rows();
    if (!rows.defined() || !sums.defined()) return rows.defined() == sums.defined();
    return sums.sizes() == rows.sizes() && sums.scalar_type() == at::kDouble && sums.is_cpu();
  };
  TORCH_CHECK_VALUE(fits(before.rows, observed.rows(), unknowns, observed.type()) &&
                        fits(before.columns, observed.columns(), unknowns, observed.type()) && is_trace(before.noise) &&
                        is_trace(before.errors) && is_asked(before.means) && is_asked(before.squares) &&
                        before.unseen.size() == before.draws.size() &&
                        before.row_priors.size() == before.draws.size() && before.burn_in == options.counted_from() &&
                        before.mean.U.defined() && before.mean.V.defined() &&
                        before.mean.U.size(0) == observed.rows() && before.mean.V.size(0) == observed.columns(),
                    "[", function,
                    "] resume must be the posterior of a run with the same A, rank, biases, burn_in and asked entries "
                    "after epochs_done = ",
                    done, " sweeps, but is not.");
}

/// A run of Gibbs sampling.
class GibbsSession final : public PosteriorSession {
 public:
  GibbsSession(const char* function, const Observed& observed, const Factors& start, const GibbsOptions& options)
      : function_(function),
        observed_(observed),
        biases_(options.biases()),
        unknowns_(start.U.size(1) - (biases_ ? kBiasColumns - 1 : 0)),
        keep_every_(options.keep_every()),
        burn_in_(options.counted_from()),
        mean_(biases_ ? observed.data().mean() : 0),
        sides_(open_sides(observed, start, options.engine(), biases_, mean_)),
        row_sums_(row_sums(observed.by_row())) {
    for (const RowSums& row : row_sums_) squares_ += row.squares;
    scale_ = scale_of(options, squares_ / static_cast<double>(observed.count()), mean_);
    scatter_.assign(static_cast<size_t>(unknowns_), scale_);
    if (biases_) scatter_.back() = scale_ * scale_;
    seed_ = options.seed() ? *options.seed() : drawn_seed();
    const auto f64 = at::TensorOptions(at::kDouble);
    mean_factors_ = {at::zeros(start.U.sizes(), f64), at::zeros(start.V.sizes(), f64)};
    if (options.asked_rows().defined()) {
      asked_ = {within(options.asked_rows(), observed.rows()), within(options.asked_columns(), observed.columns())};
      asks_unseen_ = options.asked_rows().lt(0).any().item<bool>() || options.asked_columns().lt(0).any().item<bool>();
      means_ = at::zeros({asked_.first.numel()}, f64);
      distances_ = at::zeros_like(means_);
    }
    if (options.resume()) go_on_from(*options.resume());
  }

  int64_t advance(int64_t epochs) override {
    const WithoutAutograd guard;
    if (errors_.empty() && !begin()) return 1;
    for (int64_t i = 1; i <= epochs; ++i) {
      sweep();
      if (!sides_->is_finite() || !std::isfinite(errors_.back())) return i;
      count();
    }
    return 0;
  }

  double loss() override { return errors_.empty() ? squared_error(observed_, factors()) : errors_.back(); }
  Factors factors() override {
    const WithoutAutograd guard;
    return kept_.empty() ? sides_->factors() : side_by_side(kept_);
  }

  Posterior posterior() override {
    const WithoutAutograd guard;
    Posterior result;
    result.draws = kept_;
    result.unseen = kept_unseen_;
    result.row_priors = kept_priors_;
    result.burn_in = burn_in_;
    result.noise = at::tensor(noise_, at::TensorOptions(at::kDouble));
    result.errors = at::tensor(errors_, at::TensorOptions(at::kDouble));
    result.mean = copied(mean_factors_);
    if (means_.defined()) {
      result.means = means_.clone();
      result.squares = distances_.clone();
    }
    result.rows = sides_->unknowns(Side::row);
    result.columns = sides_->unknowns(Side::column);
    result.has_biases = biases_;
    result.observed_mean = mean_;
    return result;
  }

 private:
  uint32_t sweeps() const { return static_cast<uint32_t>(errors_.size()); }
  bool is_double() const { return observed_.type() == at::kDouble; }
  DeviateSource source(DrawOf of) const { return {seed_, sweeps() + 1, of}; }

  static uint64_t drawn_seed() {
    const Tensor drawn = at::randint(std::numeric_limits<int64_t>::max(), {1}, at::TensorOptions(at::kLong));
    return static_cast<uint64_t>(drawn.item<int64_t>());
  }

  /// The indices with one past the others in place of -1.
  static Tensor within(const Tensor& indices, int64_t size) {
    return indices.cpu().masked_fill(indices.cpu().lt(0), size).contiguous();
  }

  void go_on_from(const Posterior& before) {
    sides_->set_unknowns(Side::row, before.rows);
    sides_->set_unknowns(Side::column, before.columns);
    const auto values = [](const Tensor& tensor) {
      const double* from = tensor.const_data_ptr<double>();
      return std::vector<double>(from, from + tensor.numel());
    };
    noise_ = values(before.noise);
    errors_ = values(before.errors);
    kept_ = before.draws;
    kept_unseen_ = before.unseen;
    kept_priors_ = before.row_priors;
    mean_factors_ = copied(before.mean);
    if (means_.defined()) {
      means_ = before.means.clone();
      distances_ = before.squares.clone();
    }
  }

  /// The sweeps of alternating least squares. Without them the first prior of the biases would be drawn given biases
  /// that are all 0, and hold them there by its precision. False where a factor is not finite.
  bool begin() {
    scale_columns();
    const Ridge ridge{kFirstRegularisation * scale_, kFirstRegularisation, true};
    for (int64_t i = 0; i < kFirstSweeps; ++i) {
      for (const Side side : {Side::row, Side::column}) {
        const int64_t failed = sides_->solve(side, ridge);
        TORCH_CHECK_VALUE(failed < 0, "[", function_, "] the start, three sweeps of least squares: the equations of ",
                          side == Side::row ? "row " : "column ", failed,
                          " are not positive definite. Give A in float64.");
      }
    }
    error_ = squared_error(observed_, sides_->factors());
    return sides_->is_finite();
  }

  /// Gives V the mean square `scale`, so that the scale of A changes nothing but the scale of the result.
  void scale_columns() {
    const int64_t rank = unknowns_ - (biases_ ? 1 : 0);
    const std::vector<double> sums = sides_->sums(Side::column);
    double squares = 0;
    for (int64_t i = 0; i < rank; ++i) squares += sums[static_cast<size_t>(i * (unknowns_ + 2))];
    if (!(squares > 0)) return;
    const double factor = std::sqrt(scale_ * static_cast<double>(observed_.columns() * rank) / squares);
    const Tensor unknowns = sides_->unknowns(Side::column);
    unknowns.narrow(1, 0, rank).mul_(rounded(factor, is_double()));
    sides_->set_unknowns(Side::column, unknowns);
  }

  void sweep() {
    const double error = errors_.empty() ? error_ : errors_.back();
    if (of_columns_.empty()) of_columns_ = sides_->sums(Side::column);
    const double alpha = rounded(
        cpu::draw_noise_precision(observed_.count(), error, scale_ * scale_, source(DrawOf::noise)), is_double());
    const std::vector<double> of_rows = sides_->sums(Side::row);
    draw(Side::row, of_rows, alpha);
    // Of the entries less the rows' offsets.
    double targets = squares_;
    if (biases_) {
      const Tensor offsets = sides_->offsets(Side::row).to(at::kCPU, at::kDouble).contiguous();
      const double* o = offsets.const_data_ptr<double>();
      for (const auto& [count, values, squares] : row_sums_) {
        targets += *o * (count * *o - 2 * values);
        ++o;
      }
    }
    const auto [term, prior] = draw(Side::column, of_columns_, alpha);
    of_columns_ = sides_->sums(Side::column);
    // alpha Σ (t - w·x)² = alpha Σ t² + Σ (|z|² - |y|²) + Σ (2 shift·x - x·precision x)
    double of_prior = 0;
    for (int64_t i = 0; i < unknowns_; ++i) {
      const auto sums = [&](int64_t j) { return of_columns_[static_cast<size_t>(i * (unknowns_ + 1) + j)]; };
      const auto precision = [&](int64_t j) { return prior.precision[static_cast<size_t>(i * unknowns_ + j)]; };
      of_prior += 2 * prior.shift[static_cast<size_t>(i)] * sums(unknowns_) - precision(i) * sums(i);
      for (int64_t j = i + 1; j < unknowns_; ++j) of_prior -= 2 * precision(j) * sums(j);
    }
    noise_.push_back(1 / alpha);
    errors_.push_back(std::max(0.0, targets + (term + of_prior) / alpha));
  }

  struct Drawn {
    double term;
    cpu::NormalPrior prior;
  };

  /// Draws the prior of a side given `sums` of its unknowns, then the side.
  Drawn draw(Side side, const std::vector<double>& sums, double alpha) {
    const bool by_row = side == Side::row;
    const int64_t size = by_row ? observed_.rows() : observed_.columns();
    std::optional<cpu::NormalPrior> drawn = cpu::draw_prior(
        size, unknowns_, sums.data(), scatter_, source(by_row ? DrawOf::prior_of_rows : DrawOf::prior_of_columns));
    TORCH_CHECK_VALUE(drawn, "[", function_, "] sweep ", sweeps() + 1, ": the prior of the ",
                      by_row ? "rows" : "columns", " cannot be drawn, as their scatter is not positive definite in ",
                      "float64. Give a smaller rank, or a larger scale.");
    cpu::NormalPrior& prior = *drawn;
    for (double& x : prior.precision) x = rounded(x, is_double());
    for (double& x : prior.shift) x = rounded(x, is_double());
    if (by_row) {
      row_prior_ = at::empty({unknowns_ + 1, unknowns_}, at::TensorOptions(at::kDouble));
      double* to = std::copy(prior.precision.begin(), prior.precision.end(), row_prior_.mutable_data_ptr<double>());
      std::copy(prior.shift.begin(), prior.shift.end(), to);
    }
    (by_row ? unseen_.U : unseen_.V) =
        at::tensor(prior.vector, at::TensorOptions(at::kDouble)).to(observed_.type()).unsqueeze(0);
    double term = 0;
    const int64_t failed = sides_->draw(
        side, {alpha, prior.precision, prior.shift, source(by_row ? DrawOf::rows : DrawOf::columns)}, term);
    TORCH_CHECK_VALUE(failed < 0, "[", function_, "] sweep ", sweeps() + 1, ": the posterior of ",
                      by_row ? "row " : "column ", failed, " (from 0) cannot be drawn from in ",
                      is_double() ? "float64" : "float32", ", as the noise is next to none, of the variance ",
                      1 / alpha, ". Give ", is_double() ? "a smaller rank." : "A in float64, or a smaller rank.");
    return {term, std::move(prior)};
  }

  /// Counts the last draw, where it is not left out.
  void count() {
    const int64_t counted = std::ssize(errors_) - burn_in_;
    if (counted < 1) return;
    const Factors drawn = sides_->factors();
    const Factors unseen = factors_of_draw(unseen_.U, unseen_.V, mean_, biases_);
    if ((counted - 1) % keep_every_ == 0) {
      kept_.push_back(drawn);
      kept_unseen_.push_back(unseen);
      kept_priors_.push_back(row_prior_);
    }
    add_to_mean(mean_factors_.U, drawn.U, counted);
    add_to_mean(mean_factors_.V, drawn.V, counted);
    if (!means_.defined()) return;
    if (is_double()) {
      add_predictions<double>(drawn, unseen, counted);
    } else {
      add_predictions<float>(drawn, unseen, counted);
    }
  }

  /// A factor with one more row. A plain copy: torch's would wake its threads.
  template <class T>
  static Tensor with_row(const Tensor& factor, const Tensor& row) {
    Tensor result = at::empty({factor.size(0) + 1, factor.size(1)}, factor.options().device(at::kCPU));
    const Tensor from = factor.cpu(), last = row.cpu();
    T* to = std::copy_n(from.const_data_ptr<T>(), from.numel(), result.mutable_data_ptr<T>());
    std::copy_n(last.const_data_ptr<T>(), last.numel(), to);
    return result;
  }

  template <class T>
  void add_predictions(const Factors& drawn, const Factors& unseen, int64_t counted) {
    const Tensor U = asks_unseen_ ? with_row<T>(drawn.U, unseen.U) : drawn.U.cpu();
    const Tensor V = asks_unseen_ ? with_row<T>(drawn.V, unseen.V) : drawn.V.cpu();
    const auto& [rows, columns] = asked_;
    const double work = static_cast<double>(rows.numel()) * static_cast<double>(U.size(1));
    cpu::add_predictions<T>({rows.const_data_ptr<int64_t>(), columns.const_data_ptr<int64_t>(), rows.numel(),
                             U.const_data_ptr<T>(), V.const_data_ptr<T>(), U.size(1), counted,
                             means_.mutable_data_ptr<double>(), distances_.mutable_data_ptr<double>()},
                            static_cast<int>(cpu::threads_for(work)));
  }

  const std::string function_;
  const Observed observed_;
  const bool biases_;
  const int64_t unknowns_, keep_every_, burn_in_;
  const double mean_;
  const std::unique_ptr<Sides> sides_;
  const std::vector<RowSums> row_sums_;
  uint64_t seed_;
  double scale_, squares_ = 0, error_ = 0;
  std::vector<double> scatter_;
  std::vector<double> of_columns_;      // the sums of cpu::sum_products over the columns' unknowns
  std::vector<double> noise_, errors_;  // after each sweep
  std::vector<Factors> kept_, kept_unseen_;
  std::vector<Tensor> kept_priors_;
  Tensor row_prior_;  // of the last draw
  Factors unseen_;    // of the last draw: a row and a column that A does not have
  Factors mean_factors_;
  std::pair<Tensor, Tensor> asked_;
  bool asks_unseen_ = false;
  Tensor means_, distances_;
};

}  // namespace

int64_t GibbsOptions::counted_from() const { return burn_in_.value_or(std::min<int64_t>(50, num_epochs() / 10)); }

int64_t Posterior::counted() const { return noise.defined() ? std::max<int64_t>(0, noise.numel() - burn_in) : 0; }

Draws Posterior::kept() const {
  if (draws.empty()) return {1, noise_variance()};
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  return {std::ssize(draws), noise_variance(), side_by_side(unseen)};
}

double Posterior::noise_variance() const {
  const int64_t count = counted();
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : noise.narrow(0, burn_in, count).mean().item<double>();
}

Tensor Posterior::deviations() const {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  TORCH_CHECK_VALUE(squares.defined(), "[Posterior] entries must be asked for before the run: GibbsOptions::asked.");
  const int64_t count = counted();
  if (count < 2) return at::full_like(squares, std::numeric_limits<double>::quiet_NaN());
  return squares.div(static_cast<double>(count - 1)).add_(noise_variance()).sqrt_();
}

Factors Posterior::factors() const {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  if (!draws.empty()) return side_by_side(draws);
  return factors_of_draw(rows, columns, observed_mean, has_biases);
}

void check_options(const char* function, const GibbsOptions& options) {
  check_epochs(function, options.num_epochs(), options.report_every());
  const int64_t burn_in = options.counted_from();
  TORCH_CHECK_VALUE(burn_in >= 0 && (options.num_epochs() == 0 || burn_in < options.num_epochs()), "[", function,
                    "] burn_in must be from 0 to num_epochs - 1 = ", options.num_epochs() - 1, ", but was ", burn_in,
                    ".");
  TORCH_CHECK_VALUE(options.keep_every() >= 1, "[", function, "] keep_every must be at least 1, but was ",
                    options.keep_every(), ".");
  const double scale = options.scale().value_or(1);
  TORCH_CHECK_VALUE(std::isfinite(scale) && scale > 0, "[", function,
                    "] scale must be a finite number above 0, but was ", scale, ".");
  TORCH_CHECK_VALUE(options.num_epochs() < std::numeric_limits<uint32_t>::max(), "[", function,
                    "] num_epochs must be below 2^32 - 1, but was ", options.num_epochs(), ".");
}

Factors start_of(const char* function, const Observed& observed, int64_t rank, const GibbsOptions& options) {
  check_asked(function, observed, options);
  check_memory(function, observed, rank, options);
  if (!options.resume()) {
    return start_of_sides(function, observed, rank, options.biases(), options.initial(), options.seed());
  }
  const Posterior& before = *options.resume();
  check_resumed(function, observed, rank, options);
  return factors_of_draw(before.rows.clone(), before.columns.clone(), before.observed_mean, options.biases());
}

std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const GibbsOptions& options) {
  return open_posterior(function, observed, start, options);
}

std::unique_ptr<PosteriorSession> open_posterior(const char* function, const Observed& observed, const Factors& start,
                                                 const GibbsOptions& options) {
  const WithoutAutograd guard;
  check_sides_device(function, "Gibbs sampling", observed, options.engine());
  return std::make_unique<GibbsSession>(function, observed, start, options);
}

}  // namespace factorise
