// The squared error of a list of entries, in the order of the matrix's.

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "cpu/crew.h"
#include "factorise/entries.h"
#include "factorise/error_tiles.h"

namespace factorise {
namespace {

/// Of rows [begin, end), the tiles that have entries, in order; the others add nothing.
template <class T>
std::vector<double> tile_errors(const cpu::EntryList& list, const Tensor& U, const Tensor& V, int64_t begin,
                                int64_t end) {
  const int64_t rank = U.size(1), *column = list.column_of(), *start = list.starts();
  const T* value = list.values.const_data_ptr<T>();
  std::vector<double> tiles;
  for (int64_t r = begin; r < end; ++r) {
    const double* u = U.const_data_ptr<double>() + r * rank;
    for (int64_t i = start[r]; i < start[r + 1];) {
      std::array<double, kLanes> sums{};
      for (const int64_t tile = column[i] / kTile; i < start[r + 1] && column[i] / kTile == tile; ++i) {
        const double* v = V.const_data_ptr<double>() + column[i] * rank;
        double product = 0;
        for (int64_t k = 0; k < rank; ++k) product += u[k] * v[k];
        const double e = static_cast<double>(value[i]) - product;
        sums[static_cast<size_t>(column[i] % kTile % kLanes)] += e * e;
      }
      tiles.push_back(std::accumulate(sums.begin(), sums.end(), 0.0));
    }
  }
  return tiles;
}

}  // namespace

double squared_error_of(const cpu::EntryList& list, const Factors& factors) {
  constexpr int64_t kRowsOfTask = 64;
  const Tensor U = factors.U.detach().to(at::kDouble).contiguous();
  const Tensor V = factors.V.detach().to(at::kDouble).contiguous();
  const auto errors = list.values.scalar_type() == at::kDouble ? tile_errors<double> : tile_errors<float>;
  std::vector<std::vector<double>> tiles(static_cast<size_t>((list.rows + kRowsOfTask - 1) / kRowsOfTask));
  cpu::Crew crew(cpu::threads_for(static_cast<double>(list.observed() * U.size(1))));
  crew.for_each(static_cast<int64_t>(tiles.size()), [&](int64_t task) {
    const int64_t begin = task * kRowsOfTask, end = std::min(list.rows, begin + kRowsOfTask);
    tiles[static_cast<size_t>(task)] = errors(list, U, V, begin, end);
  });
  double sum = 0;
  for (const auto& of_task : tiles) sum = std::accumulate(of_task.begin(), of_task.end(), sum);
  return sum;
}

}  // namespace factorise
