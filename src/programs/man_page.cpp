// The man page: what --help says in roff, and what the programs have in common that no option tells.

#include <factorise/version.h>
#include <fmt/format.h>

#include <cctype>

#include "programs/shell_files.h"

namespace factorise::programs {
namespace {

/// A character of more than one byte as roff names it, "\[u2248]"; moves `at` behind it.
std::string named_character(const std::string& text, size_t& at) {
  const auto first = static_cast<uint8_t>(text[at]);
  const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  uint32_t code = first & (0x3fu >> more);
  for (int i = 0; i < more; ++i) code = code << 6 | (static_cast<uint8_t>(text.at(at + 1 + i)) & 0x3fu);
  at += static_cast<size_t>(more);
  return fmt::format("\\[u{:04X}]", code);
}

/// Text that roff sets as it is.
std::string roff(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<uint8_t>(c) >= 0x80) {
      result += named_character(text, i);
    } else if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if ((c == '.' || c == '\'') && (i == 0 || text[i - 1] == '\n')) {
      result += fmt::format("\\&{}", c);  // else a request
    } else {
      result += c;
    }
  }
  return result;
}

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

std::string entry(const std::string& term, const std::string& text) { return ".TP\n" + term + "\n" + text + "\n"; }

/// Of "-h", "--help": both, and the value.
std::string term(const Argument& option) {
  std::string names;
  for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + bold(name);
  return option.value.empty() ? names : names + " " + italic(option.value);
}

std::string entries(const Command& command, const Command* without = nullptr) {
  std::string text;
  for (const Argument& positional : command.positionals) {
    text += entry(italic(positional.names.at(0)), roff(positional.help));
  }
  for (const Argument& option : command.options) {
    bool is_said = false;
    if (without) {
      for (const Argument& other : without->options) is_said = is_said || other.names == option.names;
    }
    if (!is_said) text += entry(term(option), roff(option.help));
  }
  return text;
}

/// One line of the synopsis.
std::string synopsis(const std::string& name, const Command& command) {
  std::string text = bold(name);
  for (const Argument& option : command.options) {
    if (option.required) text += " " + term(option);
  }
  text += " [" + italic("option") + " ...]";
  for (const Argument& positional : command.positionals) {
    const std::string argument = italic(positional.names.at(0));
    text += positional.required ? " " + argument : " [" + argument + "]";
  }
  return text + "\n";
}

std::string examples(const Command& command) {
  std::string text;
  for (const std::string& example : command.examples) text += roff(example) + "\n";
  return text;
}

/// The first sentence, as NAME has it.
std::string gist(const Command& program) {
  const std::string text = program.description.substr(0, program.description.find(". "));
  return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
}

std::string environment(const Command& program) {
  std::string text =
      entry(bold("NO_COLOR"), "Where it is set and not empty, nothing is coloured on a terminal.") +
      entry(bold("TERM"), roff("On a terminal that is dumb there is neither colour nor progress.")) +
      entry(bold("FACTORISE_ISA"),
            roff("The instruction set that the fused engine uses, in place of the best that the machine has. The "
                 "results are the same bits. An unknown one is answered with those that there are."));
  if (program.name == "lab1") {
    text += entry(bold("FACTORISE_DATA"), roff("The folder that ratings.pt and titles.csv are looked for in, in place "
                                               "of data."));
    text += entry(bold("XDG_CACHE_HOME"), roff("The folder that holds what was downloaded, in place of ~/.cache."));
  }
  return text;
}

std::string files(const Command& program) {
  if (program.name != "lab1") return "";
  return ".SH FILES\n" +
         entry(italic("data/ratings.pt") + ", " + italic("data/titles.csv"),
               roff("The course's ratings and the movies' titles, taken where they are there.")) +
         entry(italic("~/.cache/factorise/ratings.pt"), roff("The ratings, once downloaded."));
}

constexpr char kExitStatus[] =
    ".SH EXIT STATUS\n"
    ".TP\n0\nAll is well.\n"
    ".TP\n1\nIt failed; a sentence on the standard error says why.\n"
    ".TP\n2\nThe command line is wrong; the sentence says what would be right.\n"
    ".TP\n130, 143\nIt was stopped, by Ctrl\\-C or by SIGTERM.\n";

std::string see_also(const Command& program) {
  std::string text;
  for (const char* name : {"factorise", "lab1", "lab2"}) {
    if (name != program.name) text += (text.empty() ? "" : ", ") + bold(name) + "(1)";
  }
  return ".SH SEE ALSO\n" + text + "\n";
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::string man_page(const Command& program) {
  std::string lines, verbs, shown;
  for (const Command& verb : program.verbs) {
    const std::string name = program.name + " " + verb.name;
    lines += (lines.empty() ? "" : ".P\n") + synopsis(name, verb);
    verbs += ".SS " + roff(name) + "\n" + roff(verb.description) + ".\n" + entries(verb, &program);
    shown += examples(verb);
  }
  if (program.verbs.empty()) {
    lines = synopsis(program.name, program);
    shown = examples(program);
  } else {
    verbs = ".SH VERBS\n" + verbs;
  }
  return fmt::format(
      ".\\\" Written by {0} from its own options.\n"
      ".TH {1} 1 \"\" \"{0} {2}\" \"User Commands\"\n"
      ".SH NAME\n{0} \\- {3}\n"
      ".SH SYNOPSIS\n{4}"
      ".SH DESCRIPTION\n{5}\n{6}"
      ".SH OPTIONS\n{7}{8}"
      "{9}.SH ENVIRONMENT\n{10}{11}"
      ".SH EXAMPLES\n.EX\n{12}.EE\n{13}",
      program.name, upper(program.name), version(), roff(gist(program)), lines, roff(program.description), verbs,
      program.verbs.empty() ? "" : "Every verb takes these, too.\n", entries(program), kExitStatus,
      environment(program), files(program), shown, see_also(program));
}

}  // namespace factorise::programs
