// What comes before the epochs: the check of a matrix, its entries as lists by row and by column, and the same from
// entries in any order. Beside them a copy of A on as many threads, which is what reading and writing it costs.

#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/sparse_coo_tensor.h>
#include <ATen/ops/stack.h>
#include <factorise/observed.h>

#include <cstring>
#include <map>
#include <string>

#include "benchmarks/measure.h"
#include "benchmarks/ours.h"
#include "benchmarks/subjects.h"

namespace factorise::benchmarks {
namespace {

/// The problem's lists by row are the library's, and those by column hold the same entries.
bool is_right(const Problem& problem, const Observed& observed) {
  const EntryLists& rows = observed.by_row();
  const EntryLists& columns = observed.by_column();
  const int64_t count = problem.observed();
  if (rows.values.numel() != count || columns.values.numel() != count) return false;
  const int64_t* starts = columns.starts.const_data_ptr<int64_t>();
  const int32_t *row_of = columns.indices.const_data_ptr<int32_t>(),
                *column_of = rows.indices.const_data_ptr<int32_t>();
  const float *by_row = rows.values.const_data_ptr<float>(), *by_column = columns.values.const_data_ptr<float>();
  std::vector<int64_t> next(starts, starts + problem.columns);
  for (int64_t r = 0; r < problem.rows; ++r) {
    for (int64_t e = problem.row_start[static_cast<size_t>(r)]; e < problem.row_start[static_cast<size_t>(r + 1)];
         ++e) {
      const int32_t c = problem.column[static_cast<size_t>(e)];
      const float rating = problem.rating[static_cast<size_t>(e)];
      const int64_t at = next[static_cast<size_t>(c)]++;
      if (column_of[e] != c || by_row[e] != rating || row_of[at] != r || by_column[at] != rating) return false;
    }
  }
  return true;
}

/// The medians of what f reports under its names, called until the time is spent.
template <class F>
std::map<std::string, double> medians(F f, double seconds) {
  std::map<std::string, std::vector<double>> times;
  const Stopwatch watch;
  for (int calls = 0; calls < 3 || watch.seconds() < seconds; ++calls) {
    for (const auto& [name, ms] : f()) times[name].push_back(ms);
  }
  std::map<std::string, double> result;
  for (auto& [name, all] : times) {
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    result[name] = *middle;
  }
  return result;
}

/// The entries as a sparse matrix, in an order that has nothing to do with rows and columns.
Tensor shuffled(const Problem& problem, uint64_t seed) {
  const int64_t count = problem.observed();
  Tensor rows = at::empty({count}, at::kLong), columns = at::empty({count}, at::kLong);
  auto *row = rows.mutable_data_ptr<int64_t>(), *column = columns.mutable_data_ptr<int64_t>();
  for (int64_t r = 0; r < problem.rows; ++r) {
    for (int64_t e = problem.row_start[static_cast<size_t>(r)]; e < problem.row_start[static_cast<size_t>(r + 1)];
         ++e) {
      row[e] = r;
      column[e] = problem.column[static_cast<size_t>(e)];
    }
  }
  const Tensor values = at::empty({count}, at::kFloat);
  std::memcpy(values.mutable_data_ptr(), problem.rating.data(), problem.rating.size() * sizeof(float));
  at::manual_seed(seed);
  const Tensor order = at::randperm(count, at::kLong);
  const Tensor indices = at::stack({rows.index_select(0, order), columns.index_select(0, order)});
  return at::sparse_coo_tensor(indices, values.index_select(0, order), {problem.rows, problem.columns});
}

ordered_json sample(const Problem& problem, const std::string& input, int threads) {
  return {{"bench", "lists"},
          {"side", "ours"},
          {"input", input},
          {"shape", {problem.rows, problem.columns}},
          {"observed", problem.observed()},
          {"threads", threads}};
}

template <class Observe>
void time_lists(const Problem& problem, const Settings& settings, ordered_json result, Observe observe) {
  for (const auto& [name, ms] : medians(
           [&] {
             std::map<std::string, double> times;
             const Stopwatch whole;
             const Observed observed = observe();
             times["check_ms"] = whole.ms();
             times["by_row_ms"] = ms_of([&] { observed.by_row(); });
             times["by_column_ms"] = ms_of([&] { observed.by_column(); });
             times["ms"] = whole.ms();
             return times;
           },
           settings.seconds)) {
    result[name] = ms;
  }
  result["right"] = is_right(problem, observe());
  print_sample(result);
}

}  // namespace

void bench_lists(const Settings& settings) {
  const Problem problem = random_problem(settings.rows, settings.columns, settings.density, settings.common.seed);
  const Tensor entries = shuffled(problem, settings.common.seed);
  const bool has_cells = problem.rows * problem.columns <= int64_t{1} << 28;
  const Matrix matrix = has_cells ? matrix_of(problem, settings.bytes) : Matrix();
  for (const int threads : thread_counts(settings.common.threads)) {
    const Threads guard(threads);
    if (has_cells) {
      ordered_json result = sample(problem, "matrix", threads);
      Tensor copy = at::empty_like(matrix.A);
      result["copy_ms"] = median_ms([&] { copy.copy_(matrix.A); }, settings.seconds);
      time_lists(problem, settings, result, [&] { return Observed::masked(matrix.A, matrix.M); });
    }
    time_lists(problem, settings, sample(problem, "entries", threads), [&] { return Observed::entries(entries); });
  }
}

}  // namespace factorise::benchmarks
