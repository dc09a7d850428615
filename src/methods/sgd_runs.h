#pragma once
// Many runs of exact SGD on a GPU: from several seeds at once, in one launch.

#include <factorise/runs.h>

#include "core/checks.h"

namespace factorise {

/// What sgd_factorise_runs and sgd_factorise_masked_runs promise, for A on a GPU and the fused engine. `stop` is asked
/// between slices of epochs, and on_runs told after as many runs as fit the memory that is used at a time.
std::vector<Run> sgd_runs_on_gpu(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                                 RankLimit limit, at::ArrayRef<uint64_t> seeds, const SgdOptions& options,
                                 const RunsCallback& on_runs);

}  // namespace factorise
