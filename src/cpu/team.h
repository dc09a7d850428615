#pragma once
// A few threads that work together on one run and sleep between runs. Not torch's own pool: a header-only parallel_for
// is serial unless this project were built with the same OpenMP runtime as torch, and its threads spin when they wait.

#include <functional>

namespace factorise::cpu {

/// Calls work(0) on the calling thread and work(1), ..., work(threads - 1) on others, at the same time as far as there
/// are cores, and returns when all have returned. The threads belong to the calling thread: two callers do not meet.
/// Where the system has no more threads to give, fewer are called; the numbers called always begin at 0, and the count
/// is returned. `work` must not throw, and must not count on another of its calls having begun.
int run_team(int threads, const std::function<void(int)>& work);

}  // namespace factorise::cpu
