// What happens around a program's body: signals, the statuses, and one sentence for whatever ends it.

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <new>

#include "io/printable.h"
#include "programs/command_line.h"
#include "programs/interrupt.h"
#include "programs/parse.h"
#include "programs/shell_files.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

/// Asked for by the build, with a folder; for nobody else, and so not in --help.
constexpr std::string_view kWriteShellFiles = "--write-shell-files";

enum Status { kDone = 0, kFailed = 1, kUsage = 2 };

/// A closed stdin, stdout or stderr leaves its number to the next file opened, which would then be written into by
/// accident. Taken by /dev/null, read-only, writing to it fails as it should.
void take_closed_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (fcntl(stream, F_GETFD) == -1) open("/dev/null", O_RDONLY);  // the lowest free number
  }
}

/// "[enforce fail at alloc_cpu.cpp:125] . DefaultCPUAllocator: can't allocate memory: ..." without its head.
std::string sentence_of(const c10::Error& error) {
  std::string text = error.what_without_backtrace();
  if (const auto at = text.find("DefaultCPUAllocator: "); at != std::string::npos) text = text.substr(at + 21);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

void complain(const char* name, const std::string& sentence) {
  const Style style = Style::of_terminal(stderr_is_terminal());
  write_stderr(fmt::format("{} {}\n", style.red(fmt::format("{}:", name)), printable_lines(sentence)));
}

int run_body(const char* name, const Parsed& parsed, const std::function<void()>& body) {
  try {
    body();
    return kDone;
  } catch (const ReaderLeft&) {
    return kDone;
  } catch (const Interrupted& stop) {
    complain(name, stop.what());
    return interrupted_status();
  } catch (const UsageError& error) {
    complain(name, fmt::format("{}\nTry '{} --help'.", error.what(), parsed.command));
    return kUsage;
  } catch (const c10::Error& error) {
    complain(name, sentence_of(error));
  } catch (const std::bad_alloc&) {
    complain(name, "there is not enough memory for this.");
  } catch (const std::exception& error) {
    complain(name, error.what());
  }
  return kFailed;
}

}  // namespace

int run_program(int argc, const char* const* argv, const char* name, const std::function<void(CLI::App&)>& describe,
                const std::function<void()>& body) {
  take_closed_streams();
  std::signal(SIGPIPE, SIG_IGN);  // a pipe that closes is then an error of write(2), which unwinds what is half-done
  if (argc == 3 && std::string_view(argv[1]) == kWriteShellFiles) {
    return run_body(name, {}, [&] { write_shell_files(interface_of(name, describe), argv[2]); });
  }
  const Parsed parsed = parse_command_line(argc, argv, name, describe);
  switch (parsed.outcome) {
    case Parsed::Outcome::run:
      catch_interrupts();
      return run_body(name, parsed, body);
    case Parsed::Outcome::text:
      return run_body(name, parsed, [&] { write_stdout(parsed.text); });
    case Parsed::Outcome::misuse:
      return run_body(name, parsed, [&] { throw UsageError(parsed.text); });
  }
  return kFailed;
}

}  // namespace factorise::programs
