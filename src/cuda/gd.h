#pragma once
// Full-batch descent on a GPU, as its glue calls it: sizes, addresses on the device, a stream (cudaStream_t).
// Everything is enqueued and nothing waited for, so that it can be captured in a graph. Functions return what went
// wrong, or null.

#include "cuda/gd_job.h"

namespace factorise::cuda {

/// A as the passes read it: bytes in both orders, or values with what is observed of them.
template <class T>
struct GdRatings {
  const void *by_rows = nullptr, *by_columns = nullptr;
  const T* values = nullptr;
  const bool* observed = nullptr;
};

/// Bytes of A packed in the order of gather and of scatter, and of the workspace of a run.
template <class T>
int64_t gd_bytes_by_rows(const GdShape& shape);
template <class T>
int64_t gd_bytes_by_columns(const GdShape& shape);
template <class T>
int64_t gd_workspace_bytes(const GdShape& shape);

/// Packs A; strides are in elements. Sets *misfit, 0 before, to 1 where bytes do not hold it.
template <class T>
const char* gd_pack(int device, void* stream, const GdShape& shape, const T* values, const bool* observed,
                    int64_t row_stride, int64_t column_stride, void* by_rows, void* by_columns, int32_t* misfit);

/// Runs epochs on the factors X and Y, contiguous. *diverged becomes the first epoch, from 1, after which a factor was
/// not finite, or 0; if there is one, X and Y are of no use.
template <class T>
const char* gd_epochs(int device, void* stream, const GdShape& shape, const GdRatings<T>& A, double lr, int64_t epochs,
                      T* X, T* Y, int64_t* diverged, void* workspace);

/// The loss, or Σ err² where not `norm`, and the gradients that shape asks for.
template <class T>
const char* gd_loss(int device, void* stream, const GdShape& shape, const GdRatings<T>& A, bool norm, const T* X,
                    const T* Y, T* loss, T* by_X, T* by_Y, void* workspace);

/// to[i] = *factor * from[i]
template <class T>
const char* gd_scale(int device, void* stream, int64_t count, const T* factor, const T* from, T* to);

}  // namespace factorise::cuda
