#pragma once
// A run of the CUDA kernel for exact SGD on simulated warps: packed, launched and unpacked as on a GPU.

#include <ATen/ops/empty_like.h>

#include <algorithm>

#include "cpu/referee.h"
#include "cuda/sgd_kernels.h"
#include "simulation.h"

namespace factorise::tests {

/// What a GPU is like when it runs.
struct Machine {
  uint64_t seed;
  int warps, resident;
};

struct SimulatedRuns {
  std::vector<Factors> factors;
  std::vector<uint32_t> diverged;
  int64_t switches;
};

template <class T>
class SimulatedSgd {
 public:
  /// M undefined: all observed. A and M on the CPU.
  SimulatedSgd(const at::Tensor& A, const at::Tensor& M, int64_t rank)
      : values_(A.to(c10::CppTypeToScalarType<T>::value).contiguous()),
        observed_(M.defined() ? M.ne(0).contiguous() : at::Tensor()),
        rank_(static_cast<int>(rank)),
        padded_(cuda::sgd_padded_rank(rank_)),
        turned_(A.size(0) > A.size(1)) {
    const int64_t m = A.size(0), n = A.size(1);
    matrix_ = {values_.const_data_ptr<T>(),
               observed_.defined() ? observed_.const_data_ptr<bool>() : nullptr,
               turned_ ? n : m,
               turned_ ? m : n,
               turned_ ? 1 : n,
               turned_ ? n : 1,
               cuda::sgd_skew(padded_)};
    for (int64_t i = 0; i < A.numel(); ++i) {
      if (!matrix_.observed || matrix_.observed[i]) bytes_ = bytes_ && cuda::fits_byte(matrix_.values[i]);
    }
    if (bytes_)
      pack<uint8_t>();
    else
      pack<T>();
  }

  bool is_bytes() const { return bytes_; }

  /// Runs from several starts, with settings of their own but the same number of epochs.
  SimulatedRuns run(const std::vector<Factors>& starts, const std::vector<Hyper>& hypers, const Machine& machine) {
    cuda::SgdJob<T> job{};
    job.rows = matrix_.rows;
    job.columns = matrix_.columns;
    job.padded_rank = padded_;
    job.epochs = static_cast<uint32_t>(hypers[0].epochs);
    job.runs = static_cast<uint32_t>(starts.size());
    job.cells = reinterpret_cast<const std::byte*>(cells_.data());
    std::vector<cuda::SgdRate<T>> rates;
    bool decay = false;
    for (const Hyper& hyper : hypers) {
      double lr = hyper.lr;
      for (int64_t epoch = 0; epoch < hyper.epochs; ++epoch, lr *= hyper.lr_decay)
        rates.push_back({static_cast<T>(lr), static_cast<T>(1 - lr * hyper.weight_decay)});
      decay |= hyper.weight_decay != 0;
    }
    job.rates = rates.data();
    Words X = words_of(starts, !turned_, job.blocks() * cuda::kWarpLanes);
    Words Y = words_of(starts, turned_, job.columns);
    job.X = X.data();
    job.Y = Y.data();
    uint64_t next = 0;
    job.next = &next;
    std::vector<uint32_t> diverged(starts.size(), cuda::kNeverDiverged);
    job.diverged = diverged.data();

    const int64_t shared = bytes_ ? cuda::SgdShared<T, uint8_t>(padded_, padded_ > 32).bytes
                                  : cuda::SgdShared<T, T>(padded_, padded_ > 32).bytes;
    Simulation simulation(machine.seed, machine.warps, machine.resident, static_cast<size_t>(shared));
    simulation.run([&](SimulatedWarp& warp) {
      cuda::with_sgd_instance<T>(padded_, bytes_, turned_, decay, [&](auto instance) {
        using I = decltype(instance);
        cuda::sgd_warp<I::kRank, typename I::Cell, I::kTurned, I::kDecay>(warp, job);
      });
    });

    SimulatedRuns result{{}, diverged, simulation.switches()};
    for (size_t run = 0; run < starts.size(); ++run) {
      const at::Tensor x = unpacked(X, run, turned_ ? starts[run].V : starts[run].U, job.blocks() * cuda::kWarpLanes);
      const at::Tensor y = unpacked(Y, run, turned_ ? starts[run].U : starts[run].V, job.columns);
      result.factors.push_back(turned_ ? Factors{y, x} : Factors{x, y});
    }
    return result;
  }

 private:
  /// Aligned to pairs, as the GPU's memory is.
  struct alignas(16) Aligned {
    std::byte bytes[16];
  };
  class Words {
   public:
    explicit Words(int64_t count) : pairs_(static_cast<size_t>((count + 1) / 2)) {}
    uint64_t* data() { return reinterpret_cast<uint64_t*>(pairs_.data()); }

   private:
    std::vector<Aligned> pairs_;
  };

  template <class Cell>
  void pack() {
    const int64_t count = matrix_.cells();
    std::vector<Cell> cells(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) cells[i] = cuda::packed_cell<T, Cell>(matrix_, i);
    cells_.resize((cells.size() * sizeof(Cell) + sizeof(Aligned) - 1) / sizeof(Aligned));
    std::memcpy(cells_.data(), cells.data(), cells.size() * sizeof(Cell));
  }

  Words words_of(const std::vector<Factors>& starts, bool U, int64_t rows) const {
    const int64_t each = rows * cuda::sgd_row_words<T>(padded_);
    Words words(each * std::ssize(starts));
    for (size_t run = 0; run < starts.size(); ++run) {
      const at::Tensor& factor = U ? starts[run].U : starts[run].V;
      for (int64_t i = 0; i < each; ++i) {
        words.data()[static_cast<int64_t>(run) * each + i] =
            cuda::sgd_packed_word(factor.const_data_ptr<T>(), factor.size(0), rank_, padded_, i);
      }
    }
    return words;
  }

  at::Tensor unpacked(Words& words, size_t run, const at::Tensor& like, int64_t rows) const {
    at::Tensor result = at::empty_like(like);
    const uint64_t* from = words.data() + static_cast<int64_t>(run) * rows * cuda::sgd_row_words<T>(padded_);
    for (int64_t i = 0; i < result.numel(); ++i)
      result.mutable_data_ptr<T>()[i] = cuda::sgd_unpacked<T>(from, rank_, padded_, i);
    return result;
  }

  at::Tensor values_, observed_;
  int rank_, padded_;
  bool turned_, bytes_ = true;
  cuda::SgdMatrix<T> matrix_;
  std::vector<Aligned> cells_;
};

}  // namespace factorise::tests
