#pragma once
// What came of a command line. Between command_line.cpp, which knows CLI11, and program.cpp, which does not.

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace factorise::programs {

struct Parsed {
  enum class Outcome {
    run,     ///< all is well
    text,    ///< --help or --version: `text` answers it
    misuse,  ///< `text` says in a sentence what is wrong
  };
  Outcome outcome = Outcome::run;
  std::string text;
  std::string command;  ///< "factorise fit", whose --help explains
};

/// Gives an app, a program or one of its verbs, --help and --version; `name` is the program's.
void prepare_app(CLI::App& app, const std::string& name);

Parsed parse_command_line(int argc, const char* const* argv, const char* name,
                          const std::function<void(CLI::App&)>& describe);

}  // namespace factorise::programs
