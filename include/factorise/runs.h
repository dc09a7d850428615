#pragma once
// The same run from many seeds, for the spread of a figure over seeds. Small problems run side by side, one on each
// thread, large ones one after another with all threads. Either way each run has the bits of its single run.
//
//   const auto observed = factorise::Observed::masked(A, M);
//   const auto options = factorise::SgdOptions().num_epochs(50).lr(0.002);
//   for (const auto& run : factorise::fit_runs(observed, /*rank=*/5, {0, 1, 2, 3}, options)) {
//     if (run.diverged_at == 0) std::cout << factorise::squared_error(A, run.factors, M) << '\n';
//   }

#include <factorise/export.h>
#include <factorise/fit.h>

#include <vector>

namespace factorise {

/// The result of one seed.
struct Run {
  Factors factors;          ///< undefined where the run diverged
  int64_t diverged_at = 0;  ///< the first epoch after which a factor was not finite; 0: all stayed finite
};

/// One run of fit for each seed, in the order of the seeds. A run that diverges is a result, not an error.
///
/// Options: `seed`, `initial`, `on_epoch`, `on_factors` and the like must not be set. `stop` is called on the calling
/// thread alone, with the number of runs done, and ends all runs within an epoch of each: then the result is shorter
/// than `seeds` and holds the runs before the first one that was not finished. The fused engine finishes runs of less
/// than 2^24 multiply-adds, which take milliseconds, before it calls `stop`.
///
/// An epoch has m n rank multiply-adds (the entries in place of m n where they are listed), with ALS and Gibbs
/// sampling those of their sums and their systems.
///
/// Threads: at::get_num_threads() runs side by side, each on one thread, where an epoch has 2^22 multiply-adds at most
/// (for the reference engine 2^15, below which torch's sums do not depend on the threads) on the CPU; else one after
/// another. On a GPU the fused engine runs exact SGD from as many seeds at once as a gibibyte holds the factors of.
///
/// Throws c10::ValueError for bad arguments before any run begins; any other exception of a run ends all runs and is
/// thrown.
FACTORISE_EXPORT std::vector<Run> fit_runs(const Observed& observed, int64_t rank, at::ArrayRef<uint64_t> seeds,
                                           const Method& method, const RunsCallback& on_runs = {});

}  // namespace factorise
