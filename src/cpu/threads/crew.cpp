// Takes tasks, and waits for their end.

#include "cpu/threads/crew.h"

#include <ATen/Parallel.h>

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

namespace factorise::cpu {
namespace {

constexpr double kWorthThread = 1 << 20;  // multiply-adds, some 10 µs
constexpr uint64_t kCall = uint64_t{1} << 32;

/// The crew of a thread, and the process in which it was made.
struct LastingCrew {
  std::unique_ptr<Crew> crew;
  pid_t process = 0;

  ~LastingCrew() { forget_if_forked(); }
  /// A forked child has the crew's memory, but none of its threads: it can neither use it nor wait for its end.
  void forget_if_forked() {
    if (crew && process != getpid()) static_cast<void>(crew.release());
  }
};

}  // namespace

int64_t threads_for(double work) {
  if (at::in_parallel_region()) return 1;
  return static_cast<int64_t>(std::clamp<double>(work / kWorthThread, 1, at::get_num_threads()));
}

Crew::Crew(int64_t threads) {
  try {
    for (int64_t i = 1; i < threads; ++i) helpers_.emplace_back([this] { help(); });
  } catch (const std::system_error&) {
    // The system starts no more threads: the ones already started do the same work.
  }
}

Crew::~Crew() {
  over_.store(true);
  ticket_.fetch_add(kCall);
  helpers_wait_.wake();
  for (std::thread& helper : helpers_) helper.join();
}

void Crew::for_each(int64_t tasks, c10::function_ref<void(int64_t)> task) {
  if (helpers_.empty() || tasks <= 1) {
    for (int64_t i = 0; i < tasks; ++i) task(i);
    return;
  }
  tasks_ = tasks;
  task_ = &task;
  unfinished_.store(tasks, std::memory_order_relaxed);
  uint64_t ticket = (ticket_.load(std::memory_order_relaxed) & ~(kCall - 1)) + kCall + static_cast<uint64_t>(tasks);
  ticket_.store(ticket);
  helpers_wait_.wake();
  while (take_one(ticket)) {
  }
  caller_waits_.wait_until([&] { return unfinished_.load() == 0; });
  if (failed_.exchange(false)) std::rethrow_exception(std::exchange(error_, nullptr));
}

void Crew::help() {
  uint64_t ticket = ticket_.load();
  for (;;) {
    while (take_one(ticket)) {
    }
    // over_ is read after the ticket: it is set before the last change of the ticket, so a helper that has read the
    // last ticket also reads over_ as set, and does not wait for another ticket.
    if (over_.load()) return;
    helpers_wait_.wait_until([&] { return ticket_.load() != ticket; });
    ticket = ticket_.load();
  }
}

void Crew::do_one(int64_t i) {
  try {
    (*task_)(i);
  } catch (...) {
    if (!failed_.exchange(true)) error_ = std::current_exception();
  }
}

/// Does one task; false where none is left. `ticket`: the last one read; updated where it has changed.
bool Crew::take_one(uint64_t& ticket) {
  do {
    if ((ticket & (kCall - 1)) == 0) return false;
  } while (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acquire));
  do_one(tasks_ - static_cast<int64_t>(ticket & (kCall - 1)));
  ticket -= 1;
  if (unfinished_.fetch_sub(1) == 1) caller_waits_.wake();
  return true;
}

void for_workers(int threads, c10::function_ref<void(int64_t)> work) {
  if (threads <= 1) return work(0);
  thread_local LastingCrew lasting;
  lasting.forget_if_forked();
  if (!lasting.crew || lasting.crew->threads() != threads) {
    lasting.crew = std::make_unique<Crew>(threads);
    lasting.process = getpid();
  }
  lasting.crew->for_each(threads, work);
}

}  // namespace factorise::cpu
