#pragma once
// The exercises of lab 1, computed: each with its own seed, so that no figure depends on what ran before it.

#include <factorise/datasets.h>
#include <factorise/gd.h>
#include <factorise/runs.h>
#include <factorise/sgd.h>
#include <factorise/svd.h>

#include <string>

namespace factorise::programs::lab1 {

/// A factorisation of the sheet's 3 x 3 matrix at rank 2.
struct Factorised {
  Factors factors;
  double loss;     ///< squared error against the whole matrix
  double seconds;  ///< of the epochs
};

/// Exercises 1.1 and 1.2: sgd_factorise with the sheet's 1000 epochs at 0.01.
Factorised factorise_whole(uint64_t seed, const Tensor& A);

/// Exercise 3.1: sgd_factorise_masked without the entries (1, 0) and (2, 1); the loss is against all of A.
Factorised factorise_masked(uint64_t seed, const Tensor& A, const Tensor& M);

/// Both from many seeds. `stop` and `on_runs` as in the library.
std::vector<Run> whole_runs(at::ArrayRef<uint64_t> seeds, const Tensor& A, const StopRequest& stop,
                            const RunsCallback& on_runs);
std::vector<Run> masked_runs(at::ArrayRef<uint64_t> seeds, const Tensor& A, const Tensor& M, const StopRequest& stop,
                             const RunsCallback& on_runs);

/// What exercise 4.1 predicts: one movie's rating by one user.
struct Query {
  std::string movie = "A Beautiful Mind";
  int64_t user = 4;  ///< column index; the sheet's 5th user
};

/// The row of a movie: where its title stands, else the sheet's row 124 for "A Beautiful Mind" where no titles are
/// known and there is such a row. Nothing where it is not known.
std::optional<int64_t> row_of(const std::string& movie, const Ratings& ratings);

/// Exercise 4.1's result.
struct Completed {
  int64_t observed, epochs_done;
  double sse;                        ///< sum of squared errors over the valid entries, as in the sheet
  double sse_all;                    ///< over all entries, those that were not rated taken as 0, as in a public report
  double rmse;                       ///< over the valid entries
  double seconds;                    ///< of the epochs
  std::optional<int64_t> row;        ///< the movie's, where it is known
  std::optional<double> prediction;  ///< of the query, where its row and column exist
  Factors factors;
};

/// Exercise 4.1: gd_factorise_masked on the ratings above 0.
Completed complete_ratings(const Ratings& ratings, int64_t rank, const GdOptions& options, c10::Device device,
                           const Query& query);

/// Exercise 4.1's answers at one seed.
struct SeededAnswer {
  uint64_t seed;
  double prediction, sse, sse_all;  ///< as in Completed
};

/// Exercise 4.1 by the algorithm that the sheet would use if it were not too slow: sgd_factorise_masked on the ratings
/// above 0, on a device that the fused engine has kernels for.
Completed complete_ratings_exactly(const Ratings& ratings, int64_t rank, const SgdOptions& options, c10::Device device,
                                   const Query& query);

/// The share of the ratings that hold_out_rmse sets aside.
constexpr double kHoldOut = 0.02;

/// The same without 2 % of the ratings, which the seed sets aside: the RMSE over these.
double hold_out_rmse(const Ratings& ratings, int64_t rank, const SgdOptions& options, c10::Device device,
                     uint64_t seed);

}  // namespace factorise::programs::lab1
