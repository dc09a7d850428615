// The kernels of full-batch descent and their launches.

#include "cuda/gd.h"

#include <cuda_runtime.h>

#include "cuda/gd_tasks.h"

namespace factorise::cuda {
namespace {

constexpr int kThreads = 4 * kWarpLanes;  // a warp for each of a processor's four schedulers

template <class T, class Cell, int kRank>
__global__ void __launch_bounds__(kThreads) gd_kernel(const __grid_constant__ GdJob<T> job) {
  extern __shared__ __align__(16) std::byte shared[];
  Warp warp(shared + threadIdx.x / kWarpLanes * gd_shared_bytes<T>(kRank == 0 ? job.padded_rank : kRank));
  GdWarp<Warp, T, Cell, kRank>(warp, job).run();
}

__device__ int64_t first_element() { return blockIdx.x * int64_t{blockDim.x} + threadIdx.x; }
__device__ int64_t elements_at_once() { return gridDim.x * int64_t{blockDim.x}; }

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

/// An error as a sentence's end, or null; none is left behind for others to find.
const char* sentence(cudaError_t error) {
  if (error == cudaSuccess) return nullptr;
  cudaGetLastError();
  return cudaGetErrorString(error);
}

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  cudaDeviceGetAttribute(&value, which, device);
  return value;
}

/// Blocks for a kernel that goes through `count` elements.
unsigned blocks_for(int64_t count, int device) {
  const int64_t most = int64_t{16} * attribute(cudaDevAttrMultiProcessorCount, device);
  return static_cast<unsigned>(std::clamp<int64_t>((count + 255) / 256, 1, most));
}

/// The most items of a phase: more warps than that are of no use.
template <class T>
int64_t widest_phase(const GdJob<T>& job) {
  int64_t most = 0;
  for (const GdPhase& phase : job.phases) most = std::max<int64_t>(most, int64_t{phase.items[0]} + phase.items[1]);
  return most;
}

/// As many warps as there is work for, the same number on every scheduler.
template <class T>
const char* launch(int device, cudaStream_t stream, const GdJob<T>& job) {
  cudaError_t error = cudaSuccess;
  with_gd_instance(job, [&](auto instance) {
    using I = decltype(instance);
    const auto kernel = gd_kernel<typename I::T, typename I::Cell, I::kRank>;
    const int64_t shared = gd_shared_bytes<T>(job.padded_rank);
    const int64_t room = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
    int warps = kThreads / kWarpLanes;
    while (warps > 1 && warps * shared > room) warps /= 2;
    const auto bytes = static_cast<int>(warps * shared);
    if (bytes > 48 << 10) error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    int resident = 0;
    if (error == cudaSuccess) {
      error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, warps * kWarpLanes, bytes);
    }
    if (error != cudaSuccess) return;
    const int64_t processors = attribute(cudaDevAttrMultiProcessorCount, device);
    const int64_t each = std::clamp<int64_t>(widest_phase(job) / (processors * warps), 1, std::max(resident, 1));
    kernel<<<static_cast<unsigned>(each * processors), warps * kWarpLanes, bytes, stream>>>(job);
    error = cudaGetLastError();
  });
  return sentence(error);
}

template <class T>
void attach(GdJob<T>& job, const GdRatings<T>& A) {
  job.by_rows = static_cast<const std::byte*>(A.by_rows);
  job.by_columns = static_cast<const std::byte*>(A.by_columns);
  job.values = A.values;
  job.observed = A.observed;
}

template <class T>
const char* prepare(int device, cudaStream_t stream, const GdJob<T>& job, const T* X, const T* Y) {
  prepare_kernel<<<blocks_for(gd_elements_to_prepare(job), device), 256, 0, stream>>>(job, X, Y);
  return sentence(cudaGetLastError());
}

}  // namespace

template <class T>
int64_t gd_bytes_by_rows(const GdShape& shape) {
  return gd_units(GdMatrix<T>{nullptr, nullptr, shape, 0, 0}, GdOrder::gather) * 16;
}
template <class T>
int64_t gd_bytes_by_columns(const GdShape& shape) {
  return gd_units(GdMatrix<T>{nullptr, nullptr, shape, 0, 0}, GdOrder::scatter) * 16;
}
template <class T>
int64_t gd_workspace_bytes(const GdShape& shape) {
  int64_t bytes = 0;
  gd_job<T>(shape, 0, 0, nullptr, &bytes);
  return bytes;
}

template <class T>
const char* gd_pack(int device, void* stream, const GdShape& shape, const T* values, const bool* observed,
                    int64_t row_stride, int64_t column_stride, void* by_rows, void* by_columns, int32_t* misfit) {
  const GdMatrix<T> A{values, observed, shape, row_stride, column_stride};
  cudaSetDevice(device);
  for (const GdOrder order : {GdOrder::gather, GdOrder::scatter}) {
    auto* const to = static_cast<GdBytes*>(order == GdOrder::gather ? by_rows : by_columns);
    const unsigned blocks = blocks_for(gd_units(A, order), device);
    pack_kernel<<<blocks, 256, 0, static_cast<cudaStream_t>(stream)>>>(A, order, to, misfit);
  }
  return sentence(cudaGetLastError());
}

template <class T>
const char* gd_epochs(int device, void* stream, const GdShape& shape, const GdRatings<T>& A, double lr, int64_t epochs,
                      T* X, T* Y, int64_t* diverged, void* workspace) {
  cudaSetDevice(device);
  const auto on = static_cast<cudaStream_t>(stream);
  int64_t bytes = 0, before = 0;
  do {
    GdJob<T> job = gd_job<T>(shape, lr, 0, static_cast<std::byte*>(workspace), &bytes);
    job.epochs = static_cast<uint32_t>(std::min(epochs - before, gd_most_epochs(job)));
    attach(job, A);
    if (const char* error = prepare<T>(device, on, job, X, Y)) return error;
    if (const char* error = job.epochs ? launch(device, on, job) : nullptr) return error;
    const int64_t count = (shape.rows + shape.columns) * shape.rank;
    finish_kernel<<<blocks_for(count, device), 256, 0, on>>>(job, X, Y, diverged, before);
    if (const char* error = sentence(cudaGetLastError())) return error;
    before += job.epochs;
  } while (before < epochs);
  return nullptr;
}

template <class T>
const char* gd_loss(int device, void* stream, const GdShape& shape, const GdRatings<T>& A, bool norm, const T* X,
                    const T* Y, T* loss, T* by_X, T* by_Y, void* workspace) {
  cudaSetDevice(device);
  int64_t bytes = 0;
  GdJob<T> job = gd_job<T>(shape, 0, 1, static_cast<std::byte*>(workspace), &bytes);
  attach(job, A);
  job.norm = norm;
  job.loss = loss;
  job.by_X = by_X;
  job.by_Y = by_Y;
  const auto on = static_cast<cudaStream_t>(stream);
  if (const char* error = prepare(device, on, job, X, Y)) return error;
  return launch(device, on, job);
}

template <class T>
const char* gd_scale(int device, void* stream, int64_t count, const T* factor, const T* from, T* to) {
  cudaSetDevice(device);
  if (count == 0) return nullptr;
  scale_kernel<<<blocks_for(count, device), 256, 0, static_cast<cudaStream_t>(stream)>>>(count, factor, from, to);
  return sentence(cudaGetLastError());
}

#define FACTORISE_GD_OF(T)                                                                                           \
  template int64_t gd_bytes_by_rows<T>(const GdShape&);                                                              \
  template int64_t gd_bytes_by_columns<T>(const GdShape&);                                                           \
  template int64_t gd_workspace_bytes<T>(const GdShape&);                                                            \
  template const char* gd_pack<T>(int, void*, const GdShape&, const T*, const bool*, int64_t, int64_t, void*, void*, \
                                  int32_t*);                                                                         \
  template const char* gd_epochs<T>(int, void*, const GdShape&, const GdRatings<T>&, double, int64_t, T*, T*,        \
                                    int64_t*, void*);                                                                \
  template const char* gd_loss<T>(int, void*, const GdShape&, const GdRatings<T>&, bool, const T*, const T*, T*, T*, \
                                  T*, void*);                                                                        \
  template const char* gd_scale<T>(int, void*, int64_t, const T*, const T*, T*);
FACTORISE_GD_OF(float)
FACTORISE_GD_OF(double)
#undef FACTORISE_GD_OF

}  // namespace factorise::cuda
