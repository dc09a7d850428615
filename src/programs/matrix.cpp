// Reading a matrix and its mask.

#include "programs/matrix.h"

#include <ATen/core/Tensor.h>
#include <factorise/io.h>
#include <fmt/format.h>

#include "io/entries.h"
#include "io/npy.h"
#include "io/pt_leaves.h"
#include "programs/table.h"

namespace factorise::programs {
namespace {

std::optional<Tensor> mask_of(const MatrixOptions& options, const Tensor& A) {
  if (!options.mask.empty()) return load_tensor(options.mask, options.mask_key);
  if (options.missing == "zero") return A.ne(0);
  if (options.missing == "nan") return A.isnan().logical_not();
  return std::nullopt;
}

/// A .pt file as `convert` writes entries, with A, M, perhaps the ids, and nothing else: all of it.
std::optional<Matrix> converted(const PtValue& file) {
  Matrix matrix{};
  for (const Leaf& leaf : leaves(file)) {
    const std::optional<Ids> ids = ids_in(leaf.value);
    if (leaf.name == "A" && leaf.value.is_tensor()) {
      matrix.A = leaf.value.tensor();
    } else if (leaf.name == "M" && leaf.value.is_tensor()) {
      matrix.M = leaf.value.tensor();
    } else if (leaf.name == "row_ids" && ids) {
      matrix.row_ids = *ids;
    } else if (leaf.name == "column_ids" && ids) {
      matrix.column_ids = *ids;
    } else {
      return std::nullopt;
    }
  }
  const Tensor& A = matrix.A;
  const bool is_whole = A.defined() && matrix.M && A.dim() == 2 && A.numel() > 0 && A.sizes() == matrix.M->sizes() &&
                        matrix.row_ids.defined() == matrix.column_ids.defined() && are_ids(matrix.row_ids, A.size(0)) &&
                        are_ids(matrix.column_ids, A.size(1));
  if (!is_whole) return std::nullopt;
  matrix.observed = count_observed(*matrix.M);
  return matrix;
}

}  // namespace

void add_matrix_options(CLI::App& app, const std::string& name, const std::string& help, MatrixOptions& options,
                        bool with_entries) {
  add_text(app, name, options.file, name == "IN" ? "FILE" : "A.pt|A.npy", help);
  add_text(app, "--mask", options.mask, "M.pt", "A mask of A's shape, not zero where A is observed");
  add_choice(app, "--missing", options.missing, {"zero", "nan"}, "Which entries of A are unobserved; default: none");
  add_text(app, "--key", options.key, "NAME", "Which tensor of A.pt, where it holds several");
  add_text(app, "--mask-key", options.mask_key, "NAME", "Which tensor of M.pt");
  exclude(app, "--mask", "--missing");
  if (!with_entries) return;
  add_text(app, "--entries", options.entries, "FILE",
           "In place of a matrix: lines of user::movie::rating, with tabs or commas too, or a CSV row,column,value");
  for (const std::string& other : {name, std::string("--mask"), std::string("--missing"), std::string("--key")}) {
    exclude(app, "--entries", other);
  }
}

void check_combinations(const MatrixOptions& options, const std::string& name) {
  if (!options.mask_key.empty() && options.mask.empty()) {
    throw UsageError("--mask-key names a tensor of the file that --mask gives, but there is no --mask.");
  }
  if (options.file.ends_with(".npy") && !options.key.empty()) {
    throw UsageError("--key is for .pt files, which may hold several tensors; a .npy file holds one.");
  }
  const bool about_a_matrix = !(options.key + options.mask + options.missing).empty();
  if (name_of(options).empty() && about_a_matrix) {
    throw UsageError(
        fmt::format("--key, --mask and --missing say how to read the matrix of {0}, but there is no {0}.", name));
  }
}

const std::string& name_of(const MatrixOptions& options) {
  return options.entries.empty() ? options.file : options.entries;
}

Matrix read_matrix(const MatrixOptions& options, c10::ScalarType type) {
  if (!options.entries.empty()) {
    const SparseEntries entries = load_entries(options.entries, type);
    return {entries.A, std::nullopt, entries.A._nnz(), entries.row_ids, entries.column_ids};
  }
  Tensor A;
  if (options.file.ends_with(".npy")) {
    A = load_npy(options.file);
  } else if ((options.key + options.mask + options.missing).empty()) {
    const PtValue file = load_pt(options.file);
    if (const std::optional<Matrix> matrix = converted(file)) return *matrix;
    A = tensor_in(file, options.file);
  } else {
    A = load_tensor(options.file, options.key);
  }
  const std::optional<Tensor> M = mask_of(options, A);
  const int64_t observed = M ? count_observed(*M) : A.numel();
  if (!options.missing.empty() && observed == 0 && A.numel() > 0) {
    refuse_value(fmt::format("{} has no observed entries: with --missing {} every one of its {} entries is missing.",
                             options.file, options.missing, grouped(A.numel())));
  }
  return {A, M, observed};
}

void notice_zeros(const MatrixOptions& options, const Matrix& matrix, const Output& out) {
  constexpr int64_t kMany = 4;  // one in so many
  if (matrix.A.is_sparse() || (matrix.M && options.missing != "nan") || matrix.observed < matrix.A.numel()) return;
  const int64_t zeros = matrix.A.numel() - matrix.A.count_nonzero().item<int64_t>();
  const bool no_nan = options.missing == "nan", many = zeros > 0 && zeros * kMany >= matrix.A.numel();
  if (!no_nan && !many) return;
  std::string sentence = fmt::format("{}: ", options.file);
  if (no_nan) sentence += "--missing nan finds no NaN, so that every entry counts as observed";
  if (no_nan && many) sentence += "; ";
  if (many) {
    sentence += fmt::format("{} of the {} entries are 0 and count as observed; --missing zero takes them for missing",
                            grouped(zeros), grouped(matrix.A.numel()));
  }
  out.notice(sentence + ".");
}

Matrix to_dense(const Matrix& matrix, const MatrixOptions& options, const std::string& instead) {
  if (!matrix.A.is_sparse()) return matrix;
  const Entries entries = factorise::to_dense({matrix.A, matrix.row_ids, matrix.column_ids}, options.entries, instead);
  return {entries.A, entries.M, matrix.observed, matrix.row_ids, matrix.column_ids};
}

}  // namespace factorise::programs
