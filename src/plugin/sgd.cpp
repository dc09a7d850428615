// The backend of exact SGD for CUDA tensors. Ratings are cells x bytes of a cell, uint8: what else there is to know
// of them, the factors' shapes tell.

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <vector>

#include "core/backend.h"
#include "core/checks.h"
#include "cuda/sgd.h"
#include "plugin/backend.h"
#include "plugin/launch.h"

namespace factorise::cuda {
namespace {

/// What an epoch of a run needs to know is written down before: for so many epochs at a time, and of all runs.
constexpr int64_t kEpochsOfLaunch = 1 << 16, kRatesOfLaunch = 1 << 22;

/// A as the kernels see it: lanes along its shorter side.
template <class T>
SgdMatrix<T> matrix_of(int64_t m, int64_t n, int64_t rank) {
  const int skew = sgd_skew(sgd_padded_rank(static_cast<int>(rank)));
  if (m > n) return {nullptr, nullptr, n, m, 1, n, skew};
  return {nullptr, nullptr, m, n, n, 1, skew};
}

template <class T>
Tensor packed(const Tensor& A, const Tensor& observed, int64_t rank) {
  SgdMatrix<T> matrix = matrix_of<T>(A.size(0), A.size(1), rank);
  matrix.values = A.const_data_ptr<T>();
  matrix.observed = observed.defined() ? observed.const_data_ptr<bool>() : nullptr;
  const c10::Device device = A.device();
  const Tensor fits = at::full({}, 1, A.options().dtype(at::kInt));
  launch("pack_sgd", device, [&](cudaStream_t stream) {
    launch_fits_bytes(matrix, reinterpret_cast<uint32_t*>(fits.mutable_data_ptr<int32_t>()), stream);
  });
  const bool bytes = fits.item<int32_t>() == 1;
  Tensor cells = at::empty({matrix.cells(), bytes ? 1 : static_cast<int64_t>(sizeof(T))}, A.options().dtype(at::kByte));
  launch("pack_sgd", device,
         [&](cudaStream_t stream) { launch_pack_cells(matrix, bytes, cells.mutable_data_ptr<uint8_t>(), stream); });
  return cells;
}

}  // namespace

Tensor pack_sgd(const Observed& observed, int64_t rank) {
  refuse_capture("pack_sgd", observed.device());
  const Observed::Data& data = observed.data();
  const auto pack = observed.type() == at::kDouble ? packed<double> : packed<float>;
  return pack(data.dense(), data.observed(), rank);
}

namespace {

/// lr and s of every epoch of every run: lr is multiplied in double, then rounded.
template <class T>
Tensor rates_of(at::ArrayRef<double> lrs, double weight_decay, double lr_decay, int64_t epochs, c10::Device device) {
  std::vector<T> rates;
  rates.reserve(2 * lrs.size() * static_cast<size_t>(epochs));
  for (double lr : lrs) {
    for (int64_t epoch = 0; epoch < epochs; ++epoch, lr *= lr_decay) {
      const SgdStep<T> step(lr, weight_decay);
      rates.push_back(step.lr);
      rates.push_back(step.s);
    }
  }
  return at::tensor(rates, at::TensorOptions(c10::CppTypeToScalarType<T>::value)).to(device);
}

template <class T>
Tensor run_typed(const Tensor& ratings, const Tensor& U, const Tensor& V, at::ArrayRef<double> lrs, double weight_decay,
                 double lr_decay, int64_t epochs) {
  const int64_t runs = U.size(0), m = U.size(1), n = V.size(1), rank = U.size(2);
  const bool turned = m > n;
  const Tensor &X = turned ? V : U, &Y = turned ? U : V;
  SgdJob<T> job{};
  job.rows = X.size(1);
  job.columns = Y.size(1);
  job.padded_rank = sgd_padded_rank(static_cast<int>(rank));
  job.epochs = static_cast<uint32_t>(epochs);
  job.runs = static_cast<uint32_t>(runs);
  job.cells = reinterpret_cast<const std::byte*>(ratings.const_data_ptr<uint8_t>());

  const auto words = [&](int64_t rows) {
    return at::empty({runs * rows * sgd_row_words<T>(job.padded_rank)}, U.options().dtype(at::kLong));
  };
  const int64_t padded_rows = job.blocks() * kWarpLanes;
  const Tensor x = words(padded_rows), y = words(job.columns);
  const Tensor rates = rates_of<T>(lrs, weight_decay, lr_decay, epochs, U.device());
  const Tensor next = at::full({}, 0, U.options().dtype(at::kLong));
  const Tensor diverged = at::full({runs}, -1, U.options().dtype(at::kInt));  // kNeverDiverged's bits
  job.X = reinterpret_cast<uint64_t*>(x.mutable_data_ptr<int64_t>());
  job.Y = reinterpret_cast<uint64_t*>(y.mutable_data_ptr<int64_t>());
  job.rates = reinterpret_cast<const SgdRate<T>*>(rates.const_data_ptr<T>());
  job.next = reinterpret_cast<uint64_t*>(next.mutable_data_ptr<int64_t>());
  job.diverged = reinterpret_cast<uint32_t*>(diverged.mutable_data_ptr<int32_t>());

  const int narrow = static_cast<int>(rank);
  launch("sgd_epochs", U.device(), [&](cudaStream_t stream) {
    launch_pack_words(X.const_data_ptr<T>(), runs, job.rows, padded_rows, narrow, job.X, stream);
    launch_pack_words(Y.const_data_ptr<T>(), runs, job.columns, job.columns, narrow, job.Y, stream);
    launch_sgd(job, ratings.size(1) == 1, turned, weight_decay != 0, stream);
    launch_unpack_words(job.X, runs, job.rows, padded_rows, narrow, X.mutable_data_ptr<T>(), stream);
    launch_unpack_words(job.Y, runs, job.columns, job.columns, narrow, Y.mutable_data_ptr<T>(), stream);
  });
  // As whole numbers from 0 on: no divergence is 0, and the largest of uint32 before.
  return diverged.cpu().to(at::kLong).add_(1).remainder_(int64_t{1} << 32).sub_(1).clamp_min_(0);
}

void check_factors(const Tensor& ratings, const Tensor& U, const Tensor& V) {
  for (const auto& [name, factor] : {std::pair<const char*, const Tensor&>{"U", U}, {"V", V}}) {
    TORCH_CHECK_VALUE(factor.device() == ratings.device() && factor.dim() == 3 && factor.is_contiguous() &&
                          (factor.scalar_type() == at::kFloat || factor.scalar_type() == at::kDouble),
                      "[sgd_epochs] ", name, " must be contiguous, float32 or float64 and on the ratings' device ",
                      ratings.device(), ", but was ", shape_of(factor), ", ", factor.scalar_type(), " on ",
                      factor.device(), ".");
  }
  TORCH_CHECK_VALUE(U.size(0) == V.size(0) && U.size(2) == V.size(2) && U.scalar_type() == V.scalar_type(),
                    "[sgd_epochs] U and V must be of the same runs, rank and type, but were ", shape_of(U), ", ",
                    U.scalar_type(), " and ", shape_of(V), ", ", V.scalar_type(), ".");
  const int64_t cells = matrix_of<float>(U.size(1), V.size(1), U.size(2)).cells();
  const auto width = static_cast<int64_t>(U.element_size());
  TORCH_CHECK_VALUE(ratings.dim() == 2 && ratings.scalar_type() == at::kByte && ratings.is_contiguous() &&
                        ratings.size(0) == cells && (ratings.size(1) == 1 || ratings.size(1) == width),
                    "[sgd_epochs] ratings must be what pack_sgd made for a ", U.size(1), " x ", V.size(1),
                    " matrix at rank ", U.size(2), " in ", U.scalar_type(), ", but were ", shape_of(ratings), ", ",
                    ratings.scalar_type(), ".");
}

}  // namespace

Tensor sgd_epochs(const Tensor& ratings, const Tensor& U, const Tensor& V, at::ArrayRef<double> lrs,
                  double weight_decay, double lr_decay, int64_t epochs) {
  check_factors(ratings, U, V);
  refuse_capture("sgd_epochs", ratings.device());
  TORCH_CHECK_VALUE(static_cast<int64_t>(lrs.size()) == U.size(0),
                    "[sgd_epochs] lr must be one number for each of the ", U.size(0), " runs, but they were ",
                    lrs.size(), ".");
  for (const double lr : lrs) {
    check_epochs("sgd_epochs", epochs, 1);
    check_lr("sgd_epochs", lr);
    check_decay("sgd_epochs", lr, weight_decay, lr_decay);
  }
  const auto run = U.scalar_type() == at::kDouble ? run_typed<double> : run_typed<float>;
  std::vector<double> now(lrs.begin(), lrs.end());
  Tensor diverged = at::zeros({U.size(0)}, at::TensorOptions(at::kLong));
  if (now.empty()) return diverged;
  const int64_t most = std::clamp<int64_t>(kRatesOfLaunch / std::ssize(now), 1, kEpochsOfLaunch);
  for (int64_t done = 0; done < epochs; done += most) {
    const int64_t count = std::min(most, epochs - done);
    const Tensor here = run(ratings, U, V, now, weight_decay, lr_decay, count);
    diverged = first_divergence(diverged, here, done);
    if (diverged.ne(0).all().item<bool>()) break;
    for (double& lr : now) lr = sgd_lr_after(lr, lr_decay, count);
  }
  return diverged;
}

}  // namespace factorise::cuda
