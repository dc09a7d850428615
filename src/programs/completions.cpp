// Completions: a table of what each argument takes, and a few lines of each shell's own language that look it up.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "programs/shell_files.h"

namespace factorise::programs {
namespace {

using Kind = Candidates::Kind;

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

/// A template with the program's name and what differs from program to program.
std::string filled(std::string_view text, const Command& program,
                   const std::vector<std::pair<std::string_view, std::string>>& blanks) {
  std::string result = replaced(std::string(text.substr(1)), "@NAME@", program.name);  // after the opening line break
  for (const auto& [blank, content] : blanks) result = replaced(result, blank, content);
  return result;
}

std::vector<std::string> option_names(const Command& command) {
  std::vector<std::string> names;
  for (const Argument& option : command.options) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

std::vector<std::string> verb_names(const Command& program) {
  std::vector<std::string> names;
  for (const Command& verb : program.verbs) names.push_back(verb.name);
  return names;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

// ---- bash: _NAME_takes knows what each argument takes, _NAME finds out which one the cursor is at

constexpr std::string_view kBash = R"(
# Completion of @NAME@ in bash, written by @NAME@ from its own options.

# _@NAME@_takes VERB ARGUMENT: sets kind, and of, the words or the files' endings. ARGUMENT is an option, the number of
# a positional one, or - for the names of all options.
_@NAME@_takes() {
  kind='' of=()
  case "$1 $2" in
@TABLE@  esac
}

_@NAME@() {
  local current=${COMP_WORDS[COMP_CWORD]} verb='' option='' place=0 kind='' of=() word ending i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == = ]]; then
      continue # bash takes --rank=5 apart
    elif [[ $word == : ]]; then
      ((i += 1)) # and cuda:0
    elif [[ $option ]]; then
      option=''
    elif [[ $word == -?* ]]; then
      _@NAME@_takes "$verb" "$word"
      [[ ! $kind ]] || option=$word
@VERB@    else
      ((place += 1))
    fi
  done
  if [[ $current == = ]]; then current=''; fi
  if [[ $option ]]; then
    _@NAME@_takes "$verb" "$option"
  elif [[ $current == -* ]]; then
    _@NAME@_takes "$verb" -
  else
    _@NAME@_takes "$verb" "$place"
  fi
  COMPREPLY=()
  case $kind in
    words) mapfile -t COMPREPLY < <(compgen -W "${of[*]}" -- "$current") ;;
    folders | files)
      compopt -o filenames 2>/dev/null # readline then puts slashes and quotes
      current=${current#[\'\"]}
      current=${current//\\/}
      [[ $current != '~'* ]] || current=$HOME${current#'~'}
      mapfile -t COMPREPLY < <(
        compgen -d -- "$current"
        [[ $kind == folders ]] || for ending in "${of[@]-}"; do compgen -f -X "!*$ending" -- "$current"; done | sort -u
      )
      ;;
  esac
}

complete -F _@NAME@ @NAME@
)";

/// Sets what _NAME_takes sets for one argument.
std::string bash_entry(const std::string& verb, const std::string& argument, const Candidates& takes) {
  const char* kind = takes.kind == Kind::words     ? "words"
                     : takes.kind == Kind::files   ? "files"
                     : takes.kind == Kind::folders ? "folders"
                                                   : "unknown";
  const std::string of = joined(takes.kind == Kind::words ? takes.words : takes.endings);
  return fmt::format("    '{} {}') kind={}{} ;;\n", verb, argument, kind,
                     of.empty() ? "" : fmt::format(" of=({})", of));
}

std::string bash_table(const std::string& verb, const Command& command) {
  std::string table = bash_entry(verb, "-", {Kind::words, option_names(command), {}});
  if (!command.verbs.empty()) table += bash_entry(verb, "0", {Kind::words, verb_names(command), {}});
  for (const Argument& option : command.options) {
    if (option.value.empty()) continue;
    for (const std::string& name : option.names) table += bash_entry(verb, name, candidates(option.value));
  }
  for (size_t i = 0; i < command.positionals.size(); ++i) {
    table += bash_entry(verb, fmt::format("{}", i), candidates(command.positionals[i].value));
  }
  return table;
}

// ---- zsh: what _arguments wants for each option

constexpr std::string_view kZsh = R"(
#compdef @NAME@
# Completion of @NAME@ in zsh, written by @NAME@ from its own options.

_@NAME@() {
  local context state line
  typeset -A opt_args
@BODY@}

if [[ $funcstack[1] == _@NAME@ ]]; then
  _@NAME@ "$@"
else
  compdef _@NAME@ @NAME@
fi
)";

constexpr std::string_view kZshVerbs = R"(
  local -a verbs=(
@VERBS@  )
  _arguments -C -S \
@OPTIONS@    '1: :->verb' \
    '*:: :->argument' && return
  case $state in
    verb) _describe -t verbs verb verbs ;;
    argument)
      case $words[1] in
@CASES@      esac
      ;;
  esac
)";

std::string zsh_quoted(const std::string& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

std::string zsh_action(const std::string& value) {
  const Candidates takes = candidates(value);
  switch (takes.kind) {
    case Kind::words:
      return fmt::format("({})", joined(takes.words));
    case Kind::folders:
      return "_files -/";
    case Kind::files:
      if (takes.endings.empty()) return "_files";
      // One alone in parentheses would be zsh's qualifiers.
      return takes.endings.size() == 1 ? fmt::format("_files -g \"*{}\"", takes.endings[0])
                                       : fmt::format("_files -g \"*({})\"", fmt::join(takes.endings, "|"));
    case Kind::unknown:
      break;
  }
  return " ";
}

/// ":what it is:how it is completed"
std::string zsh_value(const std::string& message, const std::string& value) {
  return fmt::format(":{}:{}", replaced(message, ":", "\\:"), zsh_action(value));
}

std::string zsh_options(const Command& command, const std::string& indent) {
  std::string specs;
  for (const Argument& option : command.options) {
    const std::string help = "[" + replaced(replaced(option.help, "[", "\\["), "]", "\\]") + "]";
    const std::string once = option.names.size() > 1 ? "(" + joined(option.names) + ")" : "";
    for (const std::string& name : option.names) {
      const std::string value = option.value.empty() ? help : "=" + help + zsh_value(option.value, option.value);
      specs += indent + zsh_quoted(once + name + value) + " \\\n";
    }
  }
  return specs;
}

std::string zsh_arguments(const Command& command, const std::string& indent) {
  std::string text = indent + "_arguments -S \\\n" + zsh_options(command, indent + "  ");
  for (size_t i = 0; i < command.positionals.size(); ++i) {
    const Argument& positional = command.positionals[i];
    text += indent + "  " +
            zsh_quoted(fmt::format("{}{}", i + 1, zsh_value(positional.names.at(0), positional.value))) + " \\\n";
  }
  text.erase(text.size() - 3);  // the last " \\\n"
  return text + "\n";
}

// ---- fish: a line for each option; a verb is the second word

constexpr std::string_view kFish = R"(
# Completion of @NAME@ in fish, written by @NAME@ from its own options.

# Whether the verb is this one; without one, whether it is still to come.
function __@NAME@_verb
    set -l words (commandline -opc)
    test "$words[2]" = "$argv"
end

# Folders, and files with one of these endings.
function __@NAME@_files
    set -l endings (string join '|' (string escape --style=regex -- $argv))
    __fish_complete_path (commandline -ct | string replace -r -- '^--[^=]*=' '') |
        string match -r "^[^\t]*(?:/|$endings)(?:\t.*)?\$"
end

function __@NAME@_folders
    __fish_complete_directories (commandline -ct | string replace -r -- '^--[^=]*=' '') ''
end

complete -c @NAME@ -f
)";

std::string fish_quoted(const std::string& text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

/// How a value is completed, as options of fish's `complete`.
std::string fish_value(const Command& program, const std::string& value) {
  const Candidates takes = candidates(value);
  switch (takes.kind) {
    case Kind::words:
      return fmt::format(" -a '{}'", joined(takes.words));
    case Kind::folders:
      return fmt::format(" -a '(__{}_folders)'", program.name);
    case Kind::files:
      return takes.endings.empty() ? " -F" : fmt::format(" -a '(__{}_files {})'", program.name, joined(takes.endings));
    case Kind::unknown:
      break;
  }
  return "";
}

std::string fish_lines(const Command& program, const Command& command, const std::string& condition) {
  const std::string start = fmt::format("complete -c {}{}", program.name, condition);
  std::string lines;
  for (const Argument& option : command.options) {
    lines += start;
    for (const std::string& name : option.names) {
      lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!option.value.empty()) {
      const std::string value = fish_value(program, option.value);
      lines += (value == " -F" ? " -r" : " -x") + value;
    }
    lines += " -d " + fish_quoted(option.help) + "\n";
  }
  for (const Argument& positional : command.positionals) {
    const std::string value = fish_value(program, positional.value);
    if (!value.empty()) lines += start + value + "\n";
  }
  return lines;
}

}  // namespace

std::string bash_completion(const Command& program) {
  std::string table = bash_table("", program), verb;
  for (const Command& each : program.verbs) table += bash_table(each.name, each);
  if (!program.verbs.empty()) verb = "    elif [[ ! $verb ]]; then\n      verb=$word\n";
  return filled(kBash, program, {{"@TABLE@", table}, {"@VERB@", verb}});
}

std::string zsh_completion(const Command& program) {
  if (program.verbs.empty()) return filled(kZsh, program, {{"@BODY@", zsh_arguments(program, "  ")}});
  std::string verbs, cases;
  for (const Command& verb : program.verbs) {
    verbs += "    " + zsh_quoted(verb.name + ":" + verb.description) + "\n";
    cases += fmt::format("        {})\n{}          ;;\n", verb.name, zsh_arguments(verb, "          "));
  }
  const std::string body =
      filled(kZshVerbs, program, {{"@VERBS@", verbs}, {"@OPTIONS@", zsh_options(program, "    ")}, {"@CASES@", cases}});
  return filled(kZsh, program, {{"@BODY@", body}});
}

std::string fish_completion(const Command& program) {
  std::string text = filled(kFish, program, {});
  if (program.verbs.empty()) return text + fish_lines(program, program, "");
  const std::string none = fmt::format(" -n __{}_verb", program.name);
  for (const Command& verb : program.verbs) {
    text += fmt::format("complete -c {}{} -a {} -d {}\n", program.name, none, verb.name, fish_quoted(verb.description));
  }
  text += fish_lines(program, program, none);
  for (const Command& verb : program.verbs) {
    text += "\n" + fish_lines(program, verb, fmt::format(" -n '__{}_verb {}'", program.name, verb.name));
  }
  return text;
}

}  // namespace factorise::programs
