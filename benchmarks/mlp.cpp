// Lab 2, part 2: each network that the sheet or a report has, split, training and both accuracies; one seed, and many
// at once.

#include "benchmarks/measure.h"
#include "benchmarks/subjects.h"
#include "programs/lab2_exercises.h"
#include "programs/lab_runs.h"

namespace factorise::benchmarks {

void bench_mlp(const Settings& settings) {
  constexpr int kAtOnce = 100;
  const Iris data = iris();
  const Threads guard(1);
  for (const auto& setting : programs::lab2::mlp_settings()) {
    const auto print = [&](const char* side, double ms_a_seed, int64_t seeds, double accuracies) {
      print_sample({{"bench", "mlp"},
                    {"side", side},
                    {"variant", setting.name},
                    {"lr", setting.lr},
                    {"threads", 1},
                    {"ms", ms_a_seed},
                    {"seeds", seeds},
                    {"accuracy", accuracies / static_cast<double>(seeds)}});
    };
    double accuracy = 0;
    int64_t runs = 0;
    const auto one_seed = [&] {
      const uint64_t seed = settings.common.seed + static_cast<uint64_t>(runs);
      accuracy += programs::lab2::train(seed, data, setting, at::kCPU).train_accuracy;
      ++runs;
    };
    const double ms = median_ms(one_seed, settings.seconds);
    print("ours", ms, runs, accuracy);
    const auto seeds = programs::seeds_from(settings.common.seed, kAtOnce);
    std::vector<MlpRun> all;
    const auto many_seeds = [&] { all = programs::lab2::train_runs(seeds, data, setting, {}, {}); };
    const double ms_of_all = median_ms(many_seeds, settings.seconds);
    accuracy = 0;
    for (const MlpRun& run : all) accuracy += run.mlp.train_accuracy;
    print("ours, 100 seeds at once", ms_of_all / kAtOnce, kAtOnce, accuracy);
  }
}

}  // namespace factorise::benchmarks
