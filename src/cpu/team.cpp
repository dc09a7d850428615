// Threads that wait for the next run: briefly awake, then asleep, so that a run that follows at once starts at once.

#include "cpu/team.h"

#include <unistd.h>

#include <atomic>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "cpu/spin.h"

namespace factorise::cpu {
namespace {

class Team {
 public:
  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team() {
    closing_ = true;
    runs_.add();
    for (auto& member : members_) member.join();
  }

  bool made_here() const { return process_ == getpid(); }

  int run(int threads, const std::function<void(int)>& work) {
    try {
      while (static_cast<int>(members_.size()) < threads - 1) {
        const int number = static_cast<int>(members_.size()) + 1;
        members_.emplace_back([this, number, seen = runs_.value()] { serve(number, seen); });
      }
    } catch (const std::system_error&) {
      threads = static_cast<int>(members_.size()) + 1;
    }
    work_ = &work;
    called_ = threads;
    const uint32_t target = left_.value() + static_cast<uint32_t>(members_.size());
    runs_.add();
    work(0);
    left_.wait_for(target);
    return threads;
  }

 private:
  void serve(int number, uint32_t seen) {
    for (;;) {
      runs_.wait_for(++seen);
      if (closing_) return;
      if (number < called_) (*work_)(number);
      left_.add();
    }
  }

  const pid_t process_ = getpid();
  std::vector<std::thread> members_;
  Counter runs_;  ///< runs begun: members wait for the next
  Counter left_;  ///< members that are done, over all runs: the caller waits for them
  const std::function<void(int)>* work_ = nullptr;
  int called_ = 0;
  std::atomic<bool> closing_{false};
};

}  // namespace

int run_team(int threads, const std::function<void(int)>& work) {
  if (threads <= 1) {
    work(0);
    return 1;
  }
  thread_local std::unique_ptr<Team> team;
  // A forked child has the team's memory, but none of its threads.
  if (team && !team->made_here()) static_cast<void>(team.release());
  if (!team) team = std::make_unique<Team>();
  return team->run(threads, work);
}

}  // namespace factorise::cpu
