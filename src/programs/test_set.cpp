// From the ids of one file to the indices of another.

#include "programs/test_set.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "io/pairs.h"

namespace factorise::programs {
namespace {

/// For each index of one axis that of the other, -1 where that does not have it.
at::Tensor indices_in(const Axis& training, const Axis& axis) {
  const at::Tensor indices = at::empty({axis.size}, at::TensorOptions(at::kLong));
  auto* index = indices.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < axis.size; ++i) index[i] = training.index_of(axis.id_of(i)).value_or(-1);
  return indices;
}

}  // namespace

TestSet load_test_set(const std::string& file, const Matrix& training) {
  MatrixOptions options;
  (file.ends_with(".pt") || file.ends_with(".npy") ? options.file : options.entries) = file;
  const Matrix matrix = read_matrix(options);
  if (!matrix.A.is_sparse() && !matrix.M) {
    refuse_value(
        fmt::format("--test must be a file of ratings, or a .pt file that says what is observed, as convert "
                    "writes it, but {} is a matrix of which every entry is.",
                    file));
  }
  const at::Tensor entries = matrix.A.is_sparse() ? matrix.A._indices() : matrix.M->nonzero().t();
  const at::Tensor values = matrix.A.is_sparse() ? matrix.A._values() : matrix.A.masked_select(matrix.M->ne(0));
  if (values.numel() == 0 || !values.isfinite().all().item<bool>()) {
    refuse_value(fmt::format("--test must have entries, all of them finite numbers, but {} has not.", file));
  }
  const at::Tensor rows = indices_in({training.A.size(0), training.row_ids}, {matrix.A.size(0), matrix.row_ids});
  const at::Tensor columns =
      indices_in({training.A.size(1), training.column_ids}, {matrix.A.size(1), matrix.column_ids});
  return {rows.index_select(0, entries.select(0, 0)), columns.index_select(0, entries.select(0, 1)),
          values.to(at::kDouble)};
}

}  // namespace factorise::programs
