// gd_factorise_masked: an epoch over the observed ratings.

#include <factorise/gd.h>

#include "benchmarks/descent.h"

namespace factorise::benchmarks {

void bench_gd(const Settings& settings) {
  const Problem problem = random_problem(settings.rows, settings.columns, settings.density, settings.common.seed);
  const auto [A, M] = matrix_of(problem, /*bytes=*/false);
  time_descent<GdOptions>("gd", problem, settings, [&, &A = A, &M = M](const GdOptions& options) {
    return gd_factorise_masked(A, M, settings.rank, options);
  });
}

}  // namespace factorise::benchmarks
