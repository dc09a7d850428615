// Redrawing one line on stderr.

#include "programs/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "programs/interrupt.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr int64_t kLossReports = 20;

bool can_redraw() {
  const char* term = std::getenv("TERM");
  return stderr_is_terminal() && !(term && std::string_view(term) == "dumb");
}

}  // namespace

Progress::Progress(std::string label, int64_t total, bool quiet, std::string unit)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), shown_(!quiet && can_redraw()) {}

Progress::~Progress() { clear(); }

StopRequest Progress::stop() {
  return [this, first = std::optional<int64_t>()](int64_t epoch) mutable {
    const std::lock_guard lock(mutex_);
    if (!start_) start_ = Clock::now();
    if (!first) first = epoch;
    asked_ = true;
    done_ = epoch - *first;
    stopped_ = interrupted();
    draw_if_due();
    return stopped_;
  };
}

EpochCallback Progress::on_epoch() {
  if (!shown_) return {};
  return [this](int64_t, double loss) {
    const std::lock_guard lock(mutex_);
    loss_ = loss;
    return true;
  };
}

int64_t Progress::report_every() const { return std::max<int64_t>(1, total_ / kLossReports); }

RunsCallback Progress::on_runs() {
  const std::lock_guard lock(mutex_);
  if (!start_) start_ = Clock::now();
  return [this, before = done_](int64_t done, int64_t) {
    const std::lock_guard again(mutex_);
    done_ = before + done;
    draw_if_due();
  };
}

void Progress::clear() {
  const std::lock_guard lock(mutex_);
  erase();
}

int64_t Progress::done() const {
  const std::lock_guard lock(mutex_);
  // stop() is not called after the last epochs.
  return asked_ && !stopped_ ? total_ : done_;
}

bool Progress::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

double Progress::seconds() const {
  const std::lock_guard lock(mutex_);
  return start_ ? std::chrono::duration<double>(Clock::now() - *start_).count() : 0;
}

void Progress::draw_if_due() {
  const auto now = Clock::now();
  if (!shown_ || now - last_drawn_ < kRedraw) return;
  last_drawn_ = now;
  std::string line = fmt::format("{}  {}/{} {}", label_, done_, total_, unit_);
  if (loss_) line += fmt::format("  loss {}", figure(*loss_));
  if (done_ > 0 && start_) {
    const double gone = std::chrono::duration<double>(now - *start_).count();
    line += fmt::format("  {} left", duration(gone / static_cast<double>(done_) * static_cast<double>(total_ - done_)));
  }
  // A line that wraps could not be erased.
  const auto columns = static_cast<size_t>(std::max(terminal_columns() - 1, 10));
  if (line.size() > columns) line.resize(columns);
  write_stderr(fmt::format("\r{}\x1b[K", line));
  drawn_ = true;
}

void Progress::erase() {
  if (drawn_) write_stderr("\r\x1b[K");
  drawn_ = false;
}

}  // namespace factorise::programs
