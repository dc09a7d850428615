#pragma once
// Threads that take the next of many runs from a counter.

#include <factorise/factors.h>

namespace factorise {

/// One of the runs, by its number. It calls `stop` before every epoch unless `stop` is empty.
using NumberedRun = std::function<void(int64_t i, const StopRequest& stop)>;

/// Calls run(i, stop) for i in [0, total), on `threads` threads with one torch thread each (the caller is one of them),
/// or, with threads = 0, one after another with all of torch's threads. `stop` and `on_runs` are called on the calling
/// thread alone. An exception ends the other runs and is rethrown; of several exceptions, that of the lowest i. Returns
/// the number of runs before the first one that was not finished: total, unless stopped.
int64_t for_each_run(int64_t total, int threads, const StopRequest& stop, const RunsCallback& on_runs,
                     const NumberedRun& run);

}  // namespace factorise
