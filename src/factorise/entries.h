#pragma once
// The boundary of sparse matrices: the entries of a COO tensor, checked once, in the order that they are visited in.

#include <factorise/factors.h>

#include "cpu/entry_list.h"

namespace factorise {

/// Whether A is sparse, so that its entries are what is observed; refuses a mask beside it.
bool is_sparse(const char* function, const Tensor& A, const std::optional<Tensor>& M);

/// The entries of A, m x n, sparse COO, on the CPU: zeros that it holds too. In any order; those that are in the serial
/// order already are not copied. Refuses other tensors, indices outside and entries that are held twice, and names
/// these; values are not looked at. Never writes to A.
cpu::EntryList list_entries(const char* function, const Tensor& A);

/// Refuses values that are not finite, and names the first one's entry.
void check_finite_entries(const char* function, const cpu::EntryList& list);

/// The list's entries where `kept` (bool, one for each) says so, as a sparse COO matrix.
Tensor sparse_of(const cpu::EntryList& list, const Tensor& kept);

/// squared_error of the entries, values float32 or float64, with its bits. Shapes must fit.
double squared_error_of(const cpu::EntryList& list, const Factors& factors);

}  // namespace factorise
