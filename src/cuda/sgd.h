#pragma once
// Exact SGD on a GPU, on raw pointers and a stream: what sgd_backend.cpp calls. All pointers are to the
// GPU's memory, all calls only enqueue, and throw CudaError where the GPU refuses.

#include <cuda_runtime_api.h>

#include "cuda/sgd_cells.h"
#include "cuda/sgd_job.h"

namespace factorise::cuda {

/// Sets *fits to 0 where an observed entry is not a whole number from 1 to 255; it must hold 1 before.
template <class T>
void launch_fits_bytes(const SgdMatrix<T>& A, uint32_t* fits, cudaStream_t stream);

/// Packs A into A.cells() cells of a byte each, or of a T.
template <class T>
void launch_pack_cells(const SgdMatrix<T>& A, bool bytes, void* cells, cudaStream_t stream);

/// Words of a factor, for `runs` factors of rows x rank one behind the other; each fills up to `padded_rows` rows.
template <class T>
void launch_pack_words(const T* factors, int64_t runs, int64_t rows, int64_t padded_rows, int rank, uint64_t* words,
                       cudaStream_t stream);

/// And back.
template <class T>
void launch_unpack_words(const uint64_t* words, int64_t runs, int64_t rows, int64_t padded_rows, int rank, T* factors,
                         cudaStream_t stream);

/// All epochs of all runs. The job's numbers are as SgdJob says.
template <class T>
void launch_sgd(const SgdJob<T>& job, bool bytes, bool turned, bool decay, cudaStream_t stream);

}  // namespace factorise::cuda
