#pragma once
// Full-batch descent and factor_loss on a GPU, on raw pointers and a stream: what gd_backend.cpp and the operators in
// factor_loss_ops.cpp call. All pointers are to the GPU's memory; all calls only enqueue, so that they can be captured
// in a graph, and throw CudaError where the GPU refuses.

#include <cuda_runtime_api.h>

#include "cuda/gd_cells.h"

namespace factorise::cuda {

/// A as the passes read it: bytes in both orders, or values with what is observed of them.
template <class T>
struct GdRatings {
  const void *by_rows = nullptr, *by_columns = nullptr;
  const T* values = nullptr;
  const bool* observed = nullptr;
};

/// Packs A in both orders, of gd_units() units of 16 bytes each. Sets *misfit, which must hold 0, to 1 where bytes do
/// not hold it.
template <class T>
void launch_gd_pack(const GdMatrix<T>& A, void* by_rows, void* by_columns, int32_t* misfit, cudaStream_t stream);

/// Bytes of the workspace of the next two, which is aligned to 256 bytes.
template <class T>
int64_t gd_workspace_bytes(const GdShape& shape);

/// Runs epochs on the factors X and Y, contiguous. *diverged becomes the first epoch, from 1, after which a factor was
/// not finite, or 0; if there is one, X and Y are of no use.
template <class T>
void launch_gd_epochs(const GdShape& shape, const GdRatings<T>& A, double lr, int64_t epochs, T* X, T* Y,
                      int64_t* diverged, void* workspace, cudaStream_t stream);

/// Where the loss and the gradients that the shape asks for go; one of the first two is null.
template <class T>
struct GdResults {
  T* loss = nullptr;
  double* exact_loss = nullptr;
  T *by_X = nullptr, *by_Y = nullptr;
};

/// The norm of err, or its square.
template <class T>
void launch_gd_loss(const GdShape& shape, const GdRatings<T>& A, bool norm, const T* X, const T* Y,
                    const GdResults<T>& results, void* workspace, cudaStream_t stream);

/// to[i] = *factor * from[i]
template <class T>
void launch_gd_scale(int64_t count, const T* factor, const T* from, T* to, cudaStream_t stream);

}  // namespace factorise::cuda
