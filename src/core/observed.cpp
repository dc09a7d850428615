// Checks a matrix, and makes the lists and tensors that methods read.

#include <factorise/observed.h>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <numeric>

#include "core/checks.h"
#include "core/derivatives.h"
#include "core/driver.h"
#include "core/observed_data.h"
#include "cpu/memory.h"

namespace factorise {
namespace {

int64_t* starts_of(const EntryLists& lists) { return lists.starts.mutable_data_ptr<int64_t>(); }
int32_t* indices_of(const EntryLists& lists) { return lists.indices.mutable_data_ptr<int32_t>(); }

EntryLists empty_lists(int64_t sides, int64_t count, c10::ScalarType type) {
  return {cpu::empty_for_packing(sides + 1, at::kLong), cpu::empty_for_packing(count, at::kInt),
          cpu::empty_for_packing(count, type)};
}

/// Calls f with a number of an unsigned type of the values' size, which are moved as bits and never read as numbers.
template <class F>
auto with_bits(const Tensor& values, F f) {
  switch (values.element_size()) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

template <class Bits>
Bits* bits_of(const Tensor& values) {
  return static_cast<Bits*>(values.mutable_data_ptr());
}

/// The other side's lists.
EntryLists turned(const EntryLists& lists, int64_t rows, int64_t columns) {
  EntryLists result = empty_lists(columns, lists.values.numel(), lists.values.scalar_type());
  with_bits(lists.values, [&](auto bits) {
    using Bits = decltype(bits);
    cpu::turn_lists<Bits>(pointers<Bits>(lists, rows, columns), starts_of(result), indices_of(result),
                          bits_of<Bits>(result.values), at::get_num_threads());
  });
  return result;
}

void check_sparse(const char* function, const Tensor& A) {
  const bool usable = A.layout() == at::kSparse || A.layout() == at::kSparseCsr;
  TORCH_CHECK_VALUE(!A.is_nested() && usable, "[", function,
                    "] A must be a sparse COO matrix, as torch::sparse_coo_tensor makes it, or a CSR one, but was ",
                    A.is_nested() ? "nested" : c10::str("of layout ", A.layout()), ".");
  TORCH_CHECK_VALUE(A.device().is_cpu(), "[", function, "] a sparse A must be on the CPU, but was on ", A.device(),
                    ". GPUs take it dense, its to_dense() with a mask.");
  TORCH_CHECK_VALUE(A.dense_dim() == 0, "[", function, "] A must have a single number for each entry, but has ",
                    A.dense_dim(), " dense dimensions of numbers.");
  check_real_matrix(function, "A", A);
}

/// Lists by row of entries that are already in ascending rows and columns.
EntryLists listed_in_order(const Tensor& rows, const Tensor& columns, const Tensor& values, int64_t m) {
  EntryLists lists{at::zeros({m + 1}, at::TensorOptions(at::kLong)), columns.to(at::kInt), values};
  auto* start = starts_of(lists);
  const auto* row = rows.const_data_ptr<int64_t>();
  for (int64_t e = 0; e < rows.numel(); ++e) ++start[row[e] + 1];
  for (int64_t r = 0; r < m; ++r) start[r + 1] += start[r];
  return lists;
}

/// The entries by row, in any order before.
EntryLists list_entries(const char* function, const Tensor& A) {
  const Tensor coo = A.layout() == at::kSparse ? A : A.to_sparse();
  const int64_t m = A.size(0), n = A.size(1), count = coo._values().numel();
  const Tensor indices = coo._indices().contiguous(), values = coo._values().contiguous();
  const int64_t *row = indices.const_data_ptr<int64_t>(), *column = row + count;
  const int threads = at::get_num_threads();
  const auto [outside, ascending] = cpu::check_coordinates(row, column, count, m, n, threads);
  TORCH_CHECK_VALUE(outside < 0, "[", function, "] A's indices must be from (0, 0) to (", m - 1, ", ", n - 1,
                    "), but one entry is (", row[outside], ", ", column[outside], ").");
  if (ascending) return listed_in_order(indices.select(0, 0), indices.select(0, 1), values, m);
  EntryLists lists = empty_lists(m, count, values.scalar_type());
  with_bits(values, [&](auto bits) {
    using Bits = decltype(bits);
    cpu::list_coordinates<Bits>(row, column, static_cast<const Bits*>(values.const_data_ptr()), count, m, n,
                                starts_of(lists), indices_of(lists), bits_of<Bits>(lists.values), threads);
  });
  const int64_t twice = cpu::first_repeated(starts_of(lists), indices_of(lists), m, threads);
  TORCH_CHECK_VALUE(twice < 0, "[", function, "] A must hold every entry once, but holds (",
                    rows_of(lists)[twice].item<int64_t>(), ", ", indices_of(lists)[twice],
                    ") more than once. Give its coalesce() where such are to be added up.");
  return lists;
}

/// Names the first value that is not finite.
[[noreturn]] void refuse_infinite_entry(const char* function, const EntryLists& lists) {
  const auto e = lists.values.isfinite().logical_not().nonzero()[0].item<int64_t>();
  TORCH_CHECK_VALUE(false, "[", function, "] A must be finite, but its entry (", rows_of(lists)[e].item<int64_t>(),
                    ", ", indices_of(lists)[e], ") is ", lists.values[e].item<double>(), ".");
}

/// Refuses a matrix whose values cannot be factorised.
void check_values(const char* function, const Observed::Data& data) {
  if (data.is_sparse()) {
    TORCH_CHECK_VALUE(data.given->values.numel() > 0, "[", function,
                      "] A must hold at least one entry, but holds none.");
    if (data.counts().all_finite) return;
    refuse_infinite_entry(function, data.by_row());
  }
  const bool masked = data.M.defined();
  bool mask_nan = false, any = true, finite = true;
  if (data.A.is_cpu()) {
    const cpu::EntryCounts& counts = data.counts();
    mask_nan = counts.mask_nan > 0;
    any = counts.observed() > 0;
    finite = counts.all_finite;
  } else {
    mask_nan = masked && data.M.is_floating_point() && data.M.isnan().any().item<bool>();
    any = !masked || mask_nan || data.observed().any().item<bool>();
    finite = mask_nan || data.dense().isfinite().all().item<bool>();
  }
  TORCH_CHECK_VALUE(!mask_nan, "[", function, "] ", kMaskIsNan);
  TORCH_CHECK_VALUE(any, "[", function, "] M must mark at least one entry as observed (not zero), but marks none.");
  TORCH_CHECK_VALUE(finite || masked, "[", function,
                    "] A must be finite, but holds NaN or infinity. Where entries are missing, mask them.");
  TORCH_CHECK_VALUE(finite, "[", function,
                    "] A must be finite where M marks it as observed, but holds NaN or infinity there.");
}

/// The observed entries of a matrix on a GPU, row by row, by torch's operators.
EntryLists listed_by_torch(const Tensor& A, const Tensor& observed) {
  const Tensor marks = observed.defined() ? observed : A.new_ones(A.sizes(), at::TensorOptions(at::kBool));
  const Tensor counts = marks.sum(1).cumsum(0);
  const Tensor starts = counts.new_zeros({A.size(0) + 1});
  starts.narrow(0, 1, A.size(0)).copy_(counts);
  return {starts, marks.nonzero().select(1, 1).to(at::kInt), A.masked_select(marks)};
}

}  // namespace

Observed observe_any(const char* function, const Tensor& A, const std::optional<Tensor>& M) {
  TORCH_CHECK_VALUE(A.defined(), "[", function, "] A must be a tensor, but was undefined.");
  const bool sparse = !A.is_nested() && (A.layout() == at::kSparse || A.layout() == at::kSparseCsr);
  auto data = std::make_shared<Observed::Data>();
  if (sparse) {
    TORCH_CHECK_VALUE(!M, "[", function, "] M must be left out where A is sparse: its entries are observed.");
    check_sparse(function, A);
    refuse_transforms(function, {A});
    data->A = A.detach();
    data->given = list_entries(function, data->A);
    return Observed(std::move(data));
  }
  check_matrix(function, "A", A);
  refuse_transforms(function, {A, M.value_or(Tensor())});
  data->A = A.detach().resolve_conj().resolve_neg();
  if (M) {
    check_mask_fits(function, A, *M);
    data->M = M->detach().resolve_neg();
  }
  return Observed(std::move(data));
}

void check_finite_entries(const char* function, const Observed& observed) {
  const EntryLists& lists = *observed.data().given;
  if (!lists.values.isfinite().all().item<bool>()) refuse_infinite_entry(function, lists);
}

void check_marks(const char* function, const Observed& observed) {
  const Tensor& M = observed.data().M;
  TORCH_CHECK_VALUE(!M.defined() || !M.is_floating_point() || !M.isnan().any().item<bool>(), "[", function, "] ",
                    kMaskIsNan);
}

Observed observe(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank, RankLimit limit) {
  check_matrix(function, "A", A);  // a sparse one is refused here
  Observed observed = observe_any(function, A, M);
  check_rank(function, rank, observed.rows(), observed.columns(), limit);
  check_values(function, observed.data());
  return observed;
}

Observed observe_entries(const char* function, const Tensor& A, int64_t rank) {
  TORCH_CHECK_VALUE(A.defined(), "[", function, "] A must be a tensor, but was undefined.");
  check_sparse(function, A);  // a dense one is refused here
  Observed observed = observe_any(function, A, std::nullopt);
  check_rank(function, rank, observed.rows(), observed.columns(), RankLimit::none);
  check_values(function, observed.data());
  return observed;
}

Observed Observed::all(const Tensor& A) {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  return observe("Observed::all", A, std::nullopt, 1, RankLimit::none);
}

Observed Observed::masked(const Tensor& A, const Tensor& M) {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  return observe("Observed::masked", A, M, 1, RankLimit::none);
}

Observed Observed::entries(const Tensor& A) {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  return observe_entries("Observed::entries", A, 1);
}

int64_t Observed::rows() const { return data_->A.size(0); }
int64_t Observed::columns() const { return data_->A.size(1); }
c10::ScalarType Observed::type() const { return computing_type(data_->A); }
c10::Device Observed::device() const { return data_->A.device(); }
const EntryLists& Observed::by_row() const { return data_->by_row(); }
const EntryLists& Observed::by_column() const { return data_->by_column(); }

int64_t Observed::count() const {
  if (data_->is_sparse()) return data_->given->values.numel();
  if (!data_->M.defined()) return data_->A.numel();
  return data_->A.is_cpu() ? data_->counts().observed() : data_->observed().sum().item<int64_t>();
}

const cpu::EntryCounts& Observed::Data::counts() const {
  return counts_.get([&] {
    const bool in_double = computing_type(A) == at::kDouble;
    const int threads = at::get_num_threads();
    if (!is_sparse()) {
      return in_double ? cpu::count_entries<double>(A, mask_as_given(), threads)
                       : cpu::count_entries<float>(A, mask_as_given(), threads);
    }
    return in_double ? cpu::count_entries(pointers<double>(by_row(), A.size(0), A.size(1)))
                     : cpu::count_entries(pointers<float>(by_row(), A.size(0), A.size(1)));
  });
}

const Tensor& Observed::Data::observed() const {
  return observed_.get([&] { return M.defined() ? M.to(at::kBool).contiguous() : Tensor(); });
}

const Tensor& Observed::Data::dense() const {
  return dense_.get([&] {
    const Tensor values = to_computing_type(A);
    // 0 * NaN is NaN, so a product with the mask would not remove it.
    return M.defined() ? values.masked_fill(observed().logical_not(), 0) : values;
  });
}

const EntryLists& Observed::Data::by_row() const {
  return by_row_.get([&]() -> EntryLists {
    if (is_sparse()) return {given->starts, given->indices, to_computing_type(given->values)};
    if (!A.is_cpu()) return listed_by_torch(to_computing_type(A), observed());
    EntryLists lists = empty_lists(A.size(0), counts().observed(), computing_type(A));
    std::copy(counts().starts.begin(), counts().starts.end(), starts_of(lists));
    const auto list = [&](auto* values) {
      cpu::list_rows(A, mask_as_given(), starts_of(lists), indices_of(lists), values, at::get_num_threads());
    };
    if (computing_type(A) == at::kDouble) {
      list(lists.values.mutable_data_ptr<double>());
    } else {
      list(lists.values.mutable_data_ptr<float>());
    }
    return lists;
  });
}

const EntryLists& Observed::Data::by_column() const {
  return by_column_.get([&] {
    if (A.is_cpu()) return turned(by_row(), A.size(0), A.size(1));
    return listed_by_torch(to_computing_type(A).t().contiguous(), observed().defined() ? observed().t() : Tensor());
  });
}

double Observed::Data::mean() const {
  return mean_.get([&] {
    const Tensor values = by_row().values.cpu(), starts = by_row().starts.cpu();
    const int64_t* start = starts.const_data_ptr<int64_t>();
    const auto sum = [&](const auto* value) {
      double total = 0;
      for (int64_t row = 0; row + 1 < starts.numel(); ++row) {
        total += std::accumulate(value + start[row], value + start[row + 1], 0.0);
      }
      return total;
    };
    const double total = values.scalar_type() == at::kDouble ? sum(values.const_data_ptr<double>())
                                                             : sum(values.const_data_ptr<float>());
    return total / static_cast<double>(values.numel());
  });
}

Tensor rows_of(const EntryLists& lists) {
  const int64_t count = lists.starts.numel() - 1;
  return at::arange(count, lists.starts.options()).repeat_interleave(lists.starts.diff(), 0, lists.values.numel());
}

Tensor sparse_of(const EntryLists& lists, const Tensor& kept, int64_t rows, int64_t columns) {
  const Tensor which = kept.nonzero().select(1, 0);
  const Tensor indices = at::empty({2, which.numel()}, at::TensorOptions(at::kLong));
  indices.select(0, 0).copy_(rows_of(lists).index_select(0, which));
  indices.select(0, 1).copy_(lists.indices.index_select(0, which));
  return at::_sparse_coo_tensor_unsafe(indices, lists.values.index_select(0, which), {rows, columns},
                                       lists.values.options().layout(at::kSparse), /*is_coalesced=*/true);
}

}  // namespace factorise
