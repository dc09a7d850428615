#pragma once
// Many runs of exact SGD on a GPU: from several seeds at once, in one launch.

#include <factorise/runs.h>

namespace factorise {

/// fit_runs for a matrix on a GPU and the fused engine. `stop` is called between slices of epochs, and on_runs after
/// each launch, which has as many runs as fit the memory that a launch may use.
std::vector<Run> sgd_runs_on_gpu(const char* function, const Observed& observed, int64_t rank,
                                 at::ArrayRef<uint64_t> seeds, const SgdOptions& options, const RunsCallback& on_runs);

}  // namespace factorise
