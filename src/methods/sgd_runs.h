#pragma once
// Many runs of exact SGD on a GPU: from several seeds at once, in one launch.

#include <factorise/runs.h>

#include "core/checks.h"

namespace factorise {

/// sgd_factorise_runs and sgd_factorise_masked_runs for A on a GPU and the fused engine. `stop` is called between
/// slices of epochs, and on_runs after each launch, which has as many runs as fit the memory that a launch may use.
std::vector<Run> sgd_runs_on_gpu(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                                 RankLimit limit, at::ArrayRef<uint64_t> seeds, const SgdOptions& options,
                                 const RunsCallback& on_runs);

}  // namespace factorise
