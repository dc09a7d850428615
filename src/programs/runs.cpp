// Threads that pull the next run from a counter.

#include "programs/runs.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <exception>
#include <thread>

#include "programs/interrupt.h"

namespace factorise::programs {

bool for_each_run(int runs, int threads, const std::function<void(int)>& run) {
  if (threads < 1) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::atomic<int> next{0};
  std::atomic<bool> failed{false};
  std::vector<std::exception_ptr> errors(static_cast<size_t>(runs));
  std::atomic<int> finished{0};
  const auto work = [&] {
    // A run is too small to share, and torch's own threads would spin against each other's; the setting is a thread's.
    at::set_num_threads(1);
    while (!failed && !interrupted()) {
      const int i = next++;
      if (i >= runs) return;
      try {
        run(i);
        ++finished;
      } catch (...) {
        errors[static_cast<size_t>(i)] = std::current_exception();
        failed = true;
      }
    }
  };
  const int torch_threads = at::get_num_threads();
  {
    std::vector<std::jthread> workers;
    for (int i = 1; i < std::min(threads, runs); ++i) workers.emplace_back(work);
    work();  // the caller is one of them
  }
  at::set_num_threads(torch_threads);
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return finished == runs;
}

}  // namespace factorise::programs
