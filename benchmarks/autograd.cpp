// gd_factorise_ad: an epoch on a dense matrix (loss, both gradients, step), and lab 2's 1000 epochs on iris.

#include <factorise/autograd.h>

#include "benchmarks/descent.h"
#include "programs/lab2_exercises.h"

namespace factorise::benchmarks {
namespace {

void time_dense(const Settings& settings) {
  const Problem problem = random_problem(settings.rows, settings.columns, 1, settings.common.seed);
  const Tensor A = dense(problem, at::kFloat);
  time_descent<AdOptions>("autograd", problem, settings,
                          [&](const AdOptions& options) { return gd_factorise_ad(A, settings.rank, options); });
}

void time_iris(const Settings& settings) {
  const Tensor A = programs::lab2::centred(iris());
  const Threads guard(1);
  programs::lab2::Descent last;
  const double ms = median_ms([&] { last = programs::lab2::descend(settings.common.seed, A, 2); }, settings.seconds);
  print_sample({{"bench", "iris"},
                {"side", "ours"},
                {"engine", default_engine<AdOptions>()},
                {"threads", 1},
                {"ms", ms},
                {"sse", last.loss},
                {"svd", programs::lab2::svd_loss(A, 2)}});
}

}  // namespace

void bench_autograd(const Settings& settings) {
  time_dense(settings);
  if (!settings.ours) time_iris(settings);
}

}  // namespace factorise::benchmarks
