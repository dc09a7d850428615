// Reading CLI11's options back.

#include "programs/interface.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "programs/parse.h"

namespace factorise::programs {
namespace {

/// Without the line breaks of --help.
std::string on_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

Argument argument(const CLI::Option& option) {
  const bool is_flag = option.get_items_expected_max() == 0;
  Argument result{
      {}, is_flag ? "" : option.get_type_name(), on_one_line(option.get_description()), option.get_required()};
  for (const std::string& name : option.get_snames()) result.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) result.names.push_back("--" + name);
  if (option.get_positional()) result.names.push_back(option.get_name(/*positional=*/true));
  return result;
}

/// What set_examples() was given, without its indentation.
std::vector<std::string> examples(const CLI::App& app) {
  std::vector<std::string> lines;
  std::istringstream footer(app.get_footer());
  for (std::string line; std::getline(footer, line);) {
    if (line.starts_with("  ")) lines.push_back(line.substr(2));
  }
  return lines;
}

Command command(const CLI::App& app) {
  Command result{app.get_name(), on_one_line(app.get_description()), {}, {}, examples(app), {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    (option->get_positional() ? result.positionals : result.options).push_back(argument(*option));
  }
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    result.verbs.push_back(command(*verb));
  }
  return result;
}

std::vector<std::string> split_at_bars(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, '|');) parts.push_back(part);
  return parts;
}

}  // namespace

Candidates candidates(const std::string& value) {
  using enum Candidates::Kind;
  if (value == "FILE") return {files, {}, {}};
  if (value == "CSV") return {files, {}, {".csv"}};
  if (value == "DIR") return {folders, {}, {}};
  const std::vector<std::string> parts = split_at_bars(value);
  std::vector<std::string> endings;
  for (const std::string& part : parts) {
    if (const auto dot = part.find('.'); dot != std::string::npos) endings.push_back(part.substr(dot));
  }
  if (!parts.empty() && endings.size() == parts.size()) return {files, {}, endings};
  return parts.size() > 1 ? Candidates{words, parts, {}} : Candidates{};
}

Command interface_of(const char* name, const std::function<void(CLI::App&)>& describe) {
  CLI::App app("", name);
  prepare_app(app, name);
  describe(app);
  return command(app);
}

}  // namespace factorise::programs
