// The bytes of the file read determine its kind, the ending of the name the kind of the file written.

#include "programs/verbs.h"

#include <ATen/core/Tensor.h>
#include <factorise/io.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/file_kind.h"
#include "io/mtx.h"
#include "io/npy.h"
#include "io/printable.h"
#include "programs/json_file.h"
#include "programs/table.h"
#include "programs/terminal.h"

namespace factorise::programs {
namespace {

/// The kind of file to write: its ending in small letters, and .pt for .pth.
std::string kind_to_write(const std::string& file) {
  std::string ending = std::filesystem::path(file).extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return ending == ".pth" ? ".pt" : ending;
}

Matrix read(const ConvertOptions& options) {
  MatrixOptions matrix = options.matrix;
  const FileKind kind = kind_of_file("convert", matrix.file);
  const bool is_text = kind == FileKind::text || kind == FileKind::unknown;
  if (is_text && (matrix.mask + matrix.missing).empty()) {  // else a table
    check_no_parts(matrix);
    std::swap(matrix.file, matrix.entries);
  }
  return to_dense(read_matrix(matrix), matrix);
}

void save_as_pt(const std::string& file, const Matrix& matrix) {
  if (!matrix.M) return save_pt(file, matrix.A);
  std::vector<std::pair<std::string, PtEntry>> dict{{"A", matrix.A}, {"M", *matrix.M}};
  if (matrix.row_ids.defined()) {
    dict.emplace_back("row_ids", entry_of(matrix.row_ids));
    dict.emplace_back("column_ids", entry_of(matrix.column_ids));
  }
  save_pt(file, dict);
}

/// Files of entries hold numbers alone, as they are read.
void check_finite(const std::string& file, const Matrix& matrix) {
  if (kind_to_write(file) == ".pt" || kind_to_write(file) == ".npy") return;
  const Tensor observed = matrix.M ? matrix.A.masked_select(matrix.M->ne(0)) : matrix.A;
  if (observed.isfinite().all().item<bool>()) return;
  refuse_value(
      fmt::format("{} can hold finite numbers alone, but the matrix has NaN or infinity where it is "
                  "observed. --missing nan leaves NaN out.",
                  file));
}

void write(const std::string& file, const Matrix& matrix, const Output& out) {
  check_finite(file, matrix);
  const Entries entries{matrix.A, matrix.M.value_or(Tensor()), matrix.row_ids, matrix.column_ids};
  const std::string kind = kind_to_write(file);
  const bool keeps_ids = kind == ".pt" || kind == ".csv";
  if (!keeps_ids && matrix.row_ids.defined()) {
    out.notice(fmt::format("{} cannot hold the ids of rows and columns: they are numbered in the ids' order.", file));
  }
  if (kind == ".pt") save_as_pt(file, matrix);
  if (kind == ".csv") save_entries(file, entries);
  if (kind == ".mtx") save_mtx(file, entries);
  if (kind == ".npy") {
    if (matrix.M) out.notice(fmt::format("{} cannot say what is not observed: it has 0 there.", file));
    save_npy(file, matrix.M ? matrix.A.masked_fill(matrix.M->eq(0), 0) : matrix.A);
  }
}

}  // namespace

void add_convert_options(CLI::App& app, ConvertOptions& options) {
  add_matrix_options(app, "IN",
                     "A matrix: a .pt, .npy or .mtx file, or entries, one a line; recognised by its contents",
                     options.matrix,
                     /*with_entries=*/false);
  add_text(app, "OUT", options.output, "FILE",
           "What to write, by its ending: .pt or .pth, .npy, .mtx, or .csv row,column,value");
  add_output_options(app, options.common);
  for (const char* name : {"IN", "OUT"}) require(app, name);
  set_examples(app,
               "  factorise convert ml-1m/ratings.dat ratings.pt\n"
               "  factorise convert ratings.pt ratings.csv\n"
               "  factorise convert array.npy ratings.mtx --missing zero");
}

void convert(const ConvertOptions& options) {
  check_combinations(options.matrix, "IN");
  const std::string kind = kind_to_write(options.output);
  if (kind != ".pt" && kind != ".npy" && kind != ".mtx" && kind != ".csv") {
    throw UsageError(fmt::format("OUT must end in .pt, .npy, .mtx or .csv, but was '{}'.", options.output));
  }
  check_writable(options.common.json, "--json", /*by_write_json=*/true);
  check_writable(options.output, "OUT");
  const Output out(options.common);
  const Matrix matrix = read(options);
  if (matrix.A.dim() != 2) {
    refuse_value(fmt::format("{} must be a matrix, but has {} dimensions.", options.matrix.file, matrix.A.dim()));
  }
  if (matrix.A.numel() == 0) {
    refuse_value(fmt::format("{} must have rows and columns, but is {} x {}.", options.matrix.file, matrix.A.size(0),
                             matrix.A.size(1)));
  }
  if (matrix.M && matrix.M->sizes() != matrix.A.sizes()) {
    refuse_value(fmt::format("the mask in {} must have the shape of {}, but has not.", options.matrix.mask,
                             options.matrix.file));
  }
  // A matrix file keeps its meaning; in a list every zero is an observed entry.
  if (kind == ".csv" || kind == ".mtx" || !options.matrix.missing.empty()) notice_zeros(options.matrix, matrix, out);
  write(options.output, matrix, out);
  if (!options.common.json.empty()) {
    write_json(options.common.json, {{"input", options.matrix.file},
                                     {"output", options.output},
                                     {"shape", {matrix.A.size(0), matrix.A.size(1)}},
                                     {"observed", matrix.observed}});
  }
  if (options.common.json == "-") return;
  out.print(fmt::format("{}: {} x {}, {} entries", printable(options.output), matrix.A.size(0), matrix.A.size(1),
                        grouped(matrix.observed)));
}

}  // namespace factorise::programs
