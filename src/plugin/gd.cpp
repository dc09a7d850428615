// The backend of full-batch descent for CUDA tensors. Ratings are two tensors of bytes, A in the order of each pass,
// or A in the factors' type, as it lies or turned, with what is observed where not all is.

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <utility>
#include <vector>

#include "cuda/gd.h"
#include "plugin/backend.h"
#include "plugin/launch.h"

namespace factorise::cuda {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

/// X belongs to the shorter side of A, m x n.
bool is_turned(int64_t m, int64_t n) { return m > n; }

GdShape shape_of_problem(int64_t m, int64_t n, int64_t rank, GdMethod method) {
  GdShape shape{};
  shape.columns_first = is_turned(m, n);
  shape.rows = std::min(m, n);
  shape.columns = std::max(m, n);
  shape.rank = static_cast<int32_t>(rank);
  shape.method = method;
  return shape;
}

Tensor bytes_on(const Tensor& like, int64_t count) { return at::empty({count}, like.options().dtype(at::kByte)); }

template <class T>
std::vector<Tensor> packed(const Tensor& A, const OptionalTensor& observed) {
  const int64_t m = A.size(0), n = A.size(1);
  const bool turned = is_turned(m, n);
  GdMatrix<T> matrix{};
  matrix.values = A.const_data_ptr<T>();
  matrix.observed = observed ? observed->const_data_ptr<bool>() : nullptr;
  matrix.shape = shape_of_problem(m, n, 1, GdMethod::masked);
  matrix.row_stride = turned ? 1 : n;
  matrix.column_stride = turned ? n : 1;
  const Tensor by_rows = bytes_on(A, gd_units(matrix, GdOrder::gather) * 16);
  const Tensor by_columns = bytes_on(A, gd_units(matrix, GdOrder::scatter) * 16);
  const Tensor misfit = at::zeros({}, A.options().dtype(at::kInt));
  launch("pack_gd", A.device(), [&](cudaStream_t stream) {
    launch_gd_pack(matrix, by_rows.mutable_data_ptr(), by_columns.mutable_data_ptr(), misfit.mutable_data_ptr<int>(),
                   stream);
  });
  if (misfit.item<int>() == 0) return {by_rows, by_columns};
  // What an op returns is its own, also where A lies as the kernels read it.
  const auto along = [&](const Tensor& tensor) {
    return (turned ? tensor.t() : tensor).clone(at::MemoryFormat::Contiguous);
  };
  if (!observed) return {along(A)};
  return {along(A), along(*observed)};
}

std::vector<Tensor> ratings_on_cuda(const Tensor& A, const OptionalTensor& observed) {
  TORCH_CHECK_VALUE(A.dim() == 2 && A.is_contiguous() && (!observed || observed->is_contiguous()),
                    "[pack_gd] A and observed must be contiguous matrices.");
  return A.scalar_type() == at::kDouble ? packed<double>(A, observed) : packed<float>(A, observed);
}

/// The ratings as the kernels take them, if they can be of a matrix of that shape.
template <class T>
GdRatings<T> ratings_of(const char* function, at::TensorList ratings, const GdShape& shape) {
  GdRatings<T> A;
  const bool bytes = ratings.size() == 2 && ratings[0].scalar_type() == at::kByte;
  if (bytes) {
    const GdMatrix<T> matrix{nullptr, nullptr, shape, 0, 0};
    TORCH_CHECK_VALUE(ratings[0].numel() == gd_units(matrix, GdOrder::gather) * 16 &&
                          ratings[1].numel() == gd_units(matrix, GdOrder::scatter) * 16,
                      "[", function, "] ratings must be packed from a matrix of the factors' rows, in their type.");
    A.by_rows = ratings[0].const_data_ptr();
    A.by_columns = ratings[1].const_data_ptr();
    return A;
  }
  TORCH_CHECK_VALUE((ratings.size() == 1 || ratings.size() == 2) && ratings[0].numel() == shape.rows * shape.columns &&
                        ratings.back().numel() == shape.rows * shape.columns,
                    "[", function, "] ratings must be packed from a matrix of the factors' rows.");
  A.values = ratings[0].const_data_ptr<T>();
  if (ratings.size() == 2) A.observed = ratings[1].const_data_ptr<bool>();
  return A;
}

void check_factors(const char* function, at::TensorList ratings, const Tensor& U, const Tensor& V) {
  TORCH_CHECK_VALUE(U.dim() == 2 && V.dim() == 2 && U.size(1) == V.size(1) && U.is_contiguous() && V.is_contiguous() &&
                        U.scalar_type() == V.scalar_type() && !ratings.empty() && U.device() == V.device() &&
                        U.device() == ratings[0].device(),
                    "[", function,
                    "] U and V must be contiguous, of one rank and type, and on the device of the ratings.");
}

GdMethod method_of(c10::string_view name) {
  if (name == "masked") return GdMethod::masked;
  if (name == "squared") return GdMethod::squared;
  TORCH_CHECK_VALUE(name == "norm", "[gd_epochs] method must be masked, squared or norm, but was '", name, "'.");
  return GdMethod::norm;
}

template <class T>
Tensor epochs(at::TensorList ratings, const Tensor& U, const Tensor& V, double lr, GdMethod method,
              int64_t num_epochs) {
  const GdShape shape = shape_of_problem(U.size(0), V.size(0), U.size(1), method);
  const Tensor &X = shape.columns_first ? V : U, &Y = shape.columns_first ? U : V;
  const GdRatings<T> A = ratings_of<T>("gd_epochs", ratings, shape);
  const Tensor workspace = bytes_on(U, gd_workspace_bytes<T>(shape));
  Tensor diverged = at::empty({}, U.options().dtype(at::kLong));
  launch("gd_epochs", U.device(), [&](cudaStream_t stream) {
    launch_gd_epochs(shape, A, lr, num_epochs, X.mutable_data_ptr<T>(), Y.mutable_data_ptr<T>(),
                     diverged.mutable_data_ptr<int64_t>(), workspace.mutable_data_ptr(), stream);
  });
  return diverged;
}

Tensor epochs_on_cuda(at::TensorList ratings, const Tensor& U, const Tensor& V, double lr, c10::string_view method,
                      int64_t num_epochs) {
  check_factors("gd_epochs", ratings, U, V);
  const auto run = U.scalar_type() == at::kDouble ? epochs<double> : epochs<float>;
  return run(ratings, U, V, lr, method_of(method), num_epochs);
}

template <class T>
Tensor loss(at::TensorList ratings, const Tensor& U, const Tensor& V, bool norm) {
  const GdShape shape = shape_of_problem(U.size(0), V.size(0), U.size(1), GdMethod::loss);
  const Tensor &X = shape.columns_first ? V : U, &Y = shape.columns_first ? U : V;
  const GdRatings<T> A = ratings_of<T>("gd_loss", ratings, shape);
  const Tensor workspace = bytes_on(U, gd_workspace_bytes<T>(shape));
  Tensor value = at::empty({}, U.options().dtype(at::kDouble));
  GdResults<T> results;
  results.exact_loss = value.mutable_data_ptr<double>();
  launch("gd_loss", U.device(), [&](cudaStream_t stream) {
    launch_gd_loss(shape, A, norm, X.const_data_ptr<T>(), Y.const_data_ptr<T>(), results, workspace.mutable_data_ptr(),
                   stream);
  });
  return value;
}

Tensor loss_on_cuda(at::TensorList ratings, const Tensor& U, const Tensor& V, bool norm) {
  check_factors("gd_loss", ratings, U, V);
  return U.scalar_type() == at::kDouble ? loss<double>(ratings, U, V, norm) : loss<float>(ratings, U, V, norm);
}

}  // namespace

std::vector<Tensor> pack_gd(const Observed& observed) {
  return ratings_on_cuda(observed.data().dense(), observed.data().mask());
}

int64_t gd_epochs(at::TensorList ratings, const Tensor& U, const Tensor& V, double lr, const char* method,
                  int64_t epochs) {
  return epochs_on_cuda(ratings, U, V, lr, method, epochs).item<int64_t>();
}

double gd_loss(at::TensorList ratings, const Tensor& U, const Tensor& V, bool norm) {
  return loss_on_cuda(ratings, U, V, norm).item<double>();
}

}  // namespace factorise::cuda
