#pragma once
// The squared error of listed entries, in the order of the matrix's (contract/error.h).

#include <factorise/factors.h>
#include <factorise/observed.h>

namespace factorise {

/// squared_error of entries by row, with the bits of the matrix's. U and V must fit.
double squared_error_of(const EntryLists& lists, const Factors& factors);

}  // namespace factorise
