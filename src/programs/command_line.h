#pragma once
// Shared by the programs' command lines: common options, reading of numbers, statuses and error messages. CLI11 costs 5
// s of compilation a file, so it is included by command_line.cpp and program.cpp alone; options are added by the
// functions here.

#include <c10/core/Device.h>
#include <factorise/device.h>
#include <factorise/factors.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace factorise::programs {

/// Options that every program has.
struct CommonOptions {
  uint64_t seed = 0;
  std::string device = "auto";  ///< auto, cpu, cuda or cuda:N
  int threads = 0;              ///< 0: torch's own choice
  std::string json;             ///< a file, "-" for stdout, empty for none
  bool quiet = false;           ///< no notices, no progress; results and errors remain
};

/// Adds --seed, --device, --threads, --json, --quiet.
void add_common_options(CLI::App& app, CommonOptions& options);

/// Adds --json and --quiet alone, for a verb that computes nothing.
void add_output_options(CLI::App& app, CommonOptions& options);

/// Applies --threads and resolves --device; refuses a --json file that cannot be written, before the run. A program's
/// body calls it first.
c10::Device prepare(const CommonOptions& options);

/// The engine where none is given: the fused one, or the reference where that has no kernels.
inline Engine engine_on(const c10::Device& device) {
  return has_fused_engine(device) ? Engine::fused : Engine::reference;
}

inline const char* name_of(Engine engine) { return engine == Engine::fused ? "fused" : "reference"; }

/// One option each. `names` is CLI11's: "--rank", "-r,--rank", or "A.pt" for a positional. The value's variable is
/// written when the option is given and its value valid; its first value is the default, and --help prints it. Bad
/// values end with status 2 and a sentence that names the option, its limits and what was given. A placeholder stands
/// for the value in --help, and determines how shells complete it: FILE any file, A.pt or A.pt|A.npy those with these
/// endings, CSV one of .csv, DIR a folder, a|b one of these words, else nothing.
struct Limits {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool low_allowed = true;   ///< false: above low
  bool high_allowed = true;  ///< false: below high
};
void add_integer(CLI::App& app, const std::string& names, int64_t& value, Limits limits, const std::string& help);
void add_integer(CLI::App& app, const std::string& names, int& value, Limits limits, const std::string& help);
void add_integer(CLI::App& app, const std::string& names, std::optional<int64_t>& value, Limits limits,
                 const std::string& help);
void add_real(CLI::App& app, const std::string& names, double& value, Limits limits, const std::string& help);
void add_real(CLI::App& app, const std::string& names, std::optional<double>& value, Limits limits,
              const std::string& help);
void add_text(CLI::App& app, const std::string& names, std::string& value, const std::string& placeholder,
              const std::string& help);
void add_choice(CLI::App& app, const std::string& names, std::string& value, std::vector<std::string> choices,
                const std::string& help);
void add_flag(CLI::App& app, const std::string& names, bool& value, const std::string& help);

/// The option must be given.
void require(CLI::App& app, const std::string& name);

/// Two options that cannot be given together.
void exclude(CLI::App& app, const std::string& name, const std::string& other);

/// Throws c10::ValueError with this sentence, for a well-formed value that does not fit: status 1.
[[noreturn]] void refuse_value(const std::string& sentence,
                               const std::source_location& where = std::source_location::current());

/// Gives an app, a program or one of its verbs, --help and --version; `name` is the program's.
void prepare_app(CLI::App& app, const std::string& name);

/// A verb, as in `factorise fit`. Whether it was chosen is known once the command line is parsed; one is required.
CLI::App& add_verb(CLI::App& app, const std::string& name, const std::string& description, bool& chosen);

/// Lets a verb take options from a file too, in CLI11's form of TOML: a section with the verb's name, a line for each
/// option. Options of the command line override it. Adds --config.
void add_config(CLI::App& verb);

/// The first and last part of --help: a sentence or two, and examples, one a line.
void set_description(CLI::App& app, const std::string& description);
void set_examples(CLI::App& app, const std::string& examples);

/// Options that are valid alone and make no sense together: status 2. The message is a sentence.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// "Did you mean": insertions, deletions, replacements and swaps of neighbours that turn one word into the other
/// (optimal string alignment distance).
int edit_distance(std::string_view a, std::string_view b);

/// The nearest of the words, or "" where none is near: at most one edit in three letters, or the beginning of a word.
std::string nearest(std::string_view word, const std::vector<std::string>& words);

/// "fit or show", "sgd, gd or ad".
std::string one_of(const std::vector<std::string>& words);

/// A whole program: describes its options, parses, runs the body, prints an exception as one sentence on stderr.
///
/// Returns the status: 0; 1 where an exception ended the body, or stdout could not be written; 2 for a bad command line
/// or UsageError; 130 for Interrupted. A reader that closes the pipe (`| head`) ends the program quietly with status 0,
/// unless a requested file is still to be written (see Output).
int run_program(int argc, const char* const* argv, const char* name, const std::function<void(CLI::App&)>& describe,
                const std::function<void()>& body);

}  // namespace factorise::programs
