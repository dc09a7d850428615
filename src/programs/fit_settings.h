#pragma once
// The settings of `factorise fit`, each declared once, in standard_settings(): from its row a setting is parsed,
// refused for other methods, given to the library, saved, compared on --resume, printed, and put into JSON.

#include <factorise/fit.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "programs/command_line.h"

namespace factorise::programs {

/// The methods by their names of --method, with the library's defaults.
const std::vector<std::pair<std::string, Method>>& named_methods();

using SettingValue = std::variant<int64_t, double, std::string, bool>;

/// One setting, and its value.
struct Setting {
  /// When a run that goes on must have the same value.
  enum class Compared {
    always,
    with_patience,  ///< where --patience decides by it when the run ends
    never,          ///< it does not change the result
  };

  std::string flag;  ///< of the command line, "--weight-decay"
  std::string help;
  std::vector<std::string> methods = {};  ///< that have it; empty: all
  std::string name = {};                  ///< in files and JSON; empty: the flag's words, "weight_decay"
  std::string label = {};                 ///< in the summary; empty: it is not printed there
  bool always_printed = false;            ///< also where it is not given
  bool saved = false;                     ///< in --output and in JSON
  Compared compared = Compared::always;

  /// Exactly one of these holds the value, and says of which kind it is. The first of the words is the default.
  struct Integer {
    Limits limits;
    std::optional<int64_t> value = {};
  };
  struct Real {
    Limits limits;
    std::optional<double> value = {};
  };
  struct Word {
    std::vector<std::string> words;
    std::string value = words.front();
  };
  struct Flag {
    bool value = false;
  };
  std::variant<Integer, Real, Word, Flag> kind;

  /// For a setting of the library: sets its option where a value is given, and returns what the option then holds.
  std::function<SettingValue(Method& method, const std::optional<SettingValue>& given)> in_library = {};
  /// For a setting of the program alone: its value where none is given.
  std::optional<SettingValue> otherwise = {};

  /// The value of the command line; nothing where that is the default.
  std::optional<SettingValue> given() const;
  /// Whether a method has it.
  bool is_of(const std::string& method) const;
};

class FitSettings {
 public:
  /// The program's.
  FitSettings();

  /// Adds one. To be called before add_to.
  void add(Setting setting);

  /// Adds all to a command line, which writes their values into this object.
  void add_to(CLI::App& app);

  /// Refuses what is given for other methods. Throws UsageError.
  void check_method(const std::string& method) const;

  /// A method of the library with what is given.
  Method method(const std::string& name) const;

  /// All, in the order of --help.
  const std::vector<Setting>& all() const { return all_; }

  /// What is given for a setting; nothing where that is the default. The name must be that of a setting of this type.
  template <class T>
  std::optional<T> given(const std::string& name) const {
    const auto value = find(name).given();
    return value ? std::optional(std::get<T>(*value)) : std::nullopt;
  }

  /// The settings that a method has, with their values: given, or the defaults; nothing for "none".
  struct Effective {
    const Setting& setting;
    std::optional<SettingValue> value;
  };
  std::vector<Effective> of(const std::string& method) const;

 private:
  const Setting& find(const std::string& name) const;

  std::vector<Setting> all_;
};

/// The text of a value, which names a number exactly; "none" for nothing.
std::string setting_text(const std::optional<SettingValue>& value);

}  // namespace factorise::programs
