#pragma once
// Bayesian matrix factorisation by Gibbs sampling: factors, biases, their priors and the noise are drawn in turn from
// what they are likely to be given the others. The mean of many draws predicts better than the best single factors, and
// their spread says how sure a prediction is. Nothing is to be tuned but the rank and the number of draws.
//
//   const auto options = factorise::GibbsOptions().num_epochs(500).seed(0).asked(rows, columns);
//   const auto posterior = factorise::gibbs_factorise_masked(A, M, /*rank=*/5, options);
//   std::cout << posterior.means << posterior.deviations() << '\n';                   // of the asked entries
//   std::cout << factorise::predict(posterior.factors(), rows, columns) << '\n';      // of any, by the kept draws

#include <factorise/export.h>
#include <factorise/observed.h>
#include <factorise/predict.h>
#include <factorise/run_options.h>
#include <torch/csrc/api/include/torch/arg.h>

#include <functional>
#include <optional>
#include <vector>

namespace factorise {

/// What a run of Gibbs sampling has drawn. It is also where a run goes on from (GibbsOptions::resume).
struct Posterior {
  /// Every GibbsOptions::keep_every-th draw after the first `burn_in`.
  std::vector<Factors> draws;
  /// With each of them a row of U and of V, 1 x as many columns, drawn from the prior: of a row and a column that A
  /// does not have.
  std::vector<Factors> unseen;
  /// With each of them the prior of A's rows, float64, one row more than the unknowns of a row: the precision, and
  /// below it the precision times the mean. Rows that A does not have can be solved for with it.
  std::vector<Tensor> row_priors;
  /// The mean of U and of V over all draws after the first `burn_in`, float64. Their product is not the mean of the
  /// draws' products, which factors() has.
  Factors mean;
  Tensor means;         ///< of the asked entries, one for each, float64: the mean of the predictions by all draws after
                        ///< the first `burn_in`
  Tensor squares;       ///< the sum of these predictions' squared distances to it
  Tensor noise;         ///< the noise's variance after each sweep, float64
  Tensor errors;        ///< the squared error over the observed entries after each sweep, float64
  int64_t burn_in = 0;  ///< draws that are left out
  Tensor rows;          ///< the last draw exactly: a row for each row of A, its factor, with biases its bias after it
  Tensor columns;       ///< the same for each column
  bool has_biases = false;   ///< whether the model has them
  double observed_mean = 0;  ///< μ; 0 without biases

  /// The kept draws as one pair of factors, U = [U_1, ..., U_k] and V = [V_1, ..., V_k] / k: U Vᵀ is the mean of the k
  /// predictions, and all functions of factors take it. Where none is kept yet, the last draw.
  FACTORISE_EXPORT Factors factors() const;
  /// What factors() are of: predict and best_rows (factorise/predict.h) read deviations off them with it.
  FACTORISE_EXPORT Draws kept() const;
  /// Draws after the first `burn_in`.
  FACTORISE_EXPORT int64_t counted() const;
  /// The mean of the noise's variance over these.
  FACTORISE_EXPORT double noise_variance() const;
  /// The standard deviation of a rating at each asked entry: of the predictions, and the noise. NaN before the second
  /// counted draw.
  FACTORISE_EXPORT Tensor deviations() const;
};

/// Called after a sweep with the number of sweeps done (from 1) and what was drawn until then. Returning false stops
/// the run.
using PosteriorCallback = std::function<bool(int64_t epoch, const Posterior& posterior)>;

/// Options of gibbs_factorise, gibbs_factorise_masked and gibbs_factorise_entries, beside those of all runs.
/// num_epochs: 500 sweeps where none are given, each of which draws everything once. on_epoch is given the squared
/// error of a sweep's draw, which costs no pass over A; on_factors Posterior::factors().
struct GibbsOptions : RunOptions<GibbsOptions> {
  GibbsOptions() { num_epochs(500); }

  /// Whether the model has the mean μ of what is observed and biases, as AlsOptions::biases. Without, nothing is
  /// subtracted from A.
  TORCH_ARG(bool, biases) = true;
  /// Sweeps whose draws are left out, 0 to num_epochs - 1. Not given: a tenth of num_epochs, 50 at most.
  TORCH_ARG(std::optional<int64_t>, burn_in);
  /// Of the other draws, every so many is kept, the first of them always; >= 1.
  TORCH_ARG(int64_t, keep_every) = 5;
  /// The scale of A, by which the priors are set, > 0: not given, the standard deviation of what is observed, without
  /// biases its root mean square. So the result for 4 A is 4 times that for A.
  TORCH_ARG(std::optional<double>, scale);
  /// A posterior of a run with epochs_done sweeps to go on from, to the bits of one run of num_epochs.
  TORCH_ARG(std::optional<Posterior>, resume);
  /// Called every factors_every sweeps, and after the last.
  TORCH_ARG(PosteriorCallback, on_posterior);

 public:
  /// The entries whose predictions are summed up: int64, 1-D, of one length, from 0 on; -1: a row or column that A does
  /// not have.
  GibbsOptions& asked(Tensor rows, Tensor columns) {
    asked_rows_ = std::move(rows);
    asked_columns_ = std::move(columns);
    return *this;
  }
  /// The sweeps whose draws are left out: burn_in, or what that is where it is not given.
  FACTORISE_EXPORT int64_t counted_from() const;
  /// Undefined where no entries are asked for.
  const Tensor& asked_rows() const noexcept { return asked_rows_; }
  /// The same.
  const Tensor& asked_columns() const noexcept { return asked_columns_; }

 private:
  Tensor asked_rows_, asked_columns_;
};

/// Draws from the posterior of a factorisation of a fully observed matrix.
///
/// The model (Salakhutdinov and Mnih, ICML 2008, "Bayesian probabilistic matrix factorization using Markov chain Monte
/// Carlo", section 3, with biases): A[r,c] is normal around μ + b[r] + c[c] + U[r]·V[c] with variance 1/α. The vectors
/// (U[r], b[r]) are normal with a mean and precision of their own, which have a normal-Wishart prior, (V[c], c[c])
/// likewise; α has a gamma prior. The priors are weak, and set by `scale`; docs/contract.md has their numbers. A run
/// begins with three sweeps of alternating least squares, from which the draws begin.
///
/// The fused engine has the bits of docs/contract.md on every number of threads and instruction set; it runs on the
/// CPU, on at::get_num_threads() threads. The reference engine draws with torch's Cholesky, row by row, on any device.
///
/// A: m x n, as for sgd_factorise; rank 1 to min(m, n), at most 256 (see RunOptions::overcomplete). `initial` as for
/// als_factorise. `seed` not given: torch's global CPU generator draws the start and the seed.
/// Throws c10::ValueError for bad arguments, for a row whose posterior cannot be drawn from in A's type (where A has
/// next to no noise), and where the kept draws would take more memory than there is; DivergenceError when a factor
/// leaves the finite numbers.
FACTORISE_EXPORT Posterior gibbs_factorise(const Tensor& A, int64_t rank, const GibbsOptions& options = {});

/// The same over the observed entries alone: those where M, m x n of any real type, is not zero.
///
/// rank: 1 to 256. Entries that are not observed may hold anything, NaN too. Throws c10::ValueError also where M marks
/// nothing or holds NaN.
FACTORISE_EXPORT Posterior gibbs_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank,
                                                  const GibbsOptions& options = {});

/// The same over the entries of a sparse matrix, as for sgd_factorise_entries: the bits of gibbs_factorise_masked on
/// the dense A and the mask of these entries.
FACTORISE_EXPORT Posterior gibbs_factorise_entries(const Tensor& A, int64_t rank, const GibbsOptions& options = {});

/// The same for what is observed of any matrix. factorise::fit with GibbsOptions returns its factors().
FACTORISE_EXPORT Posterior sample(const Observed& observed, int64_t rank, const GibbsOptions& options = {});

}  // namespace factorise
