// Kernels and launches of exact SGD. What a warp does is in sgd_wavefront.h.

#include "cuda/sgd.h"

#include <algorithm>
#include <string>

#include "cuda/elements.h"
#include "cuda/sgd_kernels.h"

namespace factorise::cuda {
namespace {

template <class T, class Instance>
__global__ void __launch_bounds__(kWarpLanes) sgd_kernel(const SgdJob<T> job) {
  extern __shared__ __align__(16) std::byte shared[];
  Warp warp(shared);
  sgd_warp<Instance::kRank, typename Instance::Cell, Instance::kTurned, Instance::kDecay>(warp, job);
}

template <class T>
__global__ void fits_bytes_kernel(const SgdMatrix<T> A, uint32_t* fits) {
  bool all = true;
  for (int64_t i = first_element(); i < A.rows * A.columns; i += elements_at_once())
    all = all && ((A.observed && !A.observed[i]) || fits_byte(A.values[i]));
  if (!all) *fits = 0;
}

template <class T, class Cell>
__global__ void pack_cells_kernel(const SgdMatrix<T> A, Cell* cells) {
  for (int64_t i = first_element(); i < A.cells(); i += elements_at_once()) cells[i] = packed_cell<T, Cell>(A, i);
}

template <class T>
__global__ void pack_words_kernel(const T* factors, int64_t runs, int64_t rows, int64_t padded_rows, int rank,
                                  int padded_rank, uint64_t* words) {
  const int64_t of_run = padded_rows * sgd_row_words<T>(padded_rank);
  for (int64_t i = first_element(); i < runs * of_run; i += elements_at_once())
    words[i] = sgd_packed_word(factors + i / of_run * rows * rank, rows, rank, padded_rank, i % of_run);
}

template <class T>
__global__ void unpack_words_kernel(const uint64_t* words, int64_t runs, int64_t rows, int64_t padded_rows, int rank,
                                    int padded_rank, T* factors) {
  const int64_t of_run = padded_rows * sgd_row_words<T>(padded_rank);
  for (int64_t i = first_element(); i < runs * rows * rank; i += elements_at_once())
    factors[i] = sgd_unpacked<T>(words + i / (rows * rank) * of_run, rank, padded_rank, i % (rows * rank));
}

}  // namespace

template <class T>
void launch_fits_bytes(const SgdMatrix<T>& A, uint32_t* fits, cudaStream_t stream) {
  fits_bytes_kernel<<<blocks_for(A.rows * A.columns), kElementThreads, 0, stream>>>(A, fits);
  check_launch("looking at the ratings");
}

template <class T>
void launch_pack_cells(const SgdMatrix<T>& A, bool bytes, void* cells, cudaStream_t stream) {
  const unsigned blocks = blocks_for(A.cells());
  if (bytes)
    pack_cells_kernel<T><<<blocks, kElementThreads, 0, stream>>>(A, static_cast<uint8_t*>(cells));
  else
    pack_cells_kernel<T><<<blocks, kElementThreads, 0, stream>>>(A, static_cast<T*>(cells));
  check_launch("packing the ratings");
}

template <class T>
void launch_pack_words(const T* factors, int64_t runs, int64_t rows, int64_t padded_rows, int rank, uint64_t* words,
                       cudaStream_t stream) {
  const int padded = sgd_padded_rank(rank);
  const unsigned blocks = blocks_for(runs * padded_rows * sgd_row_words<T>(padded));
  pack_words_kernel<<<blocks, kElementThreads, 0, stream>>>(factors, runs, rows, padded_rows, rank, padded, words);
  check_launch("packing the factors");
}

template <class T>
void launch_unpack_words(const uint64_t* words, int64_t runs, int64_t rows, int64_t padded_rows, int rank, T* factors,
                         cudaStream_t stream) {
  unpack_words_kernel<<<blocks_for(runs * rows * rank), kElementThreads, 0, stream>>>(
      words, runs, rows, padded_rows, rank, sgd_padded_rank(rank), factors);
  check_launch("unpacking the factors");
}

template <class T>
void launch_sgd(const SgdJob<T>& job, bool bytes, bool turned, bool decay, cudaStream_t stream) {
  with_sgd_instance<T>(job.padded_rank, bytes, turned, decay, [&](auto instance) {
    using I = decltype(instance);
    const auto kernel = sgd_kernel<T, I>;
    const int64_t shared = SgdShared<T, typename I::Cell>(job.padded_rank, I::kRank == 0).bytes;
    const int64_t processors = device_number(cudaDevAttrMultiProcessorCount);
    const int largest = device_number(cudaDevAttrMaxSharedMemoryPerBlockOptin);
    int resident = 0;
    if (shared > largest) {
      throw CudaError("rank " + std::to_string(job.padded_rank) + " needs " + std::to_string(shared) +
                      " bytes of a GPU's shared memory in this type, but this one has " + std::to_string(largest) +
                      ": take float32, a smaller rank, or the CPU");
    }
    // Always as much as there is: the kernel is another thread's too, which may launch it for another rank meanwhile.
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, largest),
               "asking for shared memory");
    check_cuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, kWarpLanes, shared), "asking the GPU");
    // More warps than fit would wait for tasks that others have; fewer tasks than warps need no more.
    const int64_t blocks = std::min(job.blocks() * job.runs, processors * std::max(resident, 1));
    kernel<<<static_cast<unsigned>(blocks), kWarpLanes, shared, stream>>>(job);
    check_launch("exact SGD");
  });
}

#define FACTORISE_INSTANTIATE(T)                                                                           \
  template void launch_fits_bytes<T>(const SgdMatrix<T>&, uint32_t*, cudaStream_t);                        \
  template void launch_pack_cells<T>(const SgdMatrix<T>&, bool, void*, cudaStream_t);                      \
  template void launch_pack_words<T>(const T*, int64_t, int64_t, int64_t, int, uint64_t*, cudaStream_t);   \
  template void launch_unpack_words<T>(const uint64_t*, int64_t, int64_t, int64_t, int, T*, cudaStream_t); \
  template void launch_sgd<T>(const SgdJob<T>&, bool, bool, bool, cudaStream_t);
FACTORISE_INSTANTIATE(float)
FACTORISE_INSTANTIATE(double)
#undef FACTORISE_INSTANTIATE

}  // namespace factorise::cuda
