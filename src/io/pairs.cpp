// Two whole numbers a line.

#include "io/pairs.h"

#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <algorithm>
#include <vector>

#include "io/contents.h"
#include "io/csv.h"
#include "io/file_kind.h"
#include "io/text.h"

namespace factorise {

std::optional<int64_t> Axis::index_of(int64_t id) const {
  if (!ids.defined()) return id >= 0 && id < size ? std::optional(id) : std::nullopt;
  const int64_t *begin = ids.const_data_ptr<int64_t>(), *end = begin + size;
  const int64_t* found = std::lower_bound(begin, end, id);
  return found != end && *found == id ? std::optional<int64_t>(found - begin) : std::nullopt;
}

int64_t Axis::id_of(int64_t index) const { return ids.defined() ? ids.const_data_ptr<int64_t>()[index] : index; }

std::string Axis::limits() const {
  return ids.defined() ? c10::str("one of the ", size, " ids that were fitted") : c10::str("from 0 to ", size - 1);
}

bool are_ids(const at::Tensor& ids, int64_t size) {
  if (!ids.defined()) return true;
  return ids.scalar_type() == at::kLong && ids.dim() == 1 && ids.size(0) == size &&
         ids.narrow(0, 1, size - 1).gt(ids.narrow(0, 0, size - 1)).all().item<bool>();
}

Pairs load_pairs(const std::filesystem::path& path, const Axis& row_axis, const Axis& column_axis) {
  constexpr char function[] = "load_pairs";
  const auto csv = parse_csv_rows(function, read_text(function, path), path.string());
  const auto where = [&](int64_t line) { return c10::str("[", function, "] ", path.string(), ", line ", line, ": "); };
  if (csv.empty() || csv.front().fields != std::vector<std::string>{"row", "column"}) {
    refuse_file(c10::str(where(1), "must be the header row,column, but ",
                         csv.empty() ? "the file is empty." : "is " + shown(c10::Join(",", csv[0].fields)) + "."));
  }
  std::vector<int64_t> rows, columns, row_ids, column_ids;
  const auto take = [&](const CsvRow& line, size_t field, const char* name, const Axis& axis, std::vector<int64_t>& ids,
                        std::vector<int64_t>& indices) {
    const std::optional<int64_t> id = number_in<int64_t>(line.fields[field]);
    const std::optional<int64_t> index = id ? axis.index_of(*id) : std::nullopt;
    if (!index) {
      refuse_file(c10::str(where(line.line), name, " must be a whole number, ", axis.limits(), ", but is ",
                           line.fields[field].empty() ? "empty" : shown(line.fields[field]), "."));
    }
    ids.push_back(*id);
    indices.push_back(*index);
  };
  for (size_t i = 1; i < csv.size(); ++i) {
    take(csv[i], 0, "row", row_axis, row_ids, rows);
    take(csv[i], 1, "column", column_axis, column_ids, columns);
  }
  const auto tensor = [](const std::vector<int64_t>& numbers) {
    return at::tensor(at::ArrayRef<int64_t>(numbers), at::TensorOptions(at::kLong));
  };
  return {tensor(rows), tensor(columns), tensor(row_ids), tensor(column_ids)};
}

}  // namespace factorise
