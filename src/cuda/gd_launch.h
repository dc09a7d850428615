#pragma once
// The kernels of full-batch descent and their launches, for one type a .cu file.

#include <algorithm>

#include "cuda/elements.h"
#include "cuda/gd.h"
#include "cuda/gd_tasks.h"

namespace factorise::cuda {
namespace gd {

constexpr int kThreads = 4 * kWarpLanes;  // a warp for each of a processor's four schedulers

template <class T, class Cell, int kRank>
__global__ void __launch_bounds__(kThreads) gd_kernel(const __grid_constant__ GdJob<T> job) {
  extern __shared__ __align__(16) std::byte shared[];
  Warp warp(shared + threadIdx.x / kWarpLanes * gd_shared_bytes<T>(kRank == 0 ? job.padded_rank : kRank));
  GdWarp<Warp, T, Cell, kRank>(warp, job).run();
}

template <class T>
__global__ void prepare_kernel(const __grid_constant__ GdJob<T> job, const T* X, const T* Y) {
  const int64_t count = gd_elements_to_prepare(job);
  for (int64_t i = first_element(); i < count; i += elements_at_once()) gd_prepare(job, X, Y, i);
}

template <class T>
__global__ void finish_kernel(const __grid_constant__ GdJob<T> job, T* X, T* Y, int64_t* diverged, int64_t before) {
  const int64_t count = (job.shape.rows + job.shape.columns) * job.shape.rank;
  for (int64_t i = first_element(); i < count; i += elements_at_once()) gd_finish(job, X, Y, diverged, before, i);
}

template <class T>
__global__ void pack_kernel(const GdMatrix<T> A, GdOrder order, GdBytes* to, int32_t* misfit) {
  bool fits = true;
  const int64_t count = gd_units(A, order);
  for (int64_t i = first_element(); i < count; i += elements_at_once()) to[i] = gd_packed(A, order, i, fits);
  if (!fits) *misfit = 1;
}

template <class T>
__global__ void scale_kernel(int64_t count, const T* factor, const T* from, T* to) {
  for (int64_t i = first_element(); i < count; i += elements_at_once()) to[i] = *factor * from[i];
}

/// The most items of a phase: more warps than that are of no use.
template <class T>
int64_t widest_phase(const GdJob<T>& job) {
  int64_t most = 0;
  for (const GdPhase& phase : job.phases) most = std::max<int64_t>(most, int64_t{phase.items[0]} + phase.items[1]);
  return most;
}

/// As many warps as there is work for, the same number on every scheduler: where one scheduler has two and another
/// none, a phase takes twice as long. Where there is little, each has a processor to itself.
template <class T>
void launch_job(const GdJob<T>& job, cudaStream_t stream) {
  with_gd_instance(job, [&](auto instance) {
    using I = decltype(instance);
    const auto kernel = gd_kernel<typename I::T, typename I::Cell, I::kRank>;
    const int64_t of_warp = gd_shared_bytes<T>(job.padded_rank), items = job.items_per_epoch;
    const int64_t room = device_number(cudaDevAttrMaxSharedMemoryPerBlockOptin);
    const int64_t processors = device_number(cudaDevAttrMultiProcessorCount);
    int warps = kThreads / kWarpLanes, resident = 0;
    while (warps > 1 && (warps * of_warp > room || 2 * items <= warps * processors)) warps /= 2;
    const auto shared = static_cast<int>(warps * of_warp);
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(room)),
               "asking for shared memory");
    check_cuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, warps * kWarpLanes, shared),
               "asking the GPU");
    const int64_t each = std::clamp<int64_t>(widest_phase(job) / (processors * warps), 1, std::max(resident, 1));
    const int64_t blocks = std::min(each * processors, (items + warps - 1) / warps);
    kernel<<<static_cast<unsigned>(blocks), warps * kWarpLanes, shared, stream>>>(job);
    check_launch("full-batch descent");
  });
}

/// The job on A and the factors X and Y, whose workspace is being written.
template <class T>
void begin(GdJob<T>& job, const GdRatings<T>& A, const T* X, const T* Y, cudaStream_t stream) {
  job.by_rows = static_cast<const std::byte*>(A.by_rows);
  job.by_columns = static_cast<const std::byte*>(A.by_columns);
  job.values = A.values;
  job.observed = A.observed;
  prepare_kernel<<<blocks_for(gd_elements_to_prepare(job)), kElementThreads, 0, stream>>>(job, X, Y);
  check_launch("preparing full-batch descent");
}

}  // namespace gd

template <class T>
void launch_gd_pack(const GdMatrix<T>& A, void* by_rows, void* by_columns, int32_t* misfit, cudaStream_t stream) {
  for (const GdOrder order : {GdOrder::gather, GdOrder::scatter}) {
    auto* const to = static_cast<GdBytes*>(order == GdOrder::gather ? by_rows : by_columns);
    gd::pack_kernel<<<blocks_for(gd_units(A, order)), kElementThreads, 0, stream>>>(A, order, to, misfit);
  }
  check_launch("packing the ratings");
}

template <class T>
int64_t gd_workspace_bytes(const GdShape& shape) {
  int64_t bytes = 0;
  gd_job<T>(shape, 0, 0, nullptr, &bytes);
  return bytes;
}

template <class T>
void launch_gd_epochs(const GdShape& shape, const GdRatings<T>& A, double lr, int64_t epochs, T* X, T* Y,
                      int64_t* diverged, void* workspace, cudaStream_t stream) {
  int64_t bytes = 0, before = 0;
  do {
    GdJob<T> job = gd_job<T>(shape, lr, 0, static_cast<std::byte*>(workspace), &bytes);
    job.epochs = static_cast<uint32_t>(std::min(epochs - before, gd_most_epochs(job)));
    gd::begin<T>(job, A, X, Y, stream);
    if (job.epochs > 0) gd::launch_job(job, stream);
    const int64_t count = (shape.rows + shape.columns) * shape.rank;
    gd::finish_kernel<<<blocks_for(count), kElementThreads, 0, stream>>>(job, X, Y, diverged, before);
    check_launch("ending full-batch descent");
    before += job.epochs;
  } while (before < epochs);
}

template <class T>
void launch_gd_loss(const GdShape& shape, const GdRatings<T>& A, bool norm, const T* X, const T* Y,
                    const GdResults<T>& results, void* workspace, cudaStream_t stream) {
  int64_t bytes = 0;
  GdJob<T> job = gd_job<T>(shape, 0, 1, static_cast<std::byte*>(workspace), &bytes);
  job.norm = norm;
  job.loss = results.loss;
  job.exact_loss = results.exact_loss;
  job.by_X = results.by_X;
  job.by_Y = results.by_Y;
  gd::begin(job, A, X, Y, stream);
  gd::launch_job(job, stream);
}

template <class T>
void launch_gd_scale(int64_t count, const T* factor, const T* from, T* to, cudaStream_t stream) {
  if (count == 0) return;
  gd::scale_kernel<<<blocks_for(count), kElementThreads, 0, stream>>>(count, factor, from, to);
  check_launch("scaling a gradient");
}

#define FACTORISE_INSTANTIATE_GD(T)                                                                                   \
  template void launch_gd_pack<T>(const GdMatrix<T>&, void*, void*, int32_t*, cudaStream_t);                          \
  template int64_t gd_workspace_bytes<T>(const GdShape&);                                                             \
  template void launch_gd_epochs<T>(const GdShape&, const GdRatings<T>&, double, int64_t, T*, T*, int64_t*, void*,    \
                                    cudaStream_t);                                                                    \
  template void launch_gd_loss<T>(const GdShape&, const GdRatings<T>&, bool, const T*, const T*, const GdResults<T>&, \
                                  void*, cudaStream_t);                                                               \
  template void launch_gd_scale<T>(int64_t, const T*, const T*, T*, cudaStream_t);

}  // namespace factorise::cuda
