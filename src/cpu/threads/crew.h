#pragma once
// The threads of a run: the caller's and some helpers. OpenMP's threads, which torch uses, must all reach the end of a
// loop, also those that got no core; where another job holds a core, that costs a time slice an epoch (measured: 24 ms
// in place of 2). Here any thread that is awake takes the next task, and the caller waits only for tasks that have
// begun.

#include <c10/util/FunctionRef.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "cpu/threads/spin.h"

namespace factorise::cpu {

/// How many threads a run should have for this much work (multiply-adds between two joins): at::get_num_threads() at
/// most, one where waking others takes longer than it saves, or where the caller is itself one of several workers.
int64_t threads_for(double work);

class Crew {
 public:
  explicit Crew(int64_t threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls task(i) once for every i in [0, tasks) and returns when all are done. Which thread takes which task is not
  /// determined. An exception of a task (memory may run out) is then rethrown; of several, one. Only the thread that
  /// made the crew may call it.
  void for_each(int64_t tasks, c10::function_ref<void(int64_t)> task);

  int64_t threads() const { return static_cast<int64_t>(helpers_.size()) + 1; }

 private:
  void help();
  bool take_one(uint64_t& ticket);
  void do_one(int64_t i);

  // The upper half counts the calls of for_each, the lower what is left of its tasks. Taking a task is a compare and
  // exchange on both: the call cannot end before a thread that took a task has done it, so that thread may read tasks_
  // and task_.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> unfinished_{0};
  std::atomic<bool> over_{false}, failed_{false};
  std::exception_ptr error_;  // written by the thread that sets failed_
  int64_t tasks_ = 0;
  const c10::function_ref<void(int64_t)>* task_ = nullptr;
  Sleepers helpers_wait_, caller_waits_;
  std::vector<std::thread> helpers_;
};

/// Calls work(0), ..., work(threads - 1) on the calling thread and its lasting crew, which sleeps between calls and
/// ends with the thread: for work that comes in pieces too short to start threads for. As in for_each, any thread that
/// is awake takes the next call, so no call may depend on another having begun; an exception of a call is rethrown at
/// the end.
void for_workers(int threads, c10::function_ref<void(int64_t)> work);

}  // namespace factorise::cpu
