// Options in terms of CLI11. Values are read here and not by CLI11, whose integers take 010 as octal and -1 as 2^64-1,
// and whose messages name C++ types.

#include "programs/command_line.h"

#include <ATen/Parallel.h>
#include <factorise/version.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "io/text.h"
#include "programs/json_file.h"

namespace factorise::programs {
namespace {

constexpr int kHelpWidth = 66, kHelpColumn = 32;

/// Breaks help into lines at spaces; CLI11 before 2.5 does not.
std::string wrapped(const std::string& text) {
  std::string lines;
  size_t length = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (length > 0 && length + 1 + end - at > kHelpWidth) {
      lines += '\n';
      length = 0;
    } else if (length > 0) {
      lines += ' ';
      ++length;
    }
    lines.append(text, at, end - at);
    length += end - at;
    at = end + 1;
  }
  return lines;
}

/// The option as a person types it: the last of "-r,--rank".
std::string shown_name(const std::string& names) { return names.substr(names.rfind(',') + 1); }

using Read = std::function<void(const std::string& text)>;

/// An option with one value, which `read` takes or refuses with a UsageError.
CLI::Option* add_option(CLI::App& app, const std::string& names, const std::string& placeholder,
                        const std::string& default_text, const std::string& help, const Read& read) {
  const auto callback = [read](const CLI::results_t& values) {
    read(values.at(0));
    return true;
  };
  const std::string note = default_text.empty() ? "" : fmt::format(" (default {})", default_text);
  auto* option = app.add_option(names, callback, wrapped(help + note));
  option->option_text(names.starts_with("-") ? placeholder : " ");  // CLI11 replaces "" by a text of its own
  option->type_name(placeholder);
  // The last one counts, so that an option that a script or an alias sets can be given again behind it.
  if (names.starts_with("-")) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  return option;
}

std::string range(const Limits& limits) {
  const bool low = std::isfinite(limits.low), high = std::isfinite(limits.high);
  if (low && high && limits.low_allowed && limits.high_allowed) {
    return fmt::format(" from {} to {}", limits.low, limits.high);
  }
  if (low && high) {
    return fmt::format(" {} {} and {} {}", limits.low_allowed ? "of at least" : "above", limits.low,
                       limits.high_allowed ? "at most" : "below", limits.high);
  }
  if (low) return fmt::format(" {} {}", limits.low_allowed ? "of at least" : "above", limits.low);
  if (high) return fmt::format(" of at most {}", limits.high);
  return "";
}

template <class T>
T read_number(const std::string& name, const std::string& kind, const Limits& limits, const std::string& text) {
  const std::optional<T> value = number_in<T>(text);
  const auto fits = [&](double number) {
    return std::isfinite(number) && (limits.high_allowed ? number <= limits.high : number < limits.high) &&
           (limits.low_allowed ? number >= limits.low : number > limits.low);
  };
  if (!value || !fits(static_cast<double>(*value))) {
    throw UsageError(fmt::format("{} must be {}{}, but was '{}'.", name, kind, range(limits), text));
  }
  return *value;
}

template <class T, class Target>
void add_number(CLI::App& app, const std::string& names, Target& value, const Limits& limits, const std::string& help,
                const std::string& default_text) {
  constexpr bool whole = std::is_integral_v<T>;
  const std::string kind = whole ? "a whole number" : "a number";
  add_option(app, names, whole ? "N" : "X", default_text, help,
             [&value, limits, kind, name = shown_name(names)](const std::string& text) {
               value = read_number<T>(name, kind, limits, text);
             });
}

bool is_device(const std::string& name) {
  if (name == "auto" || name == "cpu" || name == "cuda") return true;
  return name.starts_with("cuda:") && number_in<uint8_t>(name.substr(5)).value_or(255) < 128;
}

}  // namespace

c10::Device prepare(const CommonOptions& options) {
  check_writable(options.json, "--json", /*by_write_json=*/true);
  if (options.threads > 0) at::set_num_threads(options.threads);
  return resolve_device(options.device);
}

void add_output_options(CLI::App& app, CommonOptions& options) {
  add_text(app, "--json", options.json, "FILE", "Write the results as JSON too; - means stdout, alone");
  add_flag(app, "--quiet", options.quiet, "No notices and no progress");
}

void add_common_options(CLI::App& app, CommonOptions& options) {
  constexpr double kMostThreads = 1024;  // starting far more ends the process
  add_option(app, "--seed", "N", fmt::format("{}", options.seed), "Seed of every random draw",
             [&options](const std::string& text) {
               // The largest seed that an OUT.pt can hold.
               const auto seed = number_in<int64_t>(text);
               if (!seed || *seed < 0) {
                 throw UsageError(fmt::format("--seed must be a whole number from 0 to 2^63 - 1, but was '{}'.", text));
               }
               options.seed = static_cast<uint64_t>(*seed);
             });
  add_option(app, "--device", "auto|cpu|cuda", options.device, "Or cuda:N; auto takes CUDA where it works",
             [&options](const std::string& name) {
               if (!is_device(name)) {
                 throw UsageError(fmt::format("--device must be auto, cpu, cuda or cuda:N, but was '{}'.", name));
               }
               options.device = name;
             });
  add_number<int>(app, "--threads", options.threads, {1, kMostThreads}, "Threads to compute with", "all cores");
  add_output_options(app, options);
}

void add_integer(CLI::App& app, const std::string& names, int64_t& value, Limits limits, const std::string& help) {
  add_number<int64_t>(app, names, value, limits, help, fmt::format("{}", value));
}

void add_integer(CLI::App& app, const std::string& names, int& value, Limits limits, const std::string& help) {
  add_number<int>(app, names, value, limits, help, fmt::format("{}", value));
}

void add_integer(CLI::App& app, const std::string& names, std::optional<int64_t>& value, Limits limits,
                 const std::string& help) {
  add_number<int64_t>(app, names, value, limits, help, value ? fmt::format("{}", *value) : "");
}

void add_real(CLI::App& app, const std::string& names, double& value, Limits limits, const std::string& help) {
  add_number<double>(app, names, value, limits, help, fmt::format("{}", value));
}

void add_real(CLI::App& app, const std::string& names, std::optional<double>& value, Limits limits,
              const std::string& help) {
  add_number<double>(app, names, value, limits, help, value ? fmt::format("{}", *value) : "");
}

void add_text(CLI::App& app, const std::string& names, std::string& value, const std::string& placeholder,
              const std::string& help) {
  add_option(app, names, placeholder, value, help, [&value, name = shown_name(names)](const std::string& text) {
    if (text.empty()) throw UsageError(fmt::format("{} must not be empty.", name));
    value = text;
  });
}

void add_choice(CLI::App& app, const std::string& names, std::string& value, std::vector<std::string> choices,
                const std::string& help) {
  add_option(app, names, fmt::format("{}", fmt::join(choices, "|")), value, help,
             [&value, choices, name = shown_name(names)](const std::string& text) {
               if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
                 throw UsageError(fmt::format("{} must be {}, but was '{}'.", name, one_of(choices), text));
               }
               value = text;
             });
}

void add_flag(CLI::App& app, const std::string& names, bool& value, const std::string& help) {
  app.add_flag(names, value, wrapped(help));
}

void require(CLI::App& app, const std::string& name) {
  CLI::Option* option = app.get_option(name);
  std::string help = option->get_description();
  std::replace(help.begin(), help.end(), '\n', ' ');
  option->required()->description(wrapped(help + " (required)"));
}

void exclude(CLI::App& app, const std::string& name, const std::string& other) {
  app.get_option(name)->excludes(app.get_option(other));
}

void prepare_app(CLI::App& app, const std::string& name) {
  app.get_formatter()->column_width(kHelpColumn);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.set_help_flag("-h,--help", "Print this and exit");
  const std::string text = fmt::format("{} {} (torch {})", name, version(), torch_version());
  app.set_version_flag("--version", text, "Print the version and torch's, and exit");
}

CLI::App& add_verb(CLI::App& app, const std::string& name, const std::string& description, bool& chosen) {
  app.require_subcommand(1);
  CLI::App* verb = app.add_subcommand(name, wrapped(description));
  verb->group("Verbs");
  verb->preparse_callback([&chosen](size_t) { chosen = true; });
  prepare_app(*verb, app.get_name());
  return *verb;
}

void add_config(CLI::App& verb) {
  // CLI11 reads such files for a whole program only: the program has a hidden option of this name, and the verb's
  // option sets it as soon as it is parsed.
  CLI::App* program = verb.get_parent();
  CLI::Option* hidden = program->set_config("--config")->group("");
  program->allow_config_extras(CLI::config_extras_mode::error);
  add_option(verb, "--config", "FILE", "",
             fmt::format("Options from a file, rank = 5 and the like below a line [{}]", verb.get_name()),
             [hidden](const std::string& file) {
               hidden->clear();
               hidden->add_result(file);
             })
      ->configurable(false)
      ->trigger_on_parse();
}

void refuse_value(const std::string& sentence, const std::source_location& where) {
  throw c10::ValueError({where.function_name(), where.file_name(), static_cast<uint32_t>(where.line())}, sentence);
}

void set_description(CLI::App& app, const std::string& description) { app.description(description); }
void set_examples(CLI::App& app, const std::string& examples) { app.footer("Examples:\n" + examples); }

int edit_distance(std::string_view a, std::string_view b) {
  // Rows of the table for the first i - 2, i - 1 and i letters of a.
  std::vector<int> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = last[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& words) {
  std::string best;
  int best_distance = static_cast<int>(std::max<size_t>(1, word.size() / 3)) + 1;
  for (const std::string& candidate : words) {
    int distance = edit_distance(word, candidate);
    if (word.size() >= 4 && candidate.starts_with(word)) distance = std::min(distance, 1);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string one_of(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace factorise::programs
