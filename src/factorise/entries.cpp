// Checking, and sorting where that is needed.

#include "factorise/entries.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/zeros.h>

#include "factorise/arguments.h"
#include "factorise/derivatives.h"

namespace factorise {
namespace {

using cpu::EntryList;

void check_sparse(const char* function, const Tensor& A) {
  TORCH_CHECK_VALUE(A.defined(), "[", function, "] A must be a tensor, but was undefined.");
  TORCH_CHECK_VALUE(!A.is_nested() && A.layout() == at::kSparse, "[", function,
                    "] A must be a sparse COO matrix, as torch::sparse_coo_tensor makes it, but was ",
                    A.is_nested() ? "nested" : c10::str("of layout ", A.layout()), ".");
  TORCH_CHECK_VALUE(A.device().is_cpu(), "[", function, "] a sparse A must be on the CPU, but was on ", A.device(),
                    ". GPUs take it dense, its to_dense() with a mask.");
  TORCH_CHECK_VALUE(A.dense_dim() == 0, "[", function, "] A must have a single number for each entry, but has ",
                    A.dense_dim(), " dense dimensions of numbers.");
  check_real_matrix(function, "A", A);
}

/// Refuses an index outside. Returns whether the entries are in the serial order, each once.
bool check_indices(const char* function, const EntryList& list) {
  const int64_t *row = list.row_of(), *column = list.column_of();
  bool ascending = true;
  for (int64_t e = 0; e < list.observed(); ++e) {
    const int64_t r = row[e], c = column[e];
    TORCH_CHECK_VALUE(r >= 0 && r < list.rows && c >= 0 && c < list.columns, "[", function,
                      "] A's indices must be from (0, 0) to (", list.rows - 1, ", ", list.columns - 1,
                      "), but one entry is (", r, ", ", c, ").");
    ascending &= e == 0 || row[e - 1] < r || (row[e - 1] == r && column[e - 1] < c);
  }
  return ascending;
}

void sort(const char* function, EntryList& list) {
  const Tensor order = (list.indices.select(0, 0) * list.columns + list.indices.select(0, 1)).argsort();
  list.indices = list.indices.index_select(1, order);
  list.values = list.values.index_select(0, order);
  const int64_t *row = list.row_of(), *column = list.column_of();
  for (int64_t e = 1; e < list.observed(); ++e) {
    TORCH_CHECK_VALUE(row[e - 1] != row[e] || column[e - 1] != column[e], "[", function,
                      "] A must hold every entry once, but holds (", row[e], ", ", column[e],
                      ") more than once. Give its coalesce() where such are to be added up.");
  }
}

Tensor starts_of(const EntryList& list) {
  Tensor starts = at::zeros({list.rows + 1}, at::TensorOptions(at::kLong));
  auto* start = starts.mutable_data_ptr<int64_t>();
  for (int64_t e = 0; e < list.observed(); ++e) ++start[list.row_of()[e] + 1];
  for (int64_t r = 0; r < list.rows; ++r) start[r + 1] += start[r];
  return starts;
}

}  // namespace

bool is_sparse(const char* function, const Tensor& A, const std::optional<Tensor>& M) {
  const bool sparse = A.defined() && A.is_sparse();
  TORCH_CHECK_VALUE(!sparse || !M, "[", function, "] M must be left out where A is sparse: its entries are observed.");
  return sparse;
}

EntryList list_entries(const char* function, const Tensor& A) {
  check_sparse(function, A);
  refuse_transforms(function, {A});
  const Tensor plain = A.detach();
  EntryList list{A.size(0), A.size(1), plain._indices().contiguous(), plain._values().contiguous(), {}};
  if (!check_indices(function, list)) sort(function, list);
  list.row_starts = starts_of(list);
  return list;
}

void check_finite_entries(const char* function, const EntryList& list) {
  if (c10::isIntegralType(list.values.scalar_type(), /*includeBool=*/true)) return;
  const Tensor wrong = list.values.isfinite().logical_not();
  if (!wrong.any().item<bool>()) return;
  const auto e = wrong.nonzero()[0].item<int64_t>();
  TORCH_CHECK_VALUE(false, "[", function, "] A must be finite, but its entry (", list.row_of()[e], ", ",
                    list.column_of()[e], ") is ", list.values[e].item<double>(), ".");
}

Tensor sparse_of(const EntryList& list, const Tensor& kept) {
  const Tensor which = kept.nonzero().select(1, 0);
  return at::_sparse_coo_tensor_unsafe(list.indices.index_select(1, which), list.values.index_select(0, which),
                                       {list.rows, list.columns}, list.values.options().layout(at::kSparse),
                                       /*is_coalesced=*/true);
}

}  // namespace factorise
