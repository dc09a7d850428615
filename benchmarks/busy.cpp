// What a second job costs: SGD epochs on all threads alone, and while another process spins on a core. Threads that
// only spin while they wait lose whole time slices then; those that sleep lose the core's share.

#include <factorise/sgd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <system_error>

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/subjects.h"

namespace factorise::benchmarks {
namespace {

/// A child process that computes nothing without end, until this object or its parent ends.
class BusyJob {
 public:
  BusyJob() : child_(fork()) {
    if (child_ < 0) throw std::system_error(errno, std::generic_category(), "no second job could be started");
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (std::atomic<uint64_t> spin = 0;;) spin.fetch_add(1, std::memory_order_relaxed);
    }
  }
  ~BusyJob() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  BusyJob(const BusyJob&) = delete;
  BusyJob& operator=(const BusyJob&) = delete;

 private:
  pid_t child_;
};

}  // namespace

void bench_busy(const Settings& settings) {
  const Problem problem = random_problem(settings.rows, settings.columns, settings.density, settings.common.seed);
  const Factors initial = start(problem, settings.rank, settings.common.seed);
  const int threads = std::max(1, settings.common.threads);
  ordered_json sample{
      {"bench", "busy"}, {"side", "ours"}, {"engine", default_engine()}, {"threads", threads}, {"rank", settings.rank}};
  if (const auto reason = too_slow(problem.observed(), 10)) {
    sample["skipped"] = *reason;
    print_sample(sample);
    return;
  }
  const auto [A, M] = matrix_of(problem, /*bytes=*/false);
  const Threads guard(threads);
  const auto run = [&, &A = A, &M = M](int64_t epochs) {
    sgd_factorise_masked(A, M, settings.rank, SgdOptions().num_epochs(epochs).lr(kLr).initial(initial));
  };
  // Long enough for several of the scheduler's time slices.
  const double seconds = 2 * settings.seconds;
  const double alone = epoch_time(run, seconds).ms;
  double busy = 0;
  {
    const BusyJob job;
    busy = epoch_time(run, seconds).ms;
  }
  sample["ms"] = busy;
  sample["alone_ms"] = alone;
  sample["slowdown"] = busy / alone;
  print_sample(sample);
}

}  // namespace factorise::benchmarks
