#pragma once
// Entries that a run is judged by and that came in a file of their own, as MovieLens' u1.test beside u1.base.

#include <ATen/core/Tensor.h>

#include <string>

#include "programs/matrix.h"

namespace factorise::programs {

/// Entries, each with the index that the training matrix has for its row and column.
struct TestSet {
  at::Tensor rows, columns;  ///< int64, 1-D; -1: one that the training matrix does not have
  at::Tensor values;         ///< float64, of the same length
};

/// Reads a file of ratings, or a .pt file as convert writes it; rows and columns that have ids are matched by these,
/// others by their numbers. Throws FileError, and c10::ValueError where a matrix does not say what is observed.
TestSet load_test_set(const std::string& file, const Matrix& training);

}  // namespace factorise::programs
