// Taking tasks, and waiting for them.

#include "cpu/crew.h"

#include <ATen/Parallel.h>

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <system_error>

#include "cpu/spin.h"

namespace factorise::cpu {
namespace {

constexpr double kWorthThread = 1 << 20;  // multiply-adds, some 10 µs
constexpr uint64_t kCall = uint64_t{1} << 32;

/// Returns when the value is no longer `old`.
template <class T>
void wait_while(const std::atomic<T>& value, T old) {
  Patience patience;
  do {
    if (value.load(std::memory_order_acquire) != old) return;
  } while (patience.look_again());
  // Looking again from time to time: a wait of the standard library's on eight bytes was seen to miss its waking.
  while (value.load(std::memory_order_acquire) == old) std::this_thread::sleep_for(std::chrono::microseconds(200));
}

}  // namespace

int64_t threads_for(double work) {
  if (at::in_parallel_region()) return 1;
  return static_cast<int64_t>(std::clamp<double>(work / kWorthThread, 1, at::get_num_threads()));
}

Crew::Crew(int64_t threads) {
  try {
    for (int64_t i = 1; i < threads; ++i) helpers_.emplace_back([this] { help(); });
  } catch (const std::system_error&) {
    // The system has no more threads: those that are here do the same work.
  }
}

Crew::~Crew() {
  over_.store(true);
  ticket_.fetch_add(kCall, std::memory_order_release);
  ticket_.notify_all();
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
  ticket_.store(ticket, std::memory_order_release);
  ticket_.notify_all();
  while (take_one(ticket)) {
  }
  for (int64_t left; (left = unfinished_.load(std::memory_order_acquire)) != 0;) wait_while(unfinished_, left);
}

void Crew::help() {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (!over_.load()) {
    if (!take_one(ticket)) {
      wait_while(ticket_, ticket);
      ticket = ticket_.load(std::memory_order_acquire);
    }
  }
}

/// Does one task; false where none is left, with the ticket that says so.
bool Crew::take_one(uint64_t& ticket) {
  do {
    if ((ticket & (kCall - 1)) == 0) return false;
  } while (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acquire));
  (*task_)(tasks_ - static_cast<int64_t>(ticket & (kCall - 1)));
  ticket -= 1;
  if (unfinished_.fetch_sub(1, std::memory_order_release) == 1) unfinished_.notify_one();
  return true;
}

void for_workers(int threads, c10::function_ref<void(int64_t)> work) {
  if (threads <= 1) return work(0);
  struct Lasting {
    std::unique_ptr<Crew> crew;
    pid_t process = 0;
  };
  thread_local Lasting lasting;
  // A forked child has the crew's memory, but none of its threads.
  if (lasting.crew && lasting.process != getpid()) static_cast<void>(lasting.crew.release());
  if (!lasting.crew || lasting.crew->threads() != threads) {
    lasting.crew = std::make_unique<Crew>(threads);
    lasting.process = getpid();
  }
  lasting.crew->for_each(threads, work);
}

}  // namespace factorise::cpu
