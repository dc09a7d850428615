// Reading a matrix and its mask.

#include "programs/matrix.h"

#include <ATen/core/Tensor.h>
#include <factorise/io.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "io/contents.h"
#include "io/entries.h"
#include "io/file_kind.h"
#include "io/mtx.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/pt_leaves.h"
#include "io/text.h"
#include "io/wide_table.h"
#include "programs/table.h"

namespace factorise::programs {
namespace {

void check_no_key(const char* option, const std::string& key) {
  if (key.empty()) return;
  throw UsageError(fmt::format(
      "{} is for .pt and .npz files, which may hold several tensors; .npy and text files hold one.", option));
}

/// The number that --missing means, NaN for nan; nothing where it is none of these.
std::optional<double> missing_value(const std::string& missing) {
  if (missing == "zero") return 0;
  if (missing == "nan") return std::numeric_limits<double>::quiet_NaN();
  const auto number = number_in<double>(missing);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

std::optional<Tensor> mask_of(const MatrixOptions& options, const Tensor& A) {
  if (!options.mask.empty()) {
    const FileKind kind = kind_of_file("load_tensor", options.mask);
    if (kind == FileKind::npz) return load_npz(options.mask, options.mask_key);
    if (kind != FileKind::npy) {
      const Tensor mask = load_tensor(options.mask, options.mask_key);
      if (!mask.is_sparse()) return mask;
      check_memory("load_tensor", options.mask, A.size(0), A.size(1), static_cast<double>(mask.element_size()));
      return mask.to_dense();
    }
    check_no_key("--mask-key", options.mask_key);
    return load_npy(options.mask);
  }
  const std::optional<double> missing = missing_value(options.missing);
  if (!missing) return std::nullopt;
  return std::isnan(*missing) ? A.isnan().logical_not() : A.ne(*missing);
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

/// A sparse tensor's entries: each once, in a computing type.
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

/// --columns and --duplicates. Throws UsageError.
EntriesOptions entries_options(const MatrixOptions& options) {
  EntriesOptions result;
  if (!options.columns.empty()) {
    const auto columns = parse_columns(options.columns);
    if (!columns) {
      throw UsageError(
          fmt::format("--columns must be row=NAME,column=NAME,value=NAME, or some of the three, with the names of the "
                      "file's columns or their places from 1 on, but was '{}'.",
                      options.columns));
    }
    result.columns = *columns;
  }
  if (options.duplicates == "last") result.duplicates = Duplicates::last;
  if (options.duplicates == "first") result.duplicates = Duplicates::first;
  if (options.duplicates == "mean") result.duplicates = Duplicates::mean;
  return result;
}

/// Refuses --columns and --duplicates for a file that is no list of entries.
void check_no_entries_options(const MatrixOptions& options) {
  if ((options.columns + options.duplicates).empty()) return;
  throw UsageError(
      fmt::format("--columns and --duplicates are for entries, one a line, but {} is a matrix.", name_of(options)));
}

/// A text file of a matrix' rows.
Matrix read_table(const MatrixOptions& options, c10::ScalarType type) {
  check_no_key("--key", options.key);
  check_no_entries_options(options);
  const WideTable table = load_table(options.file, missing_value(options.missing), type);
  const Entries& entries = table.entries;
  const Tensor M = options.mask.empty() ? entries.M : *mask_of(options, entries.A);
  return {entries.A, M, count_observed(M), entries.row_ids, entries.column_ids, table.had_counts};
}

/// Entries from a file of any supported form.
Matrix read_entries(const MatrixOptions& options, c10::ScalarType type) {
  const std::string& path = options.entries;
  const FileKind kind = kind_of_file("load_entries", path);
  if (kind != FileKind::text && kind != FileKind::unknown) check_no_entries_options(options);
  if (kind == FileKind::matrix_market) {
    const Tensor A = load_mtx(path, type).A;
    return {A, std::nullopt, A.is_sparse() ? A._nnz() : A.numel()};
  }
  if (is_pt(kind)) {
    const PtValue file = load_pt(path);
    if (const std::optional<Matrix> matrix = converted(file)) return *matrix;
    const std::vector<NamedTensor> tensors = named_tensors(file);
    if (tensors.size() == 1 && tensors[0].tensor.is_sparse()) return entries_of(tensors[0].tensor, path);
  }
  if (is_pt(kind) || kind == FileKind::npy || kind == FileKind::npz) {
    refuse_file(fmt::format("{} holds a matrix, and not entries one a line: give it in place of --entries.", path));
  }
  const SparseEntries entries = load_entries(path, type, entries_options(options));
  return {entries.A, std::nullopt, entries.A._nnz(), entries.row_ids, entries.column_ids};
}

}  // namespace

void check_no_parts(const MatrixOptions& options) {
  if ((options.key + options.mask + options.missing).empty()) return;
  throw UsageError(
      fmt::format("--key, --mask and --missing are for matrices, but {} holds entries.", name_of(options)));
}

void add_matrix_options(CLI::App& app, const std::string& name, const std::string& help, MatrixOptions& options,
                        bool with_entries) {
  add_text(app, name, options.file, name == "IN" ? "FILE" : "A.pt|A.npy", help);
  add_text(app, "--mask", options.mask, "M.pt", "A mask of A's shape, not zero where A is observed");
  add_text(app, "--missing", options.missing, "zero|nan",
           "Which entries of A are unobserved: those that are 0, NaN, or the number given; default: none");
  add_text(app, "--key", options.key, "NAME", "Which tensor of A.pt or array of A.npz, where it holds several");
  add_text(app, "--mask-key", options.mask_key, "NAME", "Which tensor of M.pt");
  add_entries_options(app, options);
  exclude(app, "--mask", "--missing");
  if (!with_entries) return;
  add_text(app, "--entries", options.entries, "FILE",
           "In place of a matrix: ratings one a line, as published files have them, .gz too");
  for (const std::string& other : {name, std::string("--mask"), std::string("--missing"), std::string("--key")}) {
    exclude(app, "--entries", other);
  }
}

void add_entries_options(CLI::App& app, MatrixOptions& options) {
  add_text(app, "--columns", options.columns, "LIST",
           "Which columns of a file of entries: row=NAME,column=NAME,value=NAME, or places from 1 on");
  add_choice(app, "--duplicates", options.duplicates, {"last", "first", "mean"},
             "Which value an entry has that the file gives more than once; default: it is refused");
}

void check_combinations(const MatrixOptions& options, const std::string& name) {
  if (!options.mask_key.empty() && options.mask.empty()) {
    throw UsageError("--mask-key names a tensor of the file that --mask gives, but there is no --mask.");
  }
  if (!options.missing.empty() && !missing_value(options.missing)) {
    throw UsageError(fmt::format("--missing must be zero, nan or a number, but was '{}'.", options.missing));
  }
  entries_options(options);
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
  if (!options.entries.empty()) return read_entries(options, type);
  Tensor A;
  const FileKind kind = kind_of_file("load_pt", options.file);
  if (kind == FileKind::text && !(options.mask + options.missing).empty()) return read_table(options, type);
  check_no_entries_options(options);
  if (kind == FileKind::matrix_market || kind == FileKind::npy) check_no_key("--key", options.key);
  if (kind == FileKind::matrix_market) {
    A = load_mtx(options.file, type).A;
    if (A.is_sparse()) {
      check_no_parts(options);
      return {A, std::nullopt, A._nnz()};
    }
  } else if (kind == FileKind::npy) {
    A = load_npy(options.file);
  } else if (kind == FileKind::npz) {
    A = load_npz(options.file, options.key);
  } else if (!is_pt(kind)) {
    refuse_file(fmt::format("{} must hold a matrix, as .pt, .npy, .npz and .mtx files do, but is {}.", options.file,
                            kind == FileKind::text ? "a text file: --entries takes ratings, one a line, and --missing "
                                                     "says that it is a table with a row on each line"
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

void notice_zeros(const MatrixOptions& options, const Matrix& matrix, const Output& out) {
  constexpr int64_t kMany = 4;  // one entry in this many
  if (matrix.had_counts) {
    out.notice(fmt::format("{}: its first column counts what is observed in each row, and is left out.", options.file));
  }
  const bool none_missing = !options.missing.empty() && options.missing != "zero";  // where all are observed
  if (matrix.A.is_sparse() || (matrix.M && !none_missing) || matrix.observed < matrix.A.numel()) return;
  const int64_t zeros = matrix.A.numel() - matrix.A.count_nonzero().item<int64_t>();
  const bool many = zeros > 0 && zeros * kMany >= matrix.A.numel();
  if (!none_missing && !many) return;
  std::string sentence = fmt::format("{}: ", options.file);
  if (none_missing) {
    sentence += fmt::format("--missing {} finds no {}, so that every entry counts as observed", options.missing,
                            options.missing == "nan" ? "NaN" : options.missing);
  }
  if (none_missing && many) sentence += "; ";
  if (many) {
    sentence += fmt::format("{} of the {} entries are 0 and count as observed; --missing zero takes them for missing",
                            grouped(zeros), grouped(matrix.A.numel()));
  }
  out.notice(sentence + ".");
}

Matrix to_dense(const Matrix& matrix, const MatrixOptions& options, const std::string& instead) {
  if (!matrix.A.is_sparse()) return matrix;
  const Entries entries = factorise::to_dense({matrix.A, matrix.row_ids, matrix.column_ids}, name_of(options), instead);
  return {entries.A, entries.M, matrix.observed, matrix.row_ids, matrix.column_ids};
}

}  // namespace factorise::programs
