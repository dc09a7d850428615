// The squared error of listed entries.

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "contract/error.h"
#include "core/list_error.h"
#include "cpu/threads/crew.h"

namespace factorise {
namespace {

/// Of rows [begin, end), the tiles that have entries, in order; the others add nothing.
template <class T>
std::vector<double> tile_errors(const EntryLists& lists, const Tensor& U, const Tensor& V, int64_t begin, int64_t end) {
  const int64_t rank = U.size(1), *start = lists.starts.const_data_ptr<int64_t>();
  const int32_t* column = lists.indices.const_data_ptr<int32_t>();
  const T* value = lists.values.const_data_ptr<T>();
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

double squared_error_of(const EntryLists& lists, const Factors& factors) {
  constexpr int64_t kRowsOfTask = 64;
  const int64_t rows = lists.starts.numel() - 1;
  const Tensor U = factors.U.detach().to(at::kDouble).contiguous();
  const Tensor V = factors.V.detach().to(at::kDouble).contiguous();
  const auto errors = lists.values.scalar_type() == at::kDouble ? tile_errors<double> : tile_errors<float>;
  std::vector<std::vector<double>> tiles(static_cast<size_t>((rows + kRowsOfTask - 1) / kRowsOfTask));
  cpu::Crew crew(cpu::threads_for(static_cast<double>(lists.values.numel() * U.size(1))));
  crew.for_each(static_cast<int64_t>(tiles.size()), [&](int64_t task) {
    const int64_t begin = task * kRowsOfTask, end = std::min(rows, begin + kRowsOfTask);
    tiles[static_cast<size_t>(task)] = errors(lists, U, V, begin, end);
  });
  double sum = 0;
  for (const auto& of_task : tiles) sum = std::accumulate(of_task.begin(), of_task.end(), sum);
  return sum;
}

}  // namespace factorise
