// Runs a program's body: parsing with CLI11, signals, the statuses, and one sentence for an exception that ends it. And
// completion of the command line.

#include <c10/util/Exception.h>
#include <factorise/version.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <new>
#include <sstream>

#include "io/contents.h"
#include "io/printable.h"
#include "programs/command_line.h"
#include "programs/interrupt.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

/// Used only by the completion scripts of the shells, and so not in --help.
constexpr std::string_view kComplete = "--complete";

enum Status { kDone = 0, kFailed = 1, kUsage = 2 };

/// The next file opened takes the number of a closed stdin, stdout or stderr, and output would be written into it.
/// Opens /dev/null in its place, read-only, so that writing fails.
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

int run_body(const char* name, const std::string& command, const std::function<void()>& body) {
  try {
    body();
    return kDone;
  } catch (const ReaderLeft&) {
    return kDone;
  } catch (const Interrupted& stop) {
    complain(name, stop.what());
    return interrupted_status();
  } catch (const UsageError& error) {
    complain(name, fmt::format("{}\nTry '{} --help'.", error.what(), command));
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

/// The result of parsing a command line.
struct Parsed {
  enum class Outcome {
    run,     ///< the body is to run
    text,    ///< --help or --version: `text` is to be printed
    misuse,  ///< `text` is a sentence on what is wrong
  };
  Outcome outcome = Outcome::run;
  std::string text;
  std::string command;  ///< "factorise fit", to name its --help
};

const CLI::App& chosen_verb(const CLI::App& app) {
  const auto verbs = app.get_subcommands();
  return verbs.empty() ? app : *verbs.back();
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
  }
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  }
  return names;
}

std::string did_you_mean(const std::string& dashes, const std::string& candidate) {
  return candidate.empty() ? "." : fmt::format("; did you mean '{}{}'?", dashes, candidate);
}

/// A sentence on the first argument that is not known, the most likely cause of any other error; empty where there is
/// none.
std::string unexpected_argument(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining(true);
  const CLI::App& verb = chosen_verb(app);
  for (const std::string& extra : extras) {
    if (extra.size() < 2 || extra[0] != '-') continue;
    const std::string name = extra.substr(0, extra.find('='));
    const std::string stem = name.substr(std::min(name.find_first_not_of('-'), name.size()));
    return fmt::format("unknown option '{}'{}", name, did_you_mean("--", nearest(stem, options_of(verb))));
  }
  if (extras.empty()) return "";
  const std::vector<std::string> verbs = verbs_of(app);
  if (!verbs.empty() && &verb == &app) {
    const std::string near = nearest(extras[0], verbs);
    return near.empty() ? fmt::format("unknown verb '{}': it must be {}.", extras[0], one_of(verbs))
                        : fmt::format("unknown verb '{}'{}", extras[0], did_you_mean("", near));
  }
  return fmt::format("unexpected argument '{}'.", extras[0]);
}

/// A sentence for an error of CLI11's.
std::string sentence_of(const CLI::App& app, const CLI::ParseError& error) {
  const std::string text = error.what();
  const CLI::App& verb = chosen_verb(app);
  if (const auto at = text.find(" excludes "); at != std::string::npos) {
    return fmt::format("{} and {} cannot be given together.", text.substr(0, at), text.substr(at + 10));
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) && &verb == &app && !verbs_of(app).empty()) {
    return fmt::format("a verb is needed: {}.", one_of(verbs_of(app)));
  }
  if (dynamic_cast<const CLI::ConfigError*>(&error)) {
    // "INI was not able to parse fti.++", "config: This option is not allowed in a configuration file"
    const size_t colon = text.find(": ");
    std::string name = colon == std::string::npos ? text.substr(text.rfind(' ') + 1) : text.substr(0, colon);
    if (name.ends_with(".++")) name.erase(name.size() - 3);  // a whole section
    return fmt::format("the file that --config gives must hold options of a verb below its name, but has '{}'.",
                       shown(name));
  }
  if (dynamic_cast<const CLI::FileError*>(&error)) {
    return fmt::format("the file that --config gives cannot be read: {}.", text.substr(0, text.find(" was not")));
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
    return fmt::format("{} needs a value.", text.substr(0, text.find(':')));
  }
  return fmt::format("{}.", text);
}

Parsed parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  const std::string name = app.get_name();
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) arguments.emplace_back(argv[i]);  // CLI11 takes them in reverse order
  const auto command = [&] {
    const CLI::App& verb = chosen_verb(app);
    return &verb == &app ? name : fmt::format("{} {}", name, verb.get_name());
  };
  const auto misuse = [&](const std::string& sentence) {
    const std::string unexpected = unexpected_argument(app);
    return Parsed{Parsed::Outcome::misuse, unexpected.empty() ? sentence : unexpected, command()};
  };
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return {Parsed::Outcome::text, app.help(), command()};
  } catch (const CLI::CallForVersion& version_call) {
    return {Parsed::Outcome::text, std::string(version_call.what()) + "\n", command()};
  } catch (const CLI::ParseError& error) {
    return misuse(sentence_of(app, error));
  } catch (const UsageError& error) {
    return misuse(error.what());
  }
  return {Parsed::Outcome::run, "", command()};
}

/// The completions of a value by its placeholder in --help (see command_line.h): words, one a line, or FILES and their
/// patterns.
std::string completions_of_value(const std::string& placeholder) {
  if (placeholder == "FILE") return "FILES *\n";
  if (placeholder == "CSV") return "FILES *.csv\n";
  if (placeholder == "DIR") return "FILES\n";
  std::string words, files = "FILES";
  size_t count = 0;
  std::istringstream parts(placeholder);
  for (std::string part; std::getline(parts, part, '|'); ++count) {
    const size_t dot = part.find('.');
    if (dot != std::string::npos) files += " *" + part.substr(dot);
    words += part + "\n";
  }
  if (files != "FILES") return files + "\n";
  return count > 1 ? words : "";
}

/// "fit<tab>Factorise a matrix"
std::string described(const std::string& name, std::string help) {
  std::replace(help.begin(), help.end(), '\n', ' ');
  return fmt::format("{}\t{}\n", name, help);
}

/// The words that can replace the last word, given the words before it; the shell selects those that begin with it.
std::string completions(const CLI::App& program, std::vector<std::string> words) {
  const auto any = [](const CLI::App*) { return true; };
  const CLI::App* app = &program;
  size_t place = 0;                     // of a positional argument
  const CLI::Option* asking = nullptr;  // an option whose value comes next
  const auto option_with_value = [&](const std::string& name) {
    const CLI::Option* option = app->get_option_no_throw(name);
    return option && option->get_items_expected_max() > 0 ? option : nullptr;
  };
  std::string last = words.empty() ? "" : words.back();
  if (!words.empty()) words.pop_back();
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "=") continue;  // bash takes --rank=5 apart
    if (word == ":") {
      ++i;  // and cuda:0
    } else if (asking) {
      asking = nullptr;
    } else if (word.size() > 1 && word[0] == '-') {
      asking = option_with_value(word);
    } else if (!app->get_subcommands(any).empty()) {
      const auto named = app->get_subcommands([&](const CLI::App* verb) { return verb->get_name() == word; });
      if (named.empty()) return "";
      app = named[0];
    } else {
      ++place;
    }
  }
  if (last == "=") last = "";
  const size_t equals = last.find('=');
  if (!asking && last.starts_with("--") && equals != std::string::npos) {
    asking = option_with_value(last.substr(0, equals));
    if (!asking) return "";
  }
  if (asking) return completions_of_value(asking->get_type_name());
  std::string text;
  if (last.starts_with('-')) {
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_group().empty() || option->get_positional()) continue;
      for (const auto& name : option->get_snames()) text += described("-" + name, option->get_description());
      for (const auto& name : option->get_lnames()) text += described("--" + name, option->get_description());
    }
    return text;
  }
  for (const CLI::App* verb : app->get_subcommands(any)) text += described(verb->get_name(), verb->get_description());
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional() && place-- == 0) return completions_of_value(option->get_type_name());
  }
  return text;
}

}  // namespace

int run_program(int argc, const char* const* argv, const char* name, const std::function<void(CLI::App&)>& describe,
                const std::function<void()>& body) {
  take_closed_streams();
  std::signal(SIGPIPE, SIG_IGN);  // a pipe that closes is then an error of write(2), which unwinds what is half-done
  CLI::App app("", name);
  prepare_app(app, name);
  describe(app);
  if (argc > 1 && argv[1] == kComplete) {
    return run_body(name, name, [&] { write_stdout(completions(app, {argv + 2, argv + argc})); });
  }
  const Parsed parsed = parse_command_line(app, argc, argv);
  switch (parsed.outcome) {
    case Parsed::Outcome::run:
      catch_interrupts();
      return run_body(name, parsed.command, body);
    case Parsed::Outcome::text:
      return run_body(name, parsed.command, [&] { write_stdout(parsed.text); });
    case Parsed::Outcome::misuse:
      return run_body(name, parsed.command, [&] { throw UsageError(parsed.text); });
  }
  return kFailed;
}

}  // namespace factorise::programs
