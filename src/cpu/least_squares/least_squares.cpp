// The rows on threads, and the contract's code itself for machines without vectors that fuse.

#include "cpu/least_squares/least_squares.h"

#include <ATen/ops/zeros.h>

#include <atomic>
#include <vector>

#include "contract/least_squares.h"
#include "cpu/least_squares/kernels.h"
#include "cpu/threads/for_blocks.h"

namespace factorise::cpu {
namespace {

template <class T>
int64_t solve_plainly(const LeastSquares<T>& problem, int64_t begin, int64_t end, T* workspace) {
  const auto n = static_cast<int>(problem.unknowns);
  const int64_t stride = feature_stride(n), square = int64_t{n} * n;
  T* S = workspace;
  T* of_segment = S + square;
  T* inverse = of_segment + square + n;
  for (int64_t row = begin; row < end; ++row) {
    T* x = problem.solutions + row * stride;
    const int64_t first = problem.lists.starts[row], count = problem.lists.starts[row + 1] - first;
    if (count == 0 && !problem.draw) {
      std::fill(x, x + n, T(0));
      continue;
    }
    const auto w = [&](int64_t k) { return problem.features + problem.lists.indices[first + k] * stride; };
    const auto t = [&](int64_t k) {
      const T value = problem.lists.values[first + k];
      return problem.offsets ? value - problem.offsets[problem.lists.indices[first + k]] : value;
    };
    normal_equations(n, count, w, t, S, x, of_segment);
    if (const auto* draw = problem.draw) {
      add_prior(n, draw->prior, S, x);
      if (!solve(n, S, x, inverse, draw->deviates + row * stride, draw->terms + row)) return row;
      continue;
    }
    const T added = regularisation_of<T>(problem.regularisation, problem.weighted, count);
    for (int i = 0; i + 1 < n; ++i) S[i * n + i] += added;
    S[n * n - 1] += regularisation_of<T>(problem.last_regularisation, problem.weighted, count);
    if (!solve(n, S, x, inverse)) return row;
  }
  return -1;
}

template <class T>
RowSolver<T> solver_for(int64_t unknowns) {
  const Isa isa = chosen_isa();
  const RowSolver<T> solver =
      unknowns <= kChainedUnknowns ? small_solver<T>(isa, unknowns) : large_solver<T>(isa, unknowns);
  return solver.solve ? solver : RowSolver<T>{&solve_plainly<T>, 2 * unknowns * (unknowns + 1)};
}

/// Where blocks of rows begin, and the end: each has about as much work as the others, for `blocks` of them at most.
template <class T>
std::vector<int64_t> split(const LeastSquares<T>& problem, int64_t blocks) {
  const EntryLists<T>& lists = problem.lists;
  // A system costs as much as about so many entries.
  const int64_t of_row = problem.unknowns / 3 + 8;
  const int64_t work = lists.count() + of_row * lists.rows, each = std::max<int64_t>(1, work / blocks);
  std::vector<int64_t> begins{0};
  int64_t done = 0;
  for (int64_t row = 0; row < lists.rows; ++row) {
    done += lists.starts[row + 1] - lists.starts[row] + of_row;
    if (done >= each && (row + 1) % kRowsTogether == 0 && row + 1 < lists.rows) {
      begins.push_back(row + 1);
      done = 0;
    }
  }
  begins.push_back(lists.rows);
  return begins;
}

}  // namespace

template <class T>
void narrow_entries(const EntryLists<T>& lists, uint16_t* indices, uint8_t* values, int threads) {
  constexpr int64_t kBlock = 1 << 16;
  const int64_t count = lists.count();
  for_blocks((count + kBlock - 1) / kBlock, threads, [&] {
    return [&](int64_t block) {
      const int64_t begin = block * kBlock, end = std::min(count, begin + kBlock);
      for (int64_t e = begin; e < end; ++e) {
        indices[e] = static_cast<uint16_t>(lists.indices[e]);
        values[e] = static_cast<uint8_t>(lists.values[e]);
      }
    };
  });
}

template <class T>
int64_t solve_rows(const LeastSquares<T>& problem, int threads) {
  const RowSolver<T> solver = solver_for<T>(problem.unknowns);
  const std::vector<int64_t> begins = split(problem, threads == 1 ? 1 : 16 * int64_t{threads});
  const int64_t none = problem.lists.rows;
  std::atomic<int64_t> failed{none};
  for_blocks(std::ssize(begins) - 1, threads, [&] {
    const at::Tensor workspace = at::zeros({solver.workspace}, at::TensorOptions(c10::CppTypeToScalarType<T>::value));
    return [&, workspace](int64_t block) {
      const auto b = static_cast<size_t>(block);
      if (const auto* draw = problem.draw) {
        draw_normals(draw->source, begins[b], begins[b + 1], problem.unknowns,
                     draw->deviates + begins[b] * feature_stride(problem.unknowns));
      }
      const int64_t row = solver.solve(problem, begins[b], begins[b + 1], workspace.mutable_data_ptr<T>());
      if (row < 0) return;
      int64_t first = failed.load();
      while (row < first && !failed.compare_exchange_weak(first, row)) {
      }
    };
  });
  return failed == none ? -1 : failed.load();
}

template <class T>
void draw_normals(const DeviateSource& source, int64_t begin, int64_t end, int64_t unknowns, T* to) {
  posterior_kernels<T>(chosen_isa()).normals(source, begin, end, unknowns, to);
}

template <class T>
void sum_products(const T* rows, int64_t count, int64_t unknowns, int64_t stride, double* sums, int threads) {
  const auto kernels = posterior_kernels<T>(chosen_isa());
  for_blocks((unknowns + kProductRows - 1) / kProductRows, threads, [&] {
    return [&](int64_t block) { kernels.products(rows, count, unknowns, stride, block * kProductRows, sums); };
  });
}

template <class T>
void add_predictions(const PredictionSums<T>& sums, int threads) {
  constexpr int64_t kBlock = 1 << 12;
  const auto kernels = posterior_kernels<T>(chosen_isa());
  for_blocks((sums.count + kBlock - 1) / kBlock, threads, [&] {
    return
        [&](int64_t block) { kernels.predictions(sums, block * kBlock, std::min(sums.count, (block + 1) * kBlock)); };
  });
}

template void draw_normals<float>(const DeviateSource&, int64_t, int64_t, int64_t, float*);
template void draw_normals<double>(const DeviateSource&, int64_t, int64_t, int64_t, double*);
template void sum_products<float>(const float*, int64_t, int64_t, int64_t, double*, int);
template void sum_products<double>(const double*, int64_t, int64_t, int64_t, double*, int);
template void add_predictions<float>(const PredictionSums<float>&, int);
template void add_predictions<double>(const PredictionSums<double>&, int);
template void narrow_entries<float>(const EntryLists<float>&, uint16_t*, uint8_t*, int);
template void narrow_entries<double>(const EntryLists<double>&, uint16_t*, uint8_t*, int);
template int64_t solve_rows<float>(const LeastSquares<float>&, int);
template int64_t solve_rows<double>(const LeastSquares<double>&, int);

}  // namespace factorise::cpu
