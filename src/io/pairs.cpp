// Two whole numbers a line.

#include "io/pairs.h"

#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <vector>

#include "io/contents.h"
#include "io/csv.h"

namespace factorise {

Pairs load_pairs(const std::filesystem::path& path, int64_t m, int64_t n) {
  constexpr char function[] = "load_pairs";
  const auto csv = parse_csv_rows(function, read_contents(function, path), path.string());
  const auto where = [&](int64_t line) { return c10::str("[", function, "] ", path.string(), ", line ", line, ": "); };
  if (csv.empty() || csv.front().fields != std::vector<std::string>{"row", "column"}) {
    refuse_file(c10::str(where(1), "must be the header row,column, but ",
                         csv.empty() ? "the file is empty." : "is " + shown(c10::Join(",", csv[0].fields)) + "."));
  }
  std::vector<int64_t> rows, columns;
  const auto take = [&](const CsvRow& line, size_t field, const char* name, int64_t size, std::vector<int64_t>& into) {
    const std::optional<int64_t> index = whole_number(line.fields[field]);
    if (!index || *index < 0 || *index >= size) {
      refuse_file(c10::str(where(line.line), name, " must be a whole number from 0 to ", size - 1, ", but is ",
                           line.fields[field].empty() ? "empty" : shown(line.fields[field]), "."));
    }
    into.push_back(*index);
  };
  for (size_t i = 1; i < csv.size(); ++i) {
    take(csv[i], 0, "row", m, rows);
    take(csv[i], 1, "column", n, columns);
  }
  const auto options = at::TensorOptions(at::kLong);
  return {at::tensor(at::ArrayRef<int64_t>(rows), options), at::tensor(at::ArrayRef<int64_t>(columns), options)};
}

}  // namespace factorise
