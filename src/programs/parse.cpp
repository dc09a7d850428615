// Parsing with CLI11, and its errors as sentences that say what was meant, perhaps.

#include "programs/parse.h"

#include <factorise/version.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "io/contents.h"
#include "programs/command_line.h"
#include "programs/spelling.h"

namespace factorise::programs {
namespace {

constexpr int kHelpColumn = 32;

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

/// What nobody asked for, the likeliest cause of whatever else is wrong; empty where there is nothing.
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

std::string version_text(const std::string& name) {
  return fmt::format("{} {} (torch {})", name, version(), torch_version());
}

}  // namespace

void prepare_app(CLI::App& app, const std::string& name) {
  app.get_formatter()->column_width(kHelpColumn);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.set_help_flag("-h,--help", "Print this and exit");
  app.set_version_flag("--version", version_text(name), "Print the version and torch's, and exit");
}

Parsed parse_command_line(int argc, const char* const* argv, const char* name,
                          const std::function<void(CLI::App&)>& describe) {
  CLI::App app("", name);
  prepare_app(app, name);
  describe(app);
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) arguments.emplace_back(argv[i]);  // CLI11 wants them from the last
  const auto command = [&] {
    const CLI::App& verb = chosen_verb(app);
    return &verb == &app ? std::string(name) : fmt::format("{} {}", name, verb.get_name());
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

}  // namespace factorise::programs
