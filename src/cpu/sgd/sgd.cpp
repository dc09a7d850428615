// A run of epochs: factors in rows of whole vectors, a pipeline of blocks, and a check for divergence at the end of
// each block.

#include "cpu/sgd/sgd.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include "cpu/sgd/sgd_kernels.h"
#include "cpu/threads/pipeline.h"

namespace factorise::cpu {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

/// A factor's rows, each at a multiple of whole vectors, with zeros behind the rank and `more` rows of zeros behind the
/// last.
template <class T>
class Rows {
 public:
  Rows(const at::Tensor& factor, int64_t stride, int64_t more) : factor_(factor), stride_(stride) {
    const int64_t rows = factor.size(0), rank = factor.size(1);
    memory_ = at::empty({(rows + more) * stride}, factor.options());
    const T* from = factor.const_data_ptr<T>();
    T* to = data();
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + r * stride, from + r * rank, static_cast<size_t>(rank) * sizeof(T));
      std::memset(to + r * stride + rank, 0, static_cast<size_t>(stride - rank) * sizeof(T));
    }
    std::memset(to + rows * stride, 0, static_cast<size_t>(more * stride) * sizeof(T));
  }

  T* data() const { return memory_.mutable_data_ptr<T>(); }

  void write_back() const {
    const int64_t rows = factor_.size(0), rank = factor_.size(1);
    T* to = factor_.mutable_data_ptr<T>();
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + r * rank, data() + r * stride_, static_cast<size_t>(rank) * sizeof(T));
    }
  }

 private:
  const at::Tensor& factor_;
  at::Tensor memory_;
  int64_t stride_;
};

/// By the exponent's bits, all set in infinities and NaNs: whole numbers, so that the loop becomes vectors.
template <class T>
bool all_finite(const T* values, int64_t count) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr Bits kExponent = sizeof(T) == 4 ? Bits{0x7F800000} : static_cast<Bits>(0x7FF0000000000000);
  Bits unfinished = 0;
  for (int64_t i = 0; i < count; ++i) unfinished |= (std::bit_cast<Bits>(values[i]) & kExponent) == kExponent;
  return unfinished == 0;
}

template <class T>
struct Run {
  const SgdLayout& layout;
  const uint8_t* ratings;
  SgdKernels<T> kernels;
  T *U, *V;
  int64_t stride;
  double lr, weight_decay, lr_decay;      ///< lr: of the first epoch
  std::atomic<int64_t> diverged{kNever};  ///< the first epoch that diverged, from 1

  void note_divergence(int64_t epoch) {
    int64_t known = diverged.load();
    while (epoch < known && !diverged.compare_exchange_weak(known, epoch)) {
    }
  }
};

/// A thread's part of a run.
template <class T>
class Worker {
 public:
  explicit Worker(Run<T>& run) : run_(run), lr_(run.lr) {
    if (run.layout.path == SgdPath::wavefront)
      lanes_ = at::empty({sgd_lanes(run.layout)}, at::TensorOptions(c10::CppTypeToScalarType<T>::value));
  }

  bool begin(int64_t epoch, int64_t block) {
    if (block == 0 && run_.diverged.load() != kNever) return false;
    const SgdLayout& layout = run_.layout;
    const int64_t first = block * layout.block_rows, rows = std::min(layout.block_rows, layout.rows - first);
    for (; epoch_ < epoch; ++epoch_) lr_ *= run_.lr_decay;  // in double; SgdStep rounds
    block_.emplace(SgdBlock<T>{&layout, run_.ratings, run_.U + first * run_.stride, run_.V, run_.stride, block, rows,
                               SgdStep<T>(lr_, run_.weight_decay),
                               lanes_.defined() ? lanes_.template mutable_data_ptr<T>() : nullptr});
    if (run_.kernels.begin) run_.kernels.begin(*block_);
    return true;
  }

  void advance(int64_t from, int64_t to) {
    run_.kernels.advance(*block_, from, to);
    if (block_->block == run_.layout.blocks() - 1) check_leaving(from, to);
  }

  void end() {
    if (run_.kernels.end) run_.kernels.end(*block_);
    if (!all_finite(block_->U, block_->rows * run_.stride)) run_.note_divergence(epoch_ + 1);
  }

 private:
  /// The last block of an epoch leaves V in the state at the epoch's end. Checks these columns before the progress of
  /// the block is stored, since the next epoch then changes them.
  void check_leaving(int64_t from, int64_t to) {
    const int64_t lag = run_.layout.lag(), first = std::max<int64_t>(0, from - lag), count = to - lag - first;
    if (count > 0 && !all_finite(run_.V + first * run_.stride, count * run_.stride)) run_.note_divergence(epoch_ + 1);
  }

  Run<T>& run_;
  at::Tensor lanes_;
  std::optional<SgdBlock<T>> block_;
  int64_t epoch_ = 0;
  double lr_;  ///< epoch_'s
};

/// The number of threads that pays for waking them: the work of a block must outweigh passing it to another thread.
int useful_threads(const SgdLayout& layout, int threads) {
  constexpr int64_t kLeastWork = 20'000;  // numbers read or written in an epoch
  const int64_t entries = layout.path == SgdPath::entries ? layout.observed : layout.rows * layout.columns;
  return entries * layout.rank < kLeastWork ? 1 : threads;
}

template <class T>
int64_t run_typed(const at::Tensor& ratings, const at::Tensor& U, const at::Tensor& V, double lr, double weight_decay,
                  double lr_decay, int64_t epochs, int threads) {
  const SgdLayout& layout = sgd_layout(ratings);
  const bool decay = weight_decay != 0;
  const Isa isa = chosen_isa();
  const int64_t stride = sgd_stride(layout.rank);
  const Rows<T> u(U, stride, 0), v(V, stride, layout.block_rows);
  Run<T> run{layout,
             ratings.const_data_ptr<uint8_t>(),
             layout.path == SgdPath::wavefront ? wavefront_kernels<T>(isa, layout, decay)
                                               : entry_kernels<T>(isa, layout.rank, decay),
             u.data(),
             v.data(),
             stride,
             lr,
             weight_decay,
             lr_decay};
  Pipeline(layout.wave(), epochs).run(useful_threads(layout, threads), [&] { return Worker<T>(run); });
  u.write_back();
  v.write_back();
  return run.diverged == kNever ? 0 : run.diverged.load();
}

}  // namespace

int64_t run_sgd(const at::Tensor& ratings, const at::Tensor& U, const at::Tensor& V, double lr, double weight_decay,
                double lr_decay, int64_t epochs, int threads) {
  return sgd_layout(ratings).value_bytes == 8
             ? run_typed<double>(ratings, U, V, lr, weight_decay, lr_decay, epochs, threads)
             : run_typed<float>(ratings, U, V, lr, weight_decay, lr_decay, epochs, threads);
}

}  // namespace factorise::cpu
