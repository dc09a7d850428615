// fork, exec and pipes; forkpty for a terminal.

#include "process.h"
#include "places.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace factorise::tests {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kPollMilliseconds = 5;

void check(bool holds, const char* call) {
  if (!holds) throw std::runtime_error(std::string(call) + ": " + std::strerror(errno));
}

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    check(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    close_end(read);
    close_end(write);
  }
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

/// In the child: everything but the streams, then the program.
[[noreturn]] void become(const std::vector<std::string>& argv, const ProcessOptions& options) {
  unsetenv("NO_COLOR");
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(126);
  if (options.largest_file >= 0) {
    const auto bytes = static_cast<rlim_t>(options.largest_file);
    const rlimit limit{bytes, bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);  // writing then fails with EFBIG, as on a full disk with ENOSPC
  }
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

/// Reads what is there; false at the end of the stream.
bool read_some(int stream, std::string& text) {
  char buffer[4096];
  const ssize_t size = read(stream, buffer, sizeof buffer);
  if (size > 0) text.append(buffer, static_cast<size_t>(size));
  return size > 0 || (size < 0 && errno == EINTR);  // a terminal's other end says EIO at the end
}

/// Reads the streams until both end, sending the signals and minding the clock.
void attend(pid_t child, int out, int err, const ProcessOptions& options, ProcessResult& result) {
  const auto deadline = Clock::now() + std::chrono::duration<double>(options.timeout);
  size_t next_signal = 0;
  while (out >= 0 || err >= 0) {
    pollfd streams[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
    poll(streams, 2, kPollMilliseconds);
    if (streams[0].revents && !read_some(out, result.out)) out = -1;
    if (streams[1].revents && !read_some(err, result.err)) err = -1;
    if (next_signal < options.signals.size() && options.signals[next_signal].when(child, result)) {
      kill(child, options.signals[next_signal++].number);
    }
    if (!result.timed_out && Clock::now() > deadline) {
      result.timed_out = true;
      kill(child, SIGKILL);
    }
  }
}

int wait_for(pid_t child) {
  int status = 0;
  check(waitpid(child, &status, 0) == child, "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

ProcessResult run_in_terminal(const std::vector<std::string>& argv, const ProcessOptions& options) {
  winsize size{};
  size.ws_row = 40;
  size.ws_col = 100;
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  check(child >= 0, "forkpty");
  if (child == 0) become(argv, options);
  ProcessResult result;
  attend(child, terminal, -1, options, result);
  result.status = wait_for(child);
  close(terminal);
  return result;
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  if (options.terminal) return run_in_terminal(argv, options);
  Pipe out, err;
  if (options.close_stdout_early) Pipe::close_end(out.read);
  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    const int nothing = open("/dev/null", O_RDONLY);
    const int file = options.stdout_file.empty() ? -1 : open(options.stdout_file.c_str(), O_WRONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(file >= 0 ? file : out.write, STDOUT_FILENO);
    dup2(err.write, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    become(argv, options);
  }
  Pipe::close_end(out.write);
  Pipe::close_end(err.write);
  ProcessResult result;
  attend(child, out.read, err.read, options, result);
  result.status = wait_for(child);
  return result;
}

bool catches_interrupts(pid_t process) {
  const std::string folder = "/proc/" + std::to_string(process);
  std::error_code error;
  const auto runs = std::filesystem::read_symlink(folder + "/exe", error);
  if (error || runs == std::filesystem::read_symlink("/proc/self/exe")) return false;  // not yet what it will be
  std::ifstream status(folder + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigCgt:")) return std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1;
  }
  return false;
}

ProcessResult program(std::vector<std::string> argv, const ProcessOptions& options) {
  argv.at(0) = std::string(kProgramFolder) + "/" + argv[0];
  return run_process(argv, options);
}

bool python_has(const std::string& module) { return run_process({kPython, "-c", "import " + module}).status == 0; }

ProcessResult program_in(const std::string& folder, std::vector<std::string> argv,
                         const std::vector<std::string>& arguments, ProcessOptions options) {
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  options.folder = folder;
  return program(std::move(argv), options);
}

std::string empty_folder(const std::string& name) {
  const auto folder = std::filesystem::path(kOutputFolder) / "programs" / name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder.string();
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace factorise::tests
