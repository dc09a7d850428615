#pragma once
// A line on the terminal with the progress of a run. Only on a terminal, so that logs and pipes stay clean.

#include <factorise/runs.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

namespace factorise::programs {

/// Shows `label  312/1000 epochs  loss 0.12197  4 s left` on stderr while it exists, redrawn at most 10 times a second,
/// and clears it at the end. Also the run's clock. Thread-safe.
class Progress {
 public:
  /// `unit`: what is counted, "epochs", "runs".
  Progress(std::string label, int64_t total, bool quiet, std::string unit = "epochs");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// For a factoriser's options. stop() shows the epochs done, starts the clock at the first call, and stops the run on
  /// Ctrl-C. on_epoch() shows the loss; as each report costs a pass over A, it is empty where nothing is shown;
  /// report_every() limits it to about 20 calls.
  StopRequest stop();
  EpochCallback on_epoch();
  int64_t report_every() const;

  /// For the library's many runs: adds to the count done so far.
  RunsCallback on_runs();

  /// Erases the line, for example before other output; the next step draws it again.
  void clear();

  /// Epochs finished: all of them, or those before Ctrl-C.
  int64_t done() const;
  /// Whether Ctrl-C stopped the run before its end.
  bool stopped() const;
  /// Since the first epoch began; 0 before.
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  void draw_if_due();
  void erase();

  const std::string label_, unit_;
  const int64_t total_;
  const bool shown_;
  mutable std::mutex mutex_;
  int64_t done_ = 0;
  bool asked_ = false, stopped_ = false, drawn_ = false;
  std::optional<double> loss_;
  std::optional<Clock::time_point> start_;
  Clock::time_point last_drawn_{};
};

}  // namespace factorise::programs
