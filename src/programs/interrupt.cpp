// The signal handler behind Ctrl-C.

#include "programs/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace factorise::programs {
namespace {

// Global, because a signal handler has no other access to state.
std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not wait for a lock");

// Whether stderr is a terminal; found before, as a handler may not call isatty.
bool tell = false;
constexpr char kTold[] = "\nStopping after this epoch; Ctrl-C again ends at once.\n";

void on_signal(int number) {
  received.store(number, std::memory_order_relaxed);
  if (tell) static_cast<void>(!::write(STDERR_FILENO, kTold, sizeof kTold - 1));
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  tell = isatty(STDERR_FILENO) == 1;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // reads and writes under way go on
  sigemptyset(&action.sa_mask);
  // Also where SIGINT was ignored, as in a script's background jobs: a SIGINT that is sent there is deliberate.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() noexcept { return received.load(std::memory_order_relaxed) != 0; }

int interrupted_status() noexcept { return received.load(std::memory_order_relaxed) == SIGTERM ? 143 : 130; }

}  // namespace factorise::programs
