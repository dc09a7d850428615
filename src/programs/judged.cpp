// From the ids of one file to the indices of another; judgements as text and JSON.

#include "programs/judged.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/file_kind.h"
#include "programs/json_file.h"
#include "programs/table.h"

namespace factorise::programs {
namespace {

/// For each index of one axis the index of the same id on the other, -1 where there is none.
at::Tensor indices_in(const Axis& training, const Axis& axis) {
  const at::Tensor indices = at::empty({axis.size}, at::TensorOptions(at::kLong));
  auto* index = indices.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < axis.size; ++i) index[i] = training.index_of(axis.id_of(i)).value_or(-1);
  return indices;
}

/// The ids of these rows or columns of an axis, one for each entry.
Ids ids_of(const Axis& axis, const at::Tensor& entries) {
  if (!axis.ids.defined()) return Ids(entries);
  if (!axis.ids.are_texts()) return Ids(axis.ids.numbers().index_select(0, entries));
  std::vector<std::string> texts;
  texts.reserve(static_cast<size_t>(entries.numel()));
  for (int64_t i = 0; i < entries.numel(); ++i) texts.push_back(axis.id_of(entries.const_data_ptr<int64_t>()[i]));
  return Ids(std::move(texts));
}

}  // namespace

TestSet load_test_set(const std::string& file, const char* option, const MatrixOptions& how, const Axis& rows,
                      const Axis& columns) {
  MatrixOptions options;
  options.columns = how.columns;
  options.duplicates = how.duplicates;
  const FileKind kind = kind_of_file("load_entries", file);
  (is_pt(kind) || kind == FileKind::npy ? options.file : options.entries) = file;
  const Matrix matrix = read_matrix(options);
  if (!matrix.A.is_sparse() && !matrix.M) {
    refuse_value(
        fmt::format("{} must be a file of ratings, or a .pt file that says what is observed, as convert "
                    "writes it, but {} is a matrix of which every entry is.",
                    option, file));
  }
  const at::Tensor entries = matrix.A.is_sparse() ? matrix.A._indices() : matrix.M->nonzero().t();
  const at::Tensor values = matrix.A.is_sparse() ? matrix.A._values() : matrix.A.masked_select(matrix.M->ne(0));
  if (values.numel() == 0 || !values.isfinite().all().item<bool>()) {
    refuse_value(fmt::format("{} must have entries, all of them finite numbers, but {} has not.", option, file));
  }
  const Axis row_axis{matrix.A.size(0), matrix.row_ids}, column_axis{matrix.A.size(1), matrix.column_ids};
  const at::Tensor row = entries.select(0, 0).contiguous(), column = entries.select(0, 1).contiguous();
  return {{indices_in(rows, row_axis).index_select(0, row), indices_in(columns, column_axis).index_select(0, column),
           ids_of(row_axis, row), ids_of(column_axis, column)},
          values.to(at::kDouble)};
}

bool are_pairs(const std::string& file) {
  std::string line;
  std::ifstream stream(file, std::ios::binary);
  std::getline(stream, line);
  return std::count(line.begin(), line.end(), ',') == 1 && line.find_first_of("\t;|") == std::string::npos &&
         line.find("::") == std::string::npos;
}

nlohmann::ordered_json json_of(const Judgement& judged) {
  return {{"entries", judged.entries},
          {"fallbacks", judged.fallbacks},
          {"rmse", number(judged.rmse)},
          {"mae", number(judged.mae)},
          {"known_rmse", number(judged.known_rmse)},
          {"known_mae", number(judged.known_mae)},
          {"within_50", number(judged.within_50)},
          {"within_90", number(judged.within_90)}};
}

std::string errors_text(const Judgement& judged) {
  return fmt::format("RMSE {}, MAE {}", figure(judged.rmse), figure(judged.mae));
}

std::string fallbacks_text(const Judgement& judged, double mean) {
  if (judged.fallbacks == 0) return "";
  const std::string count = grouped(judged.fallbacks);
  if (judged.fallbacks == judged.entries) {
    return fmt::format("all {} of rows or columns unseen in training, predicted as its mean, {}", count, figure(mean));
  }
  return fmt::format("RMSE {}, MAE {} without {} of rows or columns unseen in training (the mean, {})",
                     figure(judged.known_rmse), figure(judged.known_mae), count, figure(mean));
}

}  // namespace factorise::programs
