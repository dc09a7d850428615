#pragma once
// Ctrl-C: the first one stops the run after the current epoch, so that its result can be kept; the second ends the
// program at once.

#include <cstdint>
#include <exception>
#include <string>

namespace factorise::programs {

/// From here on SIGINT and SIGTERM set a flag; a second one kills. A program calls it once, before its work.
void catch_interrupts();

/// Whether a signal has arrived. Costs an atomic load.
bool interrupted() noexcept;

/// The same as a factoriser's StopRequest.
inline bool stop_if_interrupted(int64_t) noexcept { return interrupted(); }

/// The exit status of a program then, as shells have it: 130 for Ctrl-C, 143 for SIGTERM.
int interrupted_status() noexcept;

/// Ends the program with that status. The sentence names what was kept: "Stopped after epoch 312; factors written to
/// F."
class Interrupted : public std::exception {
 public:
  explicit Interrupted(std::string sentence) : sentence_(std::move(sentence)) {}
  const char* what() const noexcept override { return sentence_.c_str(); }

 private:
  std::string sentence_;
};

}  // namespace factorise::programs
