// A child process whose standard output is read under a watchdog. Its own limits only make sure that it does not
// outlive this process for long.

#include "io/download.h"

#include <c10/util/StringUtil.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

extern char** environ;  // POSIX declares it nowhere

namespace factorise {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kPythonFetch[] =
    "import shutil, sys, urllib.request\n"
    "shutil.copyfileobj(urllib.request.urlopen(sys.argv[1], timeout=10), sys.stdout.buffer)\n";

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

/// The commands to try, in this order. curl alone needs options to fail on an error page and to stay with HTTP.
std::vector<std::vector<std::string>> commands(const std::string& address) {
  std::vector<std::vector<std::string>> commands = {
      words("curl --silent --fail --location --proto =http,https --proto-redir =http,https --max-redirs 5 "
            "--connect-timeout 10 --speed-limit 1 --speed-time 15 --max-time 310 --output - --"),
      words("wget --quiet --output-document=- --tries=1 --timeout=10 --max-redirect=5 --"),
      {"python3", "-I", "-c", kPythonFetch}};
  for (auto& command : commands) command.push_back(address);
  return commands;
}

std::optional<std::string> find_on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.starts_with('/')) continue;  // nothing out of the folder that this happens to run in
    const std::string candidate = (std::filesystem::path(folder) / program).string();
    std::error_code error;
    if (std::filesystem::is_regular_file(candidate, error) && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

/// A file descriptor that is closed on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

/// A running child; killed and reaped on every way out.
class Child {
 public:
  /// Starts the program with `out` as its standard output and nothing to read. Not running where that fails.
  Child(const std::string& program, std::vector<std::string> arguments, int out) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    // `out` first: where this process runs without standard streams, it may have one of their numbers.
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);

    // Whatever this process ignores or blocks, the child is to end on Ctrl-C and when its output is no longer read.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, reset;
    sigemptyset(&none);
    sigemptyset(&reset);
    for (int signal : {SIGINT, SIGTERM, SIGPIPE}) sigaddset(&reset, signal);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &reset);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    if (posix_spawn(&pid_, program.c_str(), &files, &attributes, argv.data(), environ) != 0) pid_ = -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  bool running() const { return pid_ >= 0; }

  /// Its status once it has ended: 0 to 255, or 128 + the signal that ended it; none where it has not by then.
  std::optional<int> wait_until(Clock::time_point deadline) {
    for (;;) {
      int status = 0;
      const pid_t ended = waitpid(pid_, &status, WNOHANG);
      if (ended == pid_) {
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      if (ended < 0 && errno == ECHILD) {  // the caller ignores SIGCHLD: the status is lost, the content decides
        pid_ = -1;
        return 0;
      }
      if (Clock::now() >= deadline) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

 private:
  pid_t pid_ = -1;
};

std::string seconds(std::chrono::milliseconds time) {
  return c10::str(static_cast<double>(time.count()) / 1000, " seconds");
}

/// Reads to the end into `content`. Returns why it gave up, or nothing.
std::string read_within(int fd, const DownloadLimits& limits, Clock::time_point start, std::string& content) {
  const Clock::time_point last = start + limits.total;
  Clock::time_point pause_ends = start + limits.first_byte;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const auto deadline = std::min(last, pause_ends);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd wanted{fd, POLLIN, 0};
    const int ready = left <= 0 ? 0 : poll(&wanted, 1, static_cast<int>(left));
    if (ready == 0) {
      if (deadline == last) return "it was not complete after " + seconds(limits.total);
      return content.empty() ? "there was no answer within " + seconds(limits.first_byte)
                             : "it stopped for " + seconds(limits.stall);
    }
    const ssize_t got = ready < 0 ? -1 : read(fd, buffer.data(), buffer.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      return c10::str("reading failed: ", std::strerror(errno));
    }
    if (got == 0) return "";
    if (static_cast<int64_t>(content.size()) + got > limits.largest) {
      return c10::str("it is larger than ", limits.largest >> 20, " MiB");
    }
    content.append(buffer.data(), static_cast<size_t>(got));
    pause_ends = Clock::now() + limits.stall;
  }
}

}  // namespace

Download download(const std::string& address, const DownloadLimits& limits) {
  const auto start = Clock::now();
  for (const auto& command : commands(address)) {
    const auto program = find_on_path(command.front());
    if (!program) continue;
    int ends[2];
    // Closed in every process that another thread starts meanwhile, which would else keep the pipe open.
    if (pipe2(ends, O_CLOEXEC) != 0) return {false, "", c10::str("no pipe could be made: ", std::strerror(errno))};
    Descriptor out(ends[0]), in(ends[1]);
    Child child(*program, command, in.get());
    if (!child.running()) continue;
    in.close();

    Download result;
    result.failure = read_within(out.get(), limits, start, result.content);
    if (result.failure.empty()) {
      const auto status = child.wait_until(Clock::now() + std::chrono::milliseconds(500));
      // As shells have it: it could not be run, so another may do.
      if (status == 126 || status == 127) continue;
      if (status && *status != 0) result.failure = c10::str(command.front(), " ended with status ", *status);
      if (result.failure.empty() && result.content.empty()) result.failure = "nothing came";
    }
    result.complete = result.failure.empty();
    if (!result.complete) result.content.clear();
    return result;
  }
  return {false, "", "none of curl, wget and python3 is on PATH and runs"};
}

}  // namespace factorise
