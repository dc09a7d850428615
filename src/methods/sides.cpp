// Fused engine: the kernels of src/cpu/least_squares. Reference engine: the same equations by torch's operators, row by
// row.

#include "methods/sides.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "core/checks.h"
#include "core/driver.h"
#include "cpu/least_squares/least_squares.h"
#include "cpu/threads/crew.h"

namespace factorise {
namespace {

/// Entries in three bytes each.
struct Packed {
  Tensor indices, values;
};

template <class T>
class SidesOnCpu final : public Sides {
 public:
  SidesOnCpu(const Observed& observed, const Factors& start, bool biases, double mean)
      : observed_(observed),
        has_biases_(biases),
        mean_(static_cast<T>(mean)),
        rank_(start.U.size(1) - (biases ? kBiasColumns : 0)),
        unknowns_(rank_ + (biases ? 1 : 0)),
        rows_{padded(start.U)},
        columns_{padded(start.V)} {
    if (has_biases_) {
      rows_.offsets = start.U.select(1, rank_).contiguous();  // μ + b
      rows_.biases = rows_.offsets.sub(mean);
      columns_.biases = start.V.select(1, rank_ + 1).contiguous();
      columns_.offsets = columns_.biases.add(mean);
    }
    const auto d = static_cast<double>(unknowns_);
    threads_ = static_cast<int>(cpu::threads_for(static_cast<double>(observed.count()) * d * (d + 3) / 2));
  }

  int64_t solve(Side side, const Ridge& ridge) override { return solve_rows(side, ridge, nullptr); }

  int64_t draw(Side side, const DrawGiven& given, double& term) override {
    Half& own = of(side);
    const int64_t stride = own.features.size(1), size = own.features.size(0), d = unknowns_;
    if (!own.deviates.defined()) {
      own.deviates = at::empty_like(own.features);
      own.terms = at::empty({size}, own.features.options());
      prior_ = at::zeros({d + 1, stride}, own.features.options());
    }
    T* prior = prior_.template mutable_data_ptr<T>();
    for (int64_t i = 0; i < d; ++i) {
      for (int64_t j = 0; j < d; ++j) prior[i * stride + j] = static_cast<T>(given.precision[i * d + j]);
      prior[d * stride + i] = static_cast<T>(given.shift[i]);
    }
    const cpu::Draw<T> draw{{static_cast<T>(given.alpha), prior, prior + d * stride, stride},
                            given.source,
                            own.deviates.template mutable_data_ptr<T>(),
                            own.terms.template mutable_data_ptr<T>()};
    const int64_t failed = solve_rows(side, {}, &draw);
    term = 0;
    for (int64_t row = 0; row < size; ++row) term += static_cast<double>(draw.terms[row]);
    return failed;
  }

  Factors factors() override { return {factor(rows_, /*is_row=*/true), factor(columns_, /*is_row=*/false)}; }

  bool is_finite() const override {
    const auto finite = [&](const Half& half) {
      return all_finite(half.features) && (!has_biases_ || all_finite(half.offsets));
    };
    return finite(rows_) && finite(columns_);
  }

  Tensor unknowns(Side side) const override {
    const Half& own = of(side);
    Tensor result = own.features.narrow(1, 0, unknowns_).clone();
    if (has_biases_) result.select(1, rank_).copy_(own.biases);
    return result;
  }

  void set_unknowns(Side side, const Tensor& unknowns) override {
    Half& own = of(side);
    own.features.narrow(1, 0, unknowns_).copy_(unknowns);
    if (has_biases_) take_biases(own);
  }

  std::vector<double> sums(Side side) const override {
    const Half& own = of(side);
    std::vector<double> result(static_cast<size_t>(unknowns_ * (unknowns_ + 1)));
    // The biases stand in their column for the time of the sums.
    if (has_biases_) set_column(own.features, own.biases.template const_data_ptr<T>());
    cpu::sum_products(own.features.template const_data_ptr<T>(), own.features.size(0), unknowns_, own.features.size(1),
                      result.data(), threads_);
    if (has_biases_) set_column(own.features, nullptr);
    return result;
  }

  Tensor offsets(Side side) const override {
    return !has_biases_ ? Tensor() : side == Side::row ? rows_.offsets : columns_.biases;
  }

 private:
  /// What is known of one side.
  struct Half {
    Tensor features;      ///< as the kernels read them: rows of cpu::feature_stride numbers; with biases a 1 at `rank`
    Tensor offsets = {};  ///< with biases, what is subtracted from an entry for the other side: μ and the bias
    Tensor biases = {};   ///< which cannot be had from the rounded offsets
    Packed packed = {};
    Tensor deviates = {}, terms = {};  ///< of draws
  };

  Half& of(Side side) { return side == Side::row ? rows_ : columns_; }
  const Half& of(Side side) const { return side == Side::row ? rows_ : columns_; }

  int64_t solve_rows(Side side, const Ridge& ridge, const cpu::Draw<T>* draw) {
    const bool by_row = side == Side::row;
    const EntryLists& lists = by_row ? observed_.by_row() : observed_.by_column();
    Half &own = of(side), &other = by_row ? columns_ : rows_;
    const cpu::EntryLists<T> entries = pointers<T>(lists, own.features.size(0), other.features.size(0));
    const cpu::LeastSquares<T> problem{entries,
                                       narrow(own.packed, entries),
                                       unknowns_,
                                       other.features.template const_data_ptr<T>(),
                                       has_biases_ ? other.offsets.template const_data_ptr<T>() : nullptr,
                                       ridge.regularisation,
                                       has_biases_ ? ridge.of_biases : ridge.regularisation,
                                       ridge.weighted,
                                       own.features.template mutable_data_ptr<T>(),
                                       draw};
    const int64_t failed = cpu::solve_rows(problem, threads_);
    if (failed < 0 && has_biases_) take_biases(own);
    return failed;
  }

  /// Writes the column after the factor: the biases, or 1.
  void set_column(const Tensor& features, const T* biases) const {
    const int64_t stride = features.size(1);
    T* to = features.template mutable_data_ptr<T>() + rank_;
    for (int64_t row = 0; row < features.size(0); ++row) to[row * stride] = biases ? biases[row] : T(1);
  }

  /// Takes the biases out of the solutions, where a 1 stands for the other side.
  void take_biases(Half& own) const {
    const int64_t stride = own.features.size(1);
    T* features = own.features.template mutable_data_ptr<T>();
    T* offsets = own.offsets.template mutable_data_ptr<T>();
    T* biases = own.biases.template mutable_data_ptr<T>();
    for (int64_t row = 0; row < own.features.size(0); ++row) {
      const T bias = std::exchange(features[row * stride + rank_], T(1));
      offsets[row] = mean_ + bias;
      biases[row] = bias;
    }
  }

  /// A side's factor. Plain loops: torch's copies would wake its threads, which spin on beside the next sweep.
  Tensor factor(const Half& half, bool is_row) const {
    const int64_t size = half.features.size(0), stride = half.features.size(1);
    const int64_t width = rank_ + (has_biases_ ? kBiasColumns : 0);
    Tensor result = at::empty({size, width}, half.features.options());
    const T* from = half.features.template const_data_ptr<T>();
    T* to = result.mutable_data_ptr<T>();
    const T* last = !has_biases_ ? nullptr : (is_row ? half.offsets : half.biases).template const_data_ptr<T>();
    for (int64_t row = 0; row < size; ++row, from += stride, to += width) {
      std::copy(from, from + rank_, to);
      if (!has_biases_) continue;
      to[rank_] = is_row ? last[row] : T(1);
      to[rank_ + 1] = is_row ? T(1) : last[row];
    }
    return result;
  }

  /// The entries in fewer bytes, where they fit and the kernel reads them; made at the first call.
  cpu::NarrowEntries narrow(Packed& packed, const cpu::EntryLists<T>& entries) const {
    if (!cpu::reads_narrow(unknowns_) || !cpu::fits_narrow(entries.columns, observed_.data().counts().fits_bytes)) {
      return {};
    }
    if (!packed.indices.defined()) {
      packed.indices = at::empty({entries.count()}, at::TensorOptions(at::kUInt16));
      packed.values = at::empty({entries.count()}, at::TensorOptions(at::kByte));
      cpu::narrow_entries(entries, packed.indices.mutable_data_ptr<uint16_t>(),
                          packed.values.mutable_data_ptr<uint8_t>(), threads_);
    }
    return {packed.indices.const_data_ptr<uint16_t>(), packed.values.const_data_ptr<uint8_t>()};
  }

  Tensor padded(const Tensor& factor) const {
    Tensor result = at::zeros({factor.size(0), cpu::feature_stride(unknowns_)}, factor.options());
    result.narrow(1, 0, rank_).copy_(factor.narrow(1, 0, rank_));
    if (has_biases_) set_column(result, nullptr);
    return result;
  }

  const Observed observed_;
  const bool has_biases_;
  const T mean_;
  const int64_t rank_, unknowns_;
  Half rows_, columns_;
  Tensor prior_;
  int threads_;
};

class SidesByTorch final : public Sides {
 public:
  SidesByTorch(const Observed& observed, const Factors& start, bool biases, double mean)
      : observed_(observed),
        has_biases_(biases),
        mean_(mean),
        rank_(start.U.size(1) - (biases ? kBiasColumns : 0)),
        unknowns_(rank_ + (biases ? 1 : 0)),
        factors_(start) {}

  int64_t solve(Side side, const Ridge& ridge) override {
    Tensor lambda = at::full({unknowns_}, ridge.regularisation, factors_.U.options());
    if (has_biases_) lambda[-1].fill_(ridge.of_biases);
    return for_rows(side, [&](int64_t, int64_t count, const Tensor& S, const Tensor& s, Tensor& x) {
      if (count == 0) {
        x.zero_();
        return true;
      }
      S.diagonal().add_(lambda, ridge.weighted ? static_cast<double>(count) : 1);
      const auto [L, info] = at::linalg_cholesky_ex(S);
      if (info.item<int64_t>() != 0) return false;
      x = at::cholesky_solve(s.unsqueeze(1), L).squeeze(1);
      return true;
    });
  }

  int64_t draw(Side side, const DrawGiven& given, double& term) override {
    const auto of = [&](const std::vector<double>& values) {
      return at::from_blob(const_cast<double*>(values.data()), {std::ssize(values)}, at::TensorOptions(at::kDouble))
          .to(factors_.U.options());
    };
    const Tensor precision = of(given.precision).view({unknowns_, unknowns_}), shift = of(given.shift);
    term = 0;
    return for_rows(side, [&](int64_t row, int64_t, const Tensor& S, const Tensor& s, Tensor& x) {
      const auto [R, info] = at::linalg_cholesky_ex(precision.add(S, given.alpha), /*upper=*/true);
      if (info.item<int64_t>() != 0) return false;
      std::vector<float> drawn;
      for (uint32_t block = 0; std::ssize(drawn) < unknowns_; ++block) {
        const auto four = normals(given.source, block, static_cast<uint32_t>(row));
        drawn.insert(drawn.end(), four.begin(), four.end());
      }
      const Tensor z = at::from_blob(drawn.data(), {unknowns_, 1}, at::TensorOptions(at::kFloat)).to(s.options());
      const Tensor y = at::linalg_solve_triangular(R.t(), shift.add(s, given.alpha).unsqueeze(1), /*upper=*/false);
      x = at::linalg_solve_triangular(R, y + z, /*upper=*/true).squeeze(1);
      term += (z.square().sum() - y.square().sum()).item<double>();
      return true;
    });
  }

  Factors factors() override { return copied(factors_); }
  Factors result() override { return factors_; }
  bool is_finite() const override { return all_finite(factors_.U) && all_finite(factors_.V); }

  Tensor unknowns(Side side) const override {
    const Tensor& own = side == Side::row ? factors_.U : factors_.V;
    if (!has_biases_) return own.clone();
    return side == Side::row ? at::cat({own.narrow(1, 0, rank_), own.narrow(1, rank_, 1) - mean_}, 1)
                             : at::cat({own.narrow(1, 0, rank_), own.narrow(1, rank_ + 1, 1)}, 1);
  }

  void set_unknowns(Side side, const Tensor& unknowns) override {
    const Tensor& own = side == Side::row ? factors_.U : factors_.V;
    for (int64_t row = 0; row < own.size(0); ++row) set_row(side, row, unknowns.select(0, row));
  }

  std::vector<double> sums(Side side) const override {
    const Tensor x = unknowns(side).to(at::kCPU, at::kDouble);
    const Tensor with_one = at::cat({x, at::ones({x.size(0), 1}, x.options())}, 1);
    const Tensor products = x.t().mm(with_one).contiguous();
    const double* from = products.const_data_ptr<double>();
    return {from, from + products.numel()};
  }

  Tensor offsets(Side side) const override {
    return !has_biases_ ? Tensor() : side == Side::row ? factors_.U.select(1, rank_) : factors_.V.select(1, rank_ + 1);
  }

 private:
  /// Calls find(row, count, S, s, x) with the sums of every row's normal equations, and sets the row to x. Returns the
  /// first row for which it returns false, or -1.
  template <class Find>
  int64_t for_rows(Side side, Find find) {
    const bool by_row = side == Side::row;
    const EntryLists& lists = by_row ? observed_.by_row() : observed_.by_column();
    const Tensor &other = by_row ? factors_.V : factors_.U, &own = by_row ? factors_.U : factors_.V;
    // With biases V has a 1 after the rank, as the last feature, and U the offsets; c and 1 follow.
    const Tensor features = !has_biases_ ? other
                            : by_row     ? other.narrow(1, 0, rank_ + 1)
                                         : at::cat({other.narrow(1, 0, rank_), other.narrow(1, rank_ + 1, 1)}, 1);
    const Tensor offsets = !has_biases_ ? Tensor()
                           : by_row     ? other.select(1, rank_ + 1).add(mean_)
                                        : other.select(1, rank_);
    const Tensor on_cpu = lists.starts.cpu();
    const int64_t* start = on_cpu.const_data_ptr<int64_t>();
    for (int64_t row = 0; row < own.size(0); ++row) {
      const int64_t count = start[row + 1] - start[row];
      const Tensor indices = lists.indices.narrow(0, start[row], count);
      const Tensor W = features.index_select(0, indices);
      Tensor t = lists.values.narrow(0, start[row], count);
      if (has_biases_) t = t - offsets.index_select(0, indices);
      Tensor x = at::empty({unknowns_}, own.options());
      if (!find(row, count, W.t().mm(W), W.t().mm(t.unsqueeze(1)).squeeze(1), x)) return row;
      set_row(side, row, x);
    }
    return -1;
  }

  void set_row(Side side, int64_t row, const Tensor& x) {
    const bool by_row = side == Side::row;
    const Tensor own = (by_row ? factors_.U : factors_.V).select(0, row);
    own.narrow(0, 0, rank_).copy_(x.narrow(0, 0, rank_));
    if (has_biases_) own[rank_ + (by_row ? 0 : 1)].copy_(by_row ? x[rank_] + mean_ : x[rank_]);
  }

  const Observed observed_;
  const bool has_biases_;
  const double mean_;
  const int64_t rank_, unknowns_;
  Factors factors_;
};

}  // namespace

std::unique_ptr<Sides> open_sides(const Observed& observed, const Factors& start, Engine engine, bool biases,
                                  double mean) {
  if (engine == Engine::reference) return std::make_unique<SidesByTorch>(observed, start, biases, mean);
  if (observed.type() == at::kDouble) return std::make_unique<SidesOnCpu<double>>(observed, start, biases, mean);
  return std::make_unique<SidesOnCpu<float>>(observed, start, biases, mean);
}

Factors start_of_sides(const char* function, const Observed& observed, int64_t rank, bool biases,
                       const std::optional<Factors>& initial, const std::optional<uint64_t>& seed) {
  if (!biases) return start(function, observed, rank, initial, seed);
  if (initial) {
    const Factors given = start(function, observed, rank + kBiasColumns, initial, seed);
    TORCH_CHECK_VALUE(
        given.U.select(1, rank + 1).eq(1).all().item<bool>() && given.V.select(1, rank).eq(1).all().item<bool>(), "[",
        function, "] initial must have the columns that a run with biases returns: column ", rank + 1,
        " of U and column ", rank, " of V (from 0) must be 1 everywhere, but are not.");
    return given;
  }
  const auto [U, V] = start(function, observed, rank, std::nullopt, seed);
  const double mean = observed.data().mean();
  const auto column = [](const Tensor& factor, double value) {
    return at::full({factor.size(0), 1}, value, factor.options());
  };
  return {at::cat({U, column(U, mean), column(U, 1)}, 1), at::cat({V, column(V, 1), column(V, 0)}, 1)};
}

void check_sides_device(const char* function, const char* method, const Observed& observed, Engine engine) {
  TORCH_CHECK_VALUE(engine == Engine::reference || observed.device().is_cpu(), "[", function,
                    "] the fused engine must have kernels for A's device ", observed.device(), ", but ", method,
                    " has them for the CPU alone. Give A's cpu(), or engine reference.");
}

}  // namespace factorise
