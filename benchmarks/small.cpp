// Lab 1, exercise 1.1: sgd_factorise on the sheet's 3 x 3 matrix, rank 2, 1000 epochs, a whole call.

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/subjects.h"
#include "programs/lab1_exercises.h"
#include "programs/reported.h"

namespace factorise::benchmarks {

void bench_small(const Settings& settings) {
  const Tensor A = programs::reported::lab1::A();
  programs::lab1::Factorised last;
  const double ms =
      median_ms([&] { last = programs::lab1::factorise_whole(settings.common.seed, A); }, settings.seconds);
  print_sample({{"bench", "small"}, {"side", "ours"}, {"engine", default_engine()}, {"ms", ms}, {"sse", last.loss}});
}

}  // namespace factorise::benchmarks
