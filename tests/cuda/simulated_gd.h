#pragma once
// Runs of the CUDA kernels for full-batch descent on simulated warps: packed, launched and unpacked as on a GPU.

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <factorise/factors.h>

#include <memory>
#include <vector>

#include "cuda/gd_tasks.h"
#include "simulation.h"

namespace factorise::tests {

/// How a launch goes: the seed of what a GPU leaves open, warps, and how many of them are there at a time.
struct Launch {
  uint64_t seed;
  int warps, resident;
};

struct SimulatedDescent {
  Factors factors;
  int64_t diverged;
  int64_t switches;
};

struct SimulatedLoss {
  at::Tensor loss, by_U, by_V;
};

template <class T>
class SimulatedGd {
 public:
  using Job = cuda::GdJob<T>;

  /// M undefined: all observed. A and M on the CPU. Bytes where they hold A, unless `as_values`.
  SimulatedGd(const at::Tensor& A, const at::Tensor& M, int64_t rank, bool turned, bool as_values)
      : turned_(turned),
        values_((turned ? A.t() : A).to(c10::CppTypeToScalarType<T>::value).contiguous()),
        observed_(M.defined() ? (turned ? M.t() : M).ne(0).contiguous() : at::Tensor()) {
    shape_.rows = values_.size(0);
    shape_.columns = values_.size(1);
    shape_.rank = static_cast<int32_t>(rank);
    shape_.columns_first = turned;
    matrix_ = {values_.const_data_ptr<T>(), seen(), shape_, shape_.columns, 1};
    bytes_ = !as_values && pack(cuda::GdOrder::gather, by_rows_) && pack(cuda::GdOrder::scatter, by_columns_);
  }

  bool is_bytes() const { return bytes_; }

  /// `spoil` may change the job before it is launched.
  SimulatedDescent run(cuda::GdMethod method, double lr, int64_t epochs, const Factors& start, const Launch& launch,
                       const std::function<void(Job&)>& spoil = nullptr) {
    shape_.method = method;
    const at::Tensor X = (turned_ ? start.V : start.U).contiguous(), Y = (turned_ ? start.U : start.V).contiguous();
    Job job = prepared(lr, static_cast<uint32_t>(epochs), X, Y);
    if (spoil) spoil(job);
    const int64_t switches = simulate(job, launch);
    const at::Tensor x = at::empty_like(X), y = at::empty_like(Y);
    int64_t diverged = 0;
    for (int64_t i = 0; i < X.numel() + Y.numel(); ++i) {
      cuda::gd_finish(job, x.mutable_data_ptr<T>(), y.mutable_data_ptr<T>(), &diverged, 0, i);
    }
    return {turned_ ? Factors{y, x} : Factors{x, y}, diverged, switches};
  }

  SimulatedLoss loss(bool norm, bool for_U, bool for_V, const Factors& factors, const Launch& launch) {
    shape_.method = cuda::GdMethod::loss;
    shape_.for_rows = turned_ ? for_V : for_U;
    shape_.for_columns = turned_ ? for_U : for_V;
    const at::Tensor X = (turned_ ? factors.V : factors.U).contiguous();
    const at::Tensor Y = (turned_ ? factors.U : factors.V).contiguous();
    const at::Tensor loss = at::empty({}, X.options()), x = at::empty_like(X), y = at::empty_like(Y);
    Job job = prepared(0, 1, X, Y);
    job.norm = norm;
    job.loss = loss.mutable_data_ptr<T>();
    job.by_X = x.mutable_data_ptr<T>();
    job.by_Y = y.mutable_data_ptr<T>();
    simulate(job, launch);
    return turned_ ? SimulatedLoss{loss, y, x} : SimulatedLoss{loss, x, y};
  }

 private:
  struct alignas(256) Aligned {
    std::byte bytes[256];
  };

  const bool* seen() const { return observed_.defined() ? observed_.const_data_ptr<bool>() : nullptr; }

  bool pack(cuda::GdOrder order, std::vector<cuda::GdBytes>& to) const {
    bool fits = true;
    to.resize(static_cast<size_t>(cuda::gd_units(matrix_, order)));
    for (size_t i = 0; i < to.size(); ++i) to[i] = cuda::gd_packed(matrix_, order, static_cast<int64_t>(i), fits);
    return fits;
  }

  Job prepared(double lr, uint32_t epochs, const at::Tensor& X, const at::Tensor& Y) {
    int64_t bytes = 0;
    cuda::gd_job<T>(shape_, lr, epochs, nullptr, &bytes);
    workspace_.resize(static_cast<size_t>(bytes / 256));
    // What is read without having been written is NaN.
    std::memset(workspace_.data(), 0xFF, static_cast<size_t>(bytes));
    Job job = cuda::gd_job<T>(shape_, lr, epochs, workspace_.data()->bytes, &bytes);
    if (bytes_) {
      job.by_rows = reinterpret_cast<const std::byte*>(by_rows_.data());
      job.by_columns = reinterpret_cast<const std::byte*>(by_columns_.data());
    } else {
      job.values = values_.const_data_ptr<T>();
      job.observed = seen();
    }
    for (int64_t i = 0; i < cuda::gd_elements_to_prepare(job); ++i) {
      cuda::gd_prepare(job, X.const_data_ptr<T>(), Y.const_data_ptr<T>(), i);
    }
    return job;
  }

  static int64_t simulate(const Job& job, const Launch& launch) {
    Simulation simulation(launch.seed, launch.warps, launch.resident,
                          static_cast<size_t>(cuda::gd_shared_bytes<T>(job.padded_rank)));
    simulation.run([&](SimulatedWarp& warp) {
      cuda::with_gd_instance(job, [&](auto instance) {
        using I = decltype(instance);
        cuda::GdWarp<SimulatedWarp, T, typename I::Cell, I::kRank>(warp, job).run();
      });
    });
    return simulation.switches();
  }

  bool turned_, bytes_;
  at::Tensor values_, observed_;
  cuda::GdShape shape_{};
  cuda::GdMatrix<T> matrix_;
  std::vector<cuda::GdBytes> by_rows_, by_columns_;
  std::vector<Aligned> workspace_;
};

}  // namespace factorise::tests
