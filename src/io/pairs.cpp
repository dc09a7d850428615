// Two ids a line.

#include "io/pairs.h"

#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <algorithm>
#include <vector>

#include "io/contents.h"
#include "io/csv.h"
#include "io/file_kind.h"

namespace factorise {

std::optional<int64_t> Axis::index_of(std::string_view id) const {
  if (ids.defined()) return ids.find(id);
  const std::optional<int64_t> index = id_number(id);
  return index && *index >= 0 && *index < size ? index : std::nullopt;
}

bool Axis::could_have(std::string_view id) const {
  if (ids.are_texts()) return !id.empty();
  const std::optional<int64_t> number = id_number(id);
  return number && (ids.defined() || *number >= 0);
}

std::string Axis::id_of(int64_t index) const { return ids.defined() ? ids.text(index) : std::to_string(index); }

Ids Axis::list(std::vector<std::string> named) const {
  return ids.are_texts() ? Ids(std::move(named)) : ids_of(std::move(named));
}

std::string Axis::limits() const {
  return ids.defined() ? c10::str("one of the ", size, " ids that were fitted") : c10::str("from 0 to ", size - 1);
}

Pairs load_pairs(const std::filesystem::path& path, const Axis& row_axis, const Axis& column_axis, Unseen unseen) {
  constexpr char function[] = "load_pairs";
  const auto csv = parse_csv_rows(function, read_text(function, path), path.string());
  const auto where = [&](int64_t line) { return c10::str("[", function, "] ", path.string(), ", line ", line, ": "); };
  if (csv.empty() || csv.front().fields != std::vector<std::string>{"row", "column"}) {
    refuse_file(c10::str(where(1), "must be the header row,column, but ",
                         csv.empty() ? "the file is empty." : "is " + shown(c10::Join(",", csv[0].fields)) + "."));
  }
  std::vector<int64_t> rows, columns;
  std::vector<std::string> row_ids, column_ids;
  const auto take = [&](const CsvRow& line, size_t field, const char* name, const Axis& axis,
                        std::vector<std::string>& ids, std::vector<int64_t>& indices) {
    const std::optional<int64_t> index = axis.index_of(line.fields[field]);
    if (!index && (unseen == Unseen::refused || !axis.could_have(line.fields[field]))) {
      refuse_file(c10::str(where(line.line), name, " must be ", axis.ids.are_texts() ? "" : "a whole number, ",
                           axis.limits(), ", but is ", line.fields[field].empty() ? "empty" : shown(line.fields[field]),
                           "."));
    }
    ids.push_back(index ? axis.id_of(*index) : line.fields[field]);
    indices.push_back(index.value_or(-1));
  };
  for (size_t i = 1; i < csv.size(); ++i) {
    take(csv[i], 0, "row", row_axis, row_ids, rows);
    take(csv[i], 1, "column", column_axis, column_ids, columns);
  }
  const auto tensor = [](const std::vector<int64_t>& numbers) {
    return at::tensor(at::ArrayRef<int64_t>(numbers), at::TensorOptions(at::kLong));
  };
  return {tensor(rows), tensor(columns), row_axis.list(std::move(row_ids)), column_axis.list(std::move(column_ids))};
}

}  // namespace factorise
