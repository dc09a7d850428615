#pragma once
// The same run from many seeds, for the spread of a figure over seeds. Small problems run side by side, one on each
// thread, large ones one after another with all threads. Either way each run of a factoriser has the bits of its single
// run; those of train_mlp are trained at once, and are near their single runs.
//
//   const auto options = factorise::SgdOptions().num_epochs(50).lr(0.002);
//   for (const auto& run : factorise::sgd_factorise_masked_runs(A, M, /*rank=*/5, {0, 1, 2, 3}, options)) {
//     if (run.diverged_at == 0) std::cout << factorise::squared_error(A, run.factors, M) << '\n';
//   }

#include <factorise/autograd.h>
#include <factorise/export.h>
#include <factorise/gd.h>
#include <factorise/mlp.h>
#include <factorise/sgd.h>

#include <vector>

namespace factorise {

/// The result of one seed.
struct Run {
  Factors factors;          ///< undefined where the run diverged
  int64_t diverged_at = 0;  ///< the first epoch after which a factor was not finite; 0: all stayed finite
};

/// The result of one seed of train_mlp.
struct MlpRun {
  Mlp mlp;                  ///< without weights where the run diverged
  int64_t diverged_at = 0;  ///< the first epoch after which a weight was not finite; 0: all stayed finite
};

/// Called on the calling thread, from time to time and at the end, with the number of runs done.
using RunsCallback = std::function<void(int64_t done, int64_t total)>;

/// One run for each seed, in the order of the seeds; see the functions of one run for the arguments. A run that
/// diverges is a result, not an error.
///
/// Options: `seed`, `initial` and `on_epoch` must not be set. `stop` is called on the calling thread alone, with the
/// number of runs done, and ends all runs within an epoch of each: then the result is shorter than `seeds` and holds
/// the runs before the first one that was not finished. The fused engine finishes runs of less than 2^24 multiply-adds
/// (m n rank num_epochs), which take milliseconds, before it calls `stop`.
///
/// Threads: at::get_num_threads() runs side by side, each on one thread, where m n rank <= 2^22 (for the reference
/// engine 2^15, below which torch's sums do not depend on the threads) and A is on the CPU; else one after another. On
/// a GPU the fused engine runs exact SGD from as many seeds at once as a gibibyte holds the factors of.
///
/// Throws c10::ValueError for bad arguments before any run begins; any other exception of a run ends all runs and is
/// thrown.
FACTORISE_EXPORT std::vector<Run> sgd_factorise_runs(const Tensor& A, int64_t rank, at::ArrayRef<uint64_t> seeds,
                                                     const SgdOptions& options = {}, const RunsCallback& on_runs = {});

/// sgd_factorise_masked from many seeds; all else as for sgd_factorise_runs.
FACTORISE_EXPORT std::vector<Run> sgd_factorise_masked_runs(const Tensor& A, const Tensor& M, int64_t rank,
                                                            at::ArrayRef<uint64_t> seeds,
                                                            const SgdOptions& options = {},
                                                            const RunsCallback& on_runs = {});

/// gd_factorise_masked from many seeds; all else as for sgd_factorise_runs.
FACTORISE_EXPORT std::vector<Run> gd_factorise_masked_runs(const Tensor& A, const Tensor& M, int64_t rank,
                                                           at::ArrayRef<uint64_t> seeds, const GdOptions& options = {},
                                                           const RunsCallback& on_runs = {});

/// gd_factorise_ad from many seeds; all else as for sgd_factorise_runs.
FACTORISE_EXPORT std::vector<Run> gd_factorise_ad_runs(const Tensor& A, int64_t rank, at::ArrayRef<uint64_t> seeds,
                                                       const AdOptions& options = {}, const RunsCallback& on_runs = {});

/// train_mlp on the rows of X from many seeds, each run with its own split and start. Runs are trained at once, by
/// batched products: as many as have 2^19 numbers in their layers (rows * (features + hidden + classes) each), on each
/// of at::get_num_threads() threads; a run that is larger alone is trained with all threads.
///
/// A run starts as train_mlp does from its seed. Its weights are train_mlp's but for rounding, which grows with the
/// epochs. On the CPU (tested with torch's MKL) they do not depend on the other seeds, nor, where at least two runs
/// fit, on the number of threads.
///
/// `seed` must not be set. `stop` is called on the calling thread before every epoch of the runs that it trains, and
/// ends all: then the result is shorter than `seeds`, and holds those before the first one that was not finished.
/// on_runs is called after the runs that were trained at once. A run that diverges is a result, and throws nothing.
FACTORISE_EXPORT std::vector<MlpRun> train_mlp_runs(const Tensor& X, const Tensor& y, int64_t classes, int64_t train,
                                                    at::ArrayRef<uint64_t> seeds, const MlpOptions& options = {},
                                                    const RunsCallback& on_runs = {});

}  // namespace factorise
