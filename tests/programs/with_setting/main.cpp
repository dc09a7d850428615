// `factorise fit` with two more settings, for settings_test.cpp: --shrinkage, SGD's weight decay by another name, and
// --ballast, a number of the program that changes nothing.

#include <factorise/fit.h>

#include "programs/command_line.h"
#include "programs/fit.h"

int main(int argc, char** argv) {
  using namespace factorise;
  using namespace factorise::programs;
  FitOptions options;
  options.settings.add({.flag = "--shrinkage",
                        .help = "sgd: a setting of the tests",
                        .methods = {"sgd"},
                        .label = "shrinkage",
                        .saved = true,
                        .kind = Setting::Real{{0}},
                        .in_library = [](Method& method, const std::optional<SettingValue>& given) {
                          auto& sgd = std::get<SgdOptions>(method);
                          if (given) sgd.weight_decay(std::get<double>(*given));
                          return SettingValue(sgd.weight_decay());
                        }});
  options.settings.add({.flag = "--ballast",
                        .help = "A setting of the tests, of all methods",
                        .label = "ballast",
                        .saved = true,
                        .kind = Setting::Integer{{0}},
                        .otherwise = int64_t{7}});
  bool fits = false;
  return run_program(
      argc, argv, "factorise",
      [&](CLI::App& app) { add_fit_options(add_verb(app, "fit", "Factorise a matrix", fits), options); },
      [&] { fit(options); });
}
