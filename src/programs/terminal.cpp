// Writes to the two streams with write(2): all output is written when print() returns, and a failure is reported at
// once.

#include "programs/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "io/printable.h"
#include "programs/command_line.h"

namespace factorise::programs {
namespace {

/// Writes everything; the errno that stopped it, or 0.
int write_all(int stream, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(stream, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      // Another process has made the stream non-blocking, which applies to every process that shares it.
      pollfd ready{stream, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

/// Text for a terminal: printable, but for the codes that Style wraps parts of it in.
std::string shown_with_colours(std::string_view text, const Style& style) {
  if (!style.colour()) return printable_lines(text);
  std::string result;
  while (!text.empty()) {
    size_t code = 0;
    for (const char* known : {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"}) {
      if (text.starts_with(known)) code = std::strlen(known);
    }
    result += text.substr(0, code);
    const size_t end = std::min(text.find('\x1b', std::max<size_t>(code, 1)), text.size());
    result += printable_lines(text.substr(code, end - code));
    text.remove_prefix(end);
  }
  return result;
}

}  // namespace

bool stdout_is_terminal() { return isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Style Style::of_terminal(bool is_terminal) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term && std::string_view(term) == "dumb";
  return Style(is_terminal && !dumb && !(no_color && *no_color));
}

std::string Style::wrap(const char* code, std::string_view text) const {
  return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

Output::Output(const CommonOptions& options, bool files_to_come)
    : print_results_(options.json != "-"),
      print_notices_(!options.quiet),
      files_to_come_(files_to_come || (!options.json.empty() && options.json != "-")),
      style_(Style::of_terminal(stdout_is_terminal())) {}

void Output::print(std::string_view text) const {
  if (!print_results_ || reader_left_) return;
  try {
    write_stdout(fmt::format("{}\n", shown_with_colours(text, style_)));
  } catch (const ReaderLeft&) {
    if (!files_to_come_) throw;
    reader_left_ = true;
  }
  printed_ = true;
}

void Output::heading(std::string_view text) const {
  print(fmt::format("{}{}", printed_ ? "\n" : "", style_.bold(text)));
}

void Output::notice(std::string_view sentence) const {
  if (print_notices_) write_stderr(fmt::format("{}\n", printable_lines(sentence)));
}

void write_stdout(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == EPIPE) throw ReaderLeft();
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot write to stdout");
}

void write_stderr(std::string_view text) { write_all(STDERR_FILENO, text); }

}  // namespace factorise::programs
