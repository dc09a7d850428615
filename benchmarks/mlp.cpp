// Lab 2, part 2: one seed of each network that the sheet or a report has, split, training and both accuracies.

#include "benchmarks/measure.h"
#include "benchmarks/subjects.h"
#include "programs/lab2_exercises.h"

namespace factorise::benchmarks {

void bench_mlp(const Settings& settings) {
  const Iris data = iris();
  const Threads guard(1);
  for (const auto& setting : programs::lab2::mlp_settings()) {
    double accuracy = 0;
    int64_t runs = 0;
    const auto one_seed = [&] {
      const uint64_t seed = settings.common.seed + static_cast<uint64_t>(runs);
      accuracy += programs::lab2::train(seed, data, setting, at::kCPU).train_accuracy;
      ++runs;
    };
    const double ms = median_ms(one_seed, settings.seconds);
    print_sample({{"bench", "mlp"},
                  {"side", "ours"},
                  {"variant", setting.name},
                  {"lr", setting.lr},
                  {"threads", 1},
                  {"ms", ms},
                  {"seeds", runs},
                  {"accuracy", accuracy / static_cast<double>(runs)}});
  }
}

}  // namespace factorise::benchmarks
