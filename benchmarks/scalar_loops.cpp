// One loop body, compiled ten ways for each rank.

#include "benchmarks/scalar_loops.h"

#include <c10/util/Exception.h>

#include <cmath>
#include <utility>

// A template that is inlined into a function for another instruction set is compiled for that one.
#define INLINE [[gnu::always_inline]] inline
#if defined(__x86_64__)
#define WITH_FMA [[gnu::target("avx2,fma")]]
#define WITH_AVX512 [[gnu::target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512cd")]]
#else
#define WITH_FMA
#define WITH_AVX512
#endif

namespace factorise::benchmarks {
namespace {

using Ranks = std::integer_sequence<int, 2, 5, 8, 16, 32, 64>;

template <bool Fused>
INLINE float multiply_add(float a, float b, float c) {
  if constexpr (Fused) {
    return std::fma(a, b, c);
  } else {
    return a * b + c;
  }
}

template <int Rank, bool Fused>
INLINE float dot(const float* u, const float* v) {
  if constexpr (Rank < kChainedRank) {
    float p = u[0] * v[0];
    for (int k = 1; k < Rank; ++k) p = multiply_add<Fused>(u[k], v[k], p);
    return p;
  } else {
    float s[8];
    for (int j = 0; j < 8; ++j) s[j] = u[j] * v[j];
    for (int k = 8; k < Rank; k += 8) {
      for (int j = 0; j < 8; ++j) s[j] = multiply_add<Fused>(u[k + j], v[k + j], s[j]);
    }
    for (int j = 0; j < 4; ++j) s[j] += s[j + 4];
    for (int j = 0; j < 2; ++j) s[j] += s[j + 2];
    return s[0] + s[1];
  }
}

template <int Rank, bool Fused, bool Decay>
INLINE void update(float* __restrict u, float* __restrict v, float a, const SgdStep<float>& step) {
  const float g = step.lr * (a - dot<Rank, Fused>(u, v));
  for (int k = 0; k < Rank; ++k) {
    u[k] = multiply_add<Fused>(g, v[k], Decay ? step.s * u[k] : u[k]);
    v[k] = multiply_add<Fused>(g, u[k], Decay ? step.s * v[k] : v[k]);
  }
}

template <int Rank, bool Fused, bool Decay>
INLINE void entries_epoch(const Cells& cells, float* U, float* V, const SgdStep<float>& step) {
  const Problem& problem = cells.problem;
  const int32_t* column = problem.column.data();
  const float* rating = problem.rating.data();
  for (int64_t r = 0; r < problem.rows; ++r, U += Rank) {
    float u[Rank];
    for (int k = 0; k < Rank; ++k) u[k] = U[k];
    for (int64_t i = problem.row_start[r]; i < problem.row_start[r + 1]; ++i) {
      update<Rank, Fused, Decay>(u, V + int64_t{column[i]} * Rank, rating[i], step);
    }
    for (int k = 0; k < Rank; ++k) U[k] = u[k];
  }
}

template <int Rank, bool Fused, bool Decay>
INLINE void dense_epoch(const Cells& cells, float* U, float* V, const SgdStep<float>& step) {
  const float* a = cells.A;
  const bool* mask = cells.mask;
  const int64_t columns = cells.problem.columns;
  for (int64_t r = 0; r < cells.problem.rows; ++r, U += Rank, a += columns, mask += columns) {
    float u[Rank];
    for (int k = 0; k < Rank; ++k) u[k] = U[k];
    for (int64_t c = 0; c < columns; ++c) {
      if (mask[c]) update<Rank, Fused, Decay>(u, V + c * Rank, a[c], step);
    }
    for (int k = 0; k < Rank; ++k) U[k] = u[k];
  }
}

template <int Rank, bool Fused>
INLINE void epoch(bool entries, const Cells& cells, float* U, float* V, const SgdStep<float>& step) {
  if (entries) {
    step.decay ? entries_epoch<Rank, Fused, true>(cells, U, V, step)
               : entries_epoch<Rank, Fused, false>(cells, U, V, step);
  } else {
    step.decay ? dense_epoch<Rank, Fused, true>(cells, U, V, step) : dense_epoch<Rank, Fused, false>(cells, U, V, step);
  }
}

template <int Rank>
void epoch_apart(bool entries, const Cells& cells, float* U, float* V, const SgdStep<float>& step) {
  epoch<Rank, false>(entries, cells, U, V, step);
}

template <int Rank>
WITH_FMA void epoch_fused(bool entries, const Cells& cells, float* U, float* V, const SgdStep<float>& step) {
  epoch<Rank, true>(entries, cells, U, V, step);
}

template <int Rank>
WITH_AVX512 void epoch_wide(const Cells& cells, float* U, float* V, const SgdStep<float>& step) {
  epoch<Rank, false>(/*entries=*/true, cells, U, V, step);
}

template <int... Rank>
bool is_among(int64_t rank, std::integer_sequence<int, Rank...>) {
  return ((rank == Rank) || ...);
}

template <int... Rank>
void run_rank(const ScalarLoop& loop, const Cells& cells, const Factors& factors, const SgdStep<float>& step,
              std::integer_sequence<int, Rank...>) {
  auto* U = factors.U.mutable_data_ptr<float>();
  auto* V = factors.V.mutable_data_ptr<float>();
  const auto run = [&]<int R>(std::integral_constant<int, R>) {
    if (loop.wide) {
      epoch_wide<R>(cells, U, V, step);
    } else {
      loop.fused ? epoch_fused<R>(loop.entries, cells, U, V, step) : epoch_apart<R>(loop.entries, cells, U, V, step);
    }
  };
  ((factors.U.size(1) == Rank ? run(std::integral_constant<int, Rank>()) : void()), ...);
}

bool machine_has_fma() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

bool machine_has_avx512() {
#if defined(__x86_64__)
  return machine_has_fma() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
#else
  return false;
#endif
}

}  // namespace

std::vector<ScalarLoop> scalar_loops() {
  std::vector<ScalarLoop> loops{{.entries = false, .fused = false}, {.entries = true, .fused = false}};
  if (machine_has_avx512()) loops.push_back({.entries = true, .fused = false, .wide = true});
  if (machine_has_fma()) {
    loops.push_back({.entries = false, .fused = true});
    loops.push_back({.entries = true, .fused = true});
  }
  return loops;
}

const char* name_of(const ScalarLoop& loop) {
  if (loop.wide) return "scalar entries avx512";
  if (loop.entries) return loop.fused ? "scalar entries fma" : "scalar entries";
  return loop.fused ? "scalar dense fma" : "scalar dense";
}

bool has_rank(int64_t rank) { return is_among(rank, Ranks()); }

void run_epoch(const ScalarLoop& loop, const Cells& cells, const Factors& factors, const SgdStep<float>& step) {
  TORCH_CHECK_VALUE(has_rank(factors.U.size(1)), "[run_epoch] rank must be one of 2, 5, 8, 16, 32 and 64, but was ",
                    factors.U.size(1), ".");
  run_rank(loop, cells, factors, step, Ranks());
}

}  // namespace factorise::benchmarks
