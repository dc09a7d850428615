#pragma once
// The programs' output: results on stdout, notices on stderr, colour only on a terminal.

#include <string>
#include <string_view>

namespace factorise::programs {

struct CommonOptions;

bool stdout_is_terminal();
bool stderr_is_terminal();

/// Columns of a terminal on stderr, 80 where they are not known.
int terminal_columns();

/// Wraps text in a colour, or gives it back plain.
class Style {
 public:
  explicit Style(bool colour = false) : colour_(colour) {}
  /// For a stream that is a terminal or not: colour only on a terminal, and not where NO_COLOR is set (no-color.org)
  /// or TERM is dumb.
  static Style of_terminal(bool is_terminal);

  std::string bold(std::string_view text) const { return wrap("1", text); }
  std::string dim(std::string_view text) const { return wrap("2", text); }
  std::string red(std::string_view text) const { return wrap("31", text); }
  std::string green(std::string_view text) const { return wrap("32", text); }
  std::string yellow(std::string_view text) const { return wrap("33", text); }
  bool colour() const { return colour_; }

 private:
  std::string wrap(const char* code, std::string_view text) const;
  bool colour_;
};

/// A program's two streams, as its options set them.
class Output {
 public:
  /// With `json` "-" stdout belongs to the JSON and print() and heading() are silent; with `quiet`, notice() is.
  /// `files_to_come`: files will be written after something was printed, so the run goes on (silently) after the reader
  /// of stdout has closed it; otherwise print() then ends the program.
  explicit Output(const CommonOptions& options, bool files_to_come = false);

  /// Text and a line break on stdout, flushed; controls but line breaks and style() escaped (io/printable.h).
  void print(std::string_view text = "") const;
  /// A title on stdout, bold on a terminal, with an empty line before it unless it is the first output.
  void heading(std::string_view text) const;
  /// A sentence on stderr.
  void notice(std::string_view sentence) const;

  /// Colours for text that goes to print().
  const Style& style() const { return style_; }

 private:
  bool print_results_, print_notices_, files_to_come_;
  mutable bool printed_ = false, reader_left_ = false;
  Style style_;
};

/// The reader of stdout has closed it, as `head` does. run_program ends quietly on it.
struct ReaderLeft {};

/// Writes all of it to stdout and flushes. Throws ReaderLeft, or std::system_error for errors such as a full disk.
void write_stdout(std::string_view text);

/// The same for stderr, where nothing can be done about an error.
void write_stderr(std::string_view text);

}  // namespace factorise::programs
