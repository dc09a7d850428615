// Reading a matrix and its mask.

#include "programs/matrix.h"

#include <ATen/core/Tensor.h>
#include <factorise/io.h>
#include <fmt/format.h>

#include "io/contents.h"
#include "io/entries.h"
#include "io/file_kind.h"
#include "io/mtx.h"
#include "io/npy.h"
#include "io/pt_leaves.h"
#include "programs/table.h"

namespace factorise::programs {
namespace {

void check_no_key(const char* option, const std::string& key) {
  if (key.empty()) return;
  throw UsageError(fmt::format("{} is for .pt files, which may hold several tensors; a .npy file holds one.", option));
}

std::optional<Tensor> mask_of(const MatrixOptions& options, const Tensor& A) {
  if (!options.mask.empty()) {
    if (kind_of_file("load_tensor", options.mask) != FileKind::npy) {
      const Tensor mask = load_tensor(options.mask, options.mask_key);
      if (!mask.is_sparse()) return mask;
      check_memory("load_tensor", options.mask, A.size(0), A.size(1), static_cast<double>(mask.element_size()));
      return mask.to_dense();
    }
    check_no_key("--mask-key", options.mask_key);
    return load_npy(options.mask);
  }
  if (options.missing == "zero") return A.ne(0);
  if (options.missing == "nan") return A.isnan().logical_not();
  return std::nullopt;
}

/// A .pt file as `convert` writes entries, with A, M, perhaps the ids, and nothing else: all of it.
std::optional<Matrix> converted(const PtValue& file) {
  Matrix matrix{};
  for (const Leaf& leaf : leaves(file)) {
    if (leaf.value.is_tensor() && leaf.value.tensor().is_sparse()) return std::nullopt;
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

/// A sparse tensor's entries: each once, in a type that is computed in.
Matrix entries_of(const Tensor& A, const std::string& path) {
  if (A.dim() != 2 || A.dense_dim() != 0) {
    refuse_value(fmt::format("{} must be a matrix, but is a sparse tensor of {} dimensions, {} of them dense.", path,
                             A.dim(), A.dense_dim()));
  }
  const Tensor once = A.coalesce();
  if (once._nnz() != A._nnz()) {
    refuse_value(
        fmt::format("{} gives an entry more than once: {} entries are at {} places. coalesce() in Python adds them up.",
                    path, grouped(A._nnz()), grouped(once._nnz())));
  }
  if (once._nnz() == 0) refuse_value(fmt::format("{} has no entries: as it is sparse, none is observed.", path));
  const bool real = once.scalar_type() == at::kFloat || once.scalar_type() == at::kDouble;
  return {real ? once : once.to(at::kFloat), std::nullopt, once._nnz()};
}

/// Entries in whatever form they are.
Matrix read_entries(const std::string& path, c10::ScalarType type) {
  const FileKind kind = kind_of_file("load_entries", path);
  if (kind == FileKind::matrix_market) {
    const Entries entries = load_mtx(path);
    return {entries.A, entries.M, count_observed(entries.M)};
  }
  if (is_pt(kind)) {
    const PtValue file = load_pt(path);
    if (const std::optional<Matrix> matrix = converted(file)) return *matrix;
    const std::vector<NamedTensor> tensors = named_tensors(file);
    if (tensors.size() == 1 && tensors[0].tensor.is_sparse()) return entries_of(tensors[0].tensor, path);
  }
  if (is_pt(kind) || kind == FileKind::npy) {
    refuse_file(fmt::format("{} holds a matrix, and not entries one a line: give it in place of --entries.", path));
  }
  const SparseEntries entries = load_entries(path, type);
  return {entries.A, std::nullopt, entries.A._nnz(), entries.row_ids, entries.column_ids};
}

}  // namespace

void check_no_parts(const MatrixOptions& options) {
  if ((options.key + options.mask + options.missing).empty()) return;
  throw UsageError(
      fmt::format("--key, --mask and --missing are for .pt and .npy files, but {} holds entries.", name_of(options)));
}

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
  if (!options.entries.empty()) return read_entries(options.entries, type);
  Tensor A;
  const FileKind kind = kind_of_file("load_pt", options.file);
  if (kind == FileKind::matrix_market) {
    check_no_parts(options);
    return read_entries(options.file, type);
  }
  if (kind == FileKind::npy) {
    check_no_key("--key", options.key);
    A = load_npy(options.file);
  } else if (!is_pt(kind)) {
    refuse_file(fmt::format("{} must hold a matrix, as .pt, .npy and .mtx files do, but is {}.", options.file,
                            kind == FileKind::text ? "a text file: --entries takes ratings, one a line"
                                                   : name_and_advice(kind, options.file)));
  } else if ((options.key + options.mask + options.missing).empty()) {
    const PtValue file = load_pt(options.file);
    if (const std::optional<Matrix> matrix = converted(file)) return *matrix;
    A = tensor_in(file, options.file);
  } else {
    A = load_tensor(options.file, options.key);
  }
  if (A.is_sparse()) {
    if (!(options.mask + options.missing).empty()) {
      throw UsageError(fmt::format(
          "--mask and --missing are for dense matrices, but {} is sparse: its entries are observed.", options.file));
    }
    return entries_of(A, options.file);
  }
  const std::optional<Tensor> M = mask_of(options, A);
  const int64_t observed = M ? count_observed(*M) : A.numel();
  if (!options.missing.empty() && observed == 0 && A.numel() > 0) {
    refuse_value(fmt::format("{} has no observed entries: with --missing {} every one of its {} entries is missing.",
                             options.file, options.missing, grouped(A.numel())));
  }
  return {A, M, observed};
}

Matrix to_dense(const Matrix& matrix, const MatrixOptions& options, const std::string& instead) {
  if (!matrix.A.is_sparse()) return matrix;
  const Entries entries = factorise::to_dense({matrix.A, matrix.row_ids, matrix.column_ids}, name_of(options), instead);
  return {entries.A, entries.M, matrix.observed, matrix.row_ids, matrix.column_ids};
}

}  // namespace factorise::programs
