// Peak memory of a factorisation beyond what was there before it: A, M and the program.

#include <factorise/autograd.h>
#include <factorise/gd.h>
#include <factorise/sgd.h>

#include <fstream>
#include <functional>
#include <string>

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/subjects.h"

namespace factorise::benchmarks {
namespace {

/// A line of /proc/self/status in kB, 0 where there is none.
double status_kb(const std::string& wanted) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(wanted + ":")) return std::stod(line.substr(wanted.size() + 1));
  }
  return 0;
}

/// The peak becomes what is resident now, where the system lets it.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

void measure(const Settings& settings, const std::string& method, const std::string& engine,
             const std::function<void()>& run) {
  reset_peak();
  const double before = status_kb("VmRSS"), peak_before = status_kb("VmHWM");
  run();
  ordered_json sample{{"bench", "memory"},     {"side", "ours"},
                      {"method", method},      {"shape", {settings.rows, settings.columns}},
                      {"rank", settings.rank}, {"threads", at::get_num_threads()},
                      {"engine", engine}};
  if (peak_before - before > 1024) {
    sample["skipped"] = "this system does not let a process reset its peak";
  } else {
    sample["mb"] = (status_kb("VmHWM") - before) * 1024 / 1e6;
  }
  print_sample(sample);
}

}  // namespace

void bench_memory(const Settings& settings) {
  constexpr double kSmallLr = 1e-6;
  const Problem problem = random_problem(settings.rows, settings.columns, settings.density, settings.common.seed);
  const Factors initial = start(problem, settings.rank, settings.common.seed);
  const auto [A, M] = matrix_of(problem, /*bytes=*/false);
  const Threads guard(std::max(1, settings.common.threads));
  if (!too_slow(problem.observed(), 2)) {
    measure(settings, "sgd", default_engine<SgdOptions>(), [&, &A = A, &M = M] {
      sgd_factorise_masked(A, M, settings.rank, SgdOptions().num_epochs(2).lr(kLr).initial(initial));
    });
  }
  measure(settings, "gd", default_engine<GdOptions>(), [&, &A = A, &M = M] {
    gd_factorise_masked(A, M, settings.rank, GdOptions().num_epochs(2).lr(kSmallLr).initial(initial));
  });
  measure(settings, "ad", default_engine<AdOptions>(),
          [&, &A = A] { gd_factorise_ad(A, settings.rank, AdOptions().num_epochs(2).lr(kSmallLr).initial(initial)); });
}

}  // namespace factorise::benchmarks
