#pragma once
// A program's command line as data, read from its CLI11 definition: what completions and man pages are written from, so
// that they say what the program takes.

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace factorise::programs {

struct Argument {
  std::vector<std::string> names;  ///< "-h", "--help"; of a positional argument the one in the usage, "MODEL"
  std::string value;               ///< what stands for its value: "FILE", "sgd|gd|ad"; empty: a flag
  std::string help;
  bool required = false;
};

/// A program, or a verb of one.
struct Command {
  std::string name, description;
  std::vector<Argument> options, positionals;
  std::vector<std::string> examples;  ///< whole command lines
  std::vector<Command> verbs;
};

/// What a value can be completed to.
struct Candidates {
  enum class Kind { unknown, words, files, folders };
  Kind kind = Kind::unknown;
  std::vector<std::string> words;    ///< of Kind::words
  std::vector<std::string> endings;  ///< of Kind::files, ".pt"; empty: any file
};

/// By what stands for the value, as command_line.h explains.
Candidates candidates(const std::string& value);

/// What `describe` adds to an app, as for run_program().
Command interface_of(const char* name, const std::function<void(CLI::App&)>& describe);

}  // namespace factorise::programs
