// The table of settings.

#include "programs/fit_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace factorise::programs {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;  // Clang 16 does not deduce an aggregate's arguments by itself

/// in_library for an option of one method's own: access(options, value) sets it, access(options) reads it.
template <class Options, class T, class Access>
auto own(Access access) {
  return [access](Method& method, const std::optional<SettingValue>& given) -> SettingValue {
    auto& options = std::get<Options>(method);
    if (given) access(options, std::get<T>(*given));
    return SettingValue(access(options, std::nullopt));
  };
}

/// The same for an option that several methods share; `Has` is a template of which they are.
template <template <class> class Has, class T, class Access>
auto shared(Access access) {
  return [access](Method& method, const std::optional<SettingValue>& given) -> SettingValue {
    return std::visit(
        [&]<class Options>(Options& options) -> SettingValue {
          if constexpr (std::is_base_of_v<Has<Options>, Options>) {
            if (given) access(options, std::get<T>(*given));
            return SettingValue(access(options, std::nullopt));
          } else {
            TORCH_INTERNAL_ASSERT(false, "this method has no such option.");
          }
        },
        method);
  };
}

/// An option of the library whose values are words on the command line.
template <class Choice>
struct Choices {
  std::vector<std::pair<std::string, Choice>> all;

  Choice named(const std::string& word) const {
    return std::find_if(all.begin(), all.end(), [&](const auto& pair) { return pair.first == word; })->second;
  }
  std::string name_of(Choice choice) const {
    return std::find_if(all.begin(), all.end(), [&](const auto& pair) { return pair.second == choice; })->first;
  }
  std::vector<std::string> words() const {
    std::vector<std::string> words;
    for (const auto& [word, choice] : all) words.push_back(word);
    return words;
  }
};

std::vector<Setting> standard_settings() {
  const Choices<AdLoss> losses{{{"squared", AdLoss::squared}, {"norm", AdLoss::norm}}};
  const Choices<bool> weightings{{{"entries", true}, {"none", false}}};
  const Choices<SgdPath> paths{
      {{"automatic", SgdPath::automatic}, {"wavefront", SgdPath::wavefront}, {"entries", SgdPath::entries}}};
  return {
      {.flag = "--rank",
       .help = "Columns of U and V, without the two that --biases adds",
       .saved = true,
       .kind = Setting::Integer{{1}}},
      {.flag = "--epochs",
       .help = "Passes over the observed entries (default 1000, with als 20, with gibbs 500)",
       .compared = Setting::Compared::with_patience,
       .kind = Setting::Integer{{0}},
       .in_library = shared<RunOptions, int64_t>([](auto& options, std::optional<int64_t> value) {
         if (value) options.num_epochs(*value);
         return options.num_epochs();
       })},
      {.flag = "--lr",
       .help = "sgd, gd, ad: step size (default 0.01, with gd 1e-5)",
       .methods = {"sgd", "gd", "ad"},
       .label = "lr",
       .always_printed = true,
       .saved = true,
       .kind = Setting::Real{{0, HUGE_VAL, false}},
       .in_library = shared<StepOptions, double>([](auto& options, std::optional<double> value) {
         if (value) options.lr(*value);
         return options.lr();
       })},
      {.flag = "--weight-decay",
       .help = "sgd: L2 shrinkage of U and V (default 0)",
       .methods = {"sgd"},
       .label = "weight decay",
       .saved = true,
       .kind = Setting::Real{{0}},
       .in_library = own<SgdOptions, double>([](SgdOptions& options, std::optional<double> value) {
         if (value) options.weight_decay(*value);
         return options.weight_decay();
       })},
      {.flag = "--lr-decay",
       .help = "sgd: factor on lr after each epoch (default 1)",
       .methods = {"sgd"},
       .label = "lr decay",
       .saved = true,
       .kind = Setting::Real{{0, HUGE_VAL, false}},
       .in_library = own<SgdOptions, double>([](SgdOptions& options, std::optional<double> value) {
         if (value) options.lr_decay(*value);
         return options.lr_decay();
       })},
      {.flag = "--regularisation",
       .help = "als: L2 regularisation of U and V (default 0.1)",
       .methods = {"als"},
       .label = "regularisation",
       .always_printed = true,
       .saved = true,
       .kind = Setting::Real{{0}},
       .in_library = own<AlsOptions, double>([](AlsOptions& options, std::optional<double> value) {
         if (value) options.regularisation(*value);
         return options.regularisation();
       })},
      {.flag = "--biases",
       .help = "als: with the mean, and a bias of every row and column",
       .methods = {"als"},
       .label = "biases",
       .saved = true,
       .kind = Setting::Flag{},
       .in_library = own<AlsOptions, bool>([](AlsOptions& options, std::optional<bool> value) {
         if (value) options.biases(*value);
         return options.biases();
       })},
      {.flag = "--no-biases",
       .help = "gibbs: without the mean and biases",
       .methods = {"gibbs"},
       .name = "biases",
       .label = "no biases",
       .saved = true,
       .kind = Setting::Flag{},
       .in_library = own<GibbsOptions, bool>([](GibbsOptions& options, std::optional<bool> value) {
         if (value) options.biases(!*value);
         return options.biases();
       })},
      {.flag = "--burn-in",
       .help = "gibbs: sweeps at the beginning whose draws do not count (default: a tenth of them, 50 at most)",
       .methods = {"gibbs"},
       .label = "burn-in",
       .saved = true,
       .kind = Setting::Integer{{0}},
       .in_library = own<GibbsOptions, int64_t>([](GibbsOptions& options, std::optional<int64_t> value) {
         if (value) options.burn_in(*value);
         return options.counted_from();
       })},
      {.flag = "--keep-every",
       .help = "gibbs: every so many of the other draws is kept in --output (default 5)",
       .methods = {"gibbs"},
       .label = "keep every",
       .saved = true,
       .kind = Setting::Integer{{1}},
       .in_library = own<GibbsOptions, int64_t>([](GibbsOptions& options, std::optional<int64_t> value) {
         if (value) options.keep_every(*value);
         return options.keep_every();
       })},
      {.flag = "--bias-regularisation",
       .help = "als: L2 regularisation of the biases (default: --regularisation)",
       .methods = {"als"},
       .label = "bias regularisation",
       .saved = true,
       .kind = Setting::Real{{0}},
       .in_library = own<AlsOptions, double>([](AlsOptions& options, std::optional<double> value) {
         if (value) options.bias_regularisation(*value);
         return options.bias_regularisation().value_or(options.regularisation());
       })},
      {.flag = "--weighting",
       .help = "als: whether the regularisation is multiplied by the number of entries of a row or column",
       .methods = {"als"},
       .label = "weighting",
       .saved = true,
       .kind = Setting::Word{weightings.words()},
       .in_library =
           own<AlsOptions, std::string>([weightings](AlsOptions& options, const std::optional<std::string>& value) {
             if (value) options.weighted(weightings.named(*value));
             return weightings.name_of(options.weighted());
           })},
      {.flag = "--loss",
       .help = "ad: what is descended",
       .methods = {"ad"},
       .name = "objective",
       .label = "loss",
       .always_printed = true,
       .saved = true,
       .kind = Setting::Word{losses.words()},
       .in_library = own<AdOptions, std::string>([losses](AdOptions& options, const std::optional<std::string>& value) {
         if (value) options.loss(losses.named(*value));
         return losses.name_of(options.loss());
       })},
      {.flag = "--path",
       .help = "sgd: how the fused engine walks the entries; the bits are the same",
       .methods = {"sgd"},
       .compared = Setting::Compared::never,
       .kind = Setting::Word{paths.words()},
       .in_library =
           own<SgdOptions, std::string>([paths](SgdOptions& options, const std::optional<std::string>& value) {
             if (value) options.path(paths.named(*value));
             return paths.name_of(options.path());
           })},
      {.flag = "--overcomplete",
       .help = "Allow a rank above min(m, n) without missing entries",
       .compared = Setting::Compared::never,
       .kind = Setting::Flag{},
       .in_library = shared<RunOptions, bool>([](auto& options, std::optional<bool> value) {
         if (value) options.overcomplete(*value);
         return options.overcomplete();
       })},
      {.flag = "--hold-out",
       .help = "Set this share of the observed entries aside, to judge by",
       .kind = Setting::Real{{0, 1, false, false}}},
      {.flag = "--split-seed",
       .help = "Seed of which entries --hold-out sets aside (default 0)",
       .kind = Setting::Integer{{0}},
       .otherwise = int64_t{0}},
      {.flag = "--patience",
       .help = "Stop when the hold-out was this often no better than before, and keep the best; looked at with --every",
       .methods = {"sgd", "gd", "ad", "als"},
       .kind = Setting::Integer{{1}}},
      {.flag = "--every",
       .help = "Epochs between checkpoints, and looks at the hold-out (default 20)",
       .compared = Setting::Compared::with_patience,
       .kind = Setting::Integer{{1}},
       .otherwise = int64_t{20}},
  };
}

}  // namespace

const std::vector<std::pair<std::string, Method>>& named_methods() {
  static const std::vector<std::pair<std::string, Method>> methods{{"sgd", SgdOptions()},
                                                                   {"gd", GdOptions()},
                                                                   {"ad", AdOptions()},
                                                                   {"als", AlsOptions()},
                                                                   {"gibbs", GibbsOptions()}};
  return methods;
}

std::optional<SettingValue> Setting::given() const {
  using Result = std::optional<SettingValue>;
  return std::visit(
      Overloaded{[](const Word& word) { return word.value == word.words.front() ? Result() : word.value; },
                 [](const Flag& is_set) { return is_set.value ? Result(true) : Result(); },
                 [](const auto& number) { return number.value ? Result(*number.value) : Result(); }},
      kind);
}

bool Setting::is_of(const std::string& method) const {
  return methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end();
}

FitSettings::FitSettings() {
  for (Setting& setting : standard_settings()) add(std::move(setting));
}

void FitSettings::add(Setting setting) {
  if (setting.name.empty()) {
    setting.name = setting.flag.substr(2);
    std::replace(setting.name.begin(), setting.name.end(), '-', '_');
  }
  all_.push_back(std::move(setting));
}

void FitSettings::add_to(CLI::App& app) {
  for (Setting& setting : all_) {
    const auto& [flag, help] = std::tie(setting.flag, setting.help);
    std::visit(Overloaded{[&](Setting::Integer& number) { add_integer(app, flag, number.value, number.limits, help); },
                          [&](Setting::Real& number) { add_real(app, flag, number.value, number.limits, help); },
                          [&](Setting::Word& word) { add_choice(app, flag, word.value, word.words, help); },
                          [&](Setting::Flag& is_set) { add_flag(app, flag, is_set.value, help); }},
               setting.kind);
  }
}

void FitSettings::check_method(const std::string& method) const {
  for (const Setting& setting : all_) {
    if (setting.given() && !setting.is_of(method)) {
      throw UsageError(fmt::format("{} is for --method {} alone, but the method is {}.", setting.flag,
                                   one_of(setting.methods), method));
    }
  }
}

Method FitSettings::method(const std::string& name) const {
  const auto& methods = named_methods();
  const auto named = std::find_if(methods.begin(), methods.end(), [&](const auto& m) { return m.first == name; });
  TORCH_INTERNAL_ASSERT(named != methods.end(), name, " is no method of fit.");
  Method method = named->second;
  for (const Setting& setting : all_) {
    if (setting.in_library && setting.is_of(name)) setting.in_library(method, setting.given());
  }
  return method;
}

std::vector<FitSettings::Effective> FitSettings::of(const std::string& name) const {
  Method holding = method(name);
  std::vector<Effective> result;
  for (const Setting& setting : all_) {
    if (!setting.is_of(name)) continue;
    const std::optional<SettingValue> given = setting.given();
    result.push_back({setting, setting.in_library ? setting.in_library(holding, {})
                               : given            ? given
                                                  : setting.otherwise});
  }
  return result;
}

const Setting& FitSettings::find(const std::string& name) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const Setting& s) { return s.name == name; });
  TORCH_INTERNAL_ASSERT(found != all_.end(), name, " is no setting of fit.");
  return *found;
}

std::string setting_text(const std::optional<SettingValue>& value) {
  return value ? std::visit([](const auto& held) { return fmt::format("{}", held); }, *value) : "none";
}

}  // namespace factorise::programs
