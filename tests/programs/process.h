#pragma once
// Runs a program as a person or a script would: arguments, environment, streams, signals, a terminal.

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace factorise::tests {

/// Whether a process has a handler for SIGINT, the test's own before exec() not counted.
bool catches_interrupts(pid_t process);

/// What a program did.
struct ProcessResult {
  int status = -1;  ///< as in a shell: 128 + the signal that killed it
  bool timed_out = false;
  std::string out, err;
};

/// How a program is run. Its stdin is empty.
struct ProcessOptions {
  std::map<std::string, std::string> environment = {};  ///< set on top of the test's own; NO_COLOR is removed from that
  std::string folder = {};                              ///< to run in; empty: the test's own
  double timeout = 120;                                 ///< seconds; then it is killed, and the test fails
  bool terminal = false;            ///< stdout and stderr are a terminal of 100 columns (both in `out`)
  bool close_stdout_early = false;  ///< the reader of stdout leaves at once, as in `| true`
  std::string stdout_file = {};     ///< stdout goes to this file, such as /dev/full, and not into `out`
  int64_t largest_file = -1;        ///< bytes that any file may grow to (RLIMIT_FSIZE); -1: no limit
  /// Signals sent while it runs, one after another, each as soon as `when` holds (asked every few milliseconds).
  struct Signal {
    int number;
    std::function<bool(pid_t process, const ProcessResult& so_far)> when;
  };
  std::vector<Signal> signals = {};
};

/// Runs argv[0] and waits for it.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options = {});

/// Runs a program of this build: program({"lab1", "--seed", "1"}).
ProcessResult program(std::vector<std::string> argv, const ProcessOptions& options = {});

/// The same in a folder, with more arguments after the first: program_in(folder, {"factorise", "fit"}, arguments).
ProcessResult program_in(const std::string& folder, std::vector<std::string> argv,
                         const std::vector<std::string>& arguments, ProcessOptions options = {});

/// Whether the tests' Python can import a module.
bool python_has(const std::string& module);

/// An empty folder for a test, made anew, and the names of what is in one.
std::string empty_folder(const std::string& name);
std::vector<std::string> names_in(const std::string& folder);

/// A file's whole content; "" where there is none.
std::string content_of(const std::string& path);

}  // namespace factorise::tests
