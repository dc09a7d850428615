// One line after another, then the entries sorted, row by row.

#include "io/entries.h"

#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "io/atomic_file.h"
#include "io/contents.h"
#include "io/csv.h"
#include "io/file_kind.h"
#include "io/text.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_entries";

struct Entry {
  int64_t row, column;
  double value;
};

/// The first three fields of a line, and whether there are so many.
struct Fields {
  std::array<std::string_view, 3> text;
  size_t count = 0;
};

Fields split(std::string_view line, std::string_view separator) {
  Fields fields;
  for (size_t at = 0; fields.count < 3; ++fields.count) {
    const size_t end = std::min(line.find(separator, at), line.size());
    fields.text[fields.count] = line.substr(at, end - at);
    if (end == line.size()) {
      ++fields.count;
      break;
    }
    at = end + separator.size();
  }
  return fields;
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path)
      : name_(path.string()), text_(read_text(kFunction, path)), rest_(text_) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
    while (!rest_.empty() && (rest_.back() == '\n' || rest_.back() == '\r')) rest_.remove_suffix(1);
  }

  std::vector<Entry> entries() {
    if (rest_.empty()) refuse(1, "must be an entry, but the file is empty.");
    find_format(rest_.substr(0, rest_.find_first_of("\r\n")));
    std::vector<Entry> found;
    found.reserve(static_cast<size_t>(std::count(rest_.begin(), rest_.end(), '\n')) + 1);
    for (line_ = 1; !rest_.empty(); ++line_) {
      const std::string_view line = take_line(rest_);
      if (line_ >= first_line_) found.push_back(entry(line));
    }
    if (found.empty()) refuse(2, "must be an entry, but the file ends.");
    return found;
  }

  /// The line of the i-th entry.
  int64_t line_of(size_t i) const { return first_line_ + static_cast<int64_t>(i); }

  template <typename... Parts>
  [[noreturn]] void refuse(int64_t line, const Parts&... parts) const {
    refuse_file(c10::str("[", kFunction, "] ", name_, ", line ", line, ": ", parts...));
  }

 private:
  /// What separates the fields, and which of the first two is the row.
  void find_format(std::string_view first) {
    for (const std::string_view separator : {"::", "\t", ","}) {
      if (separator_.empty() && first.find(separator) != std::string_view::npos) separator_ = separator;
    }
    if (separator_.empty()) {
      refuse(1, "must be fields with tabs, commas or :: between them, but is ", shown(first), ".");
    }
    const auto [names, count] = split(first, separator_);
    if (number_in<int64_t>(names[0])) return;
    const auto is_header = [&](std::string_view a, std::string_view b, std::string_view c) {
      return count == 3 && names[0] == a && names[1] == b && names[2] == c;
    };
    row_is_first_ = is_header("row", "column", "value");
    if (!row_is_first_ && !is_header("userId", "movieId", "rating")) {
      refuse(1, "must be an entry, or the names row,column,value or userId,movieId,rating, but is ", shown(first), ".");
    }
    first_line_ = 2;
  }

  Entry entry(std::string_view line) const {
    const auto [fields, count] = split(line, separator_);
    const auto quoted = [](std::string_view field) { return c10::str("'", shown(field), "'"); };
    if (count < 3) {
      refuse(line_, "must be ", row_is_first_ ? "row, column, value" : "user, movie, rating", ", but is ",
             line.empty() ? "empty" : quoted(line), ".");
    }
    const auto id = [&](std::string_view field, const char* what) {
      const auto number = number_in<int64_t>(field);
      if (!number) refuse(line_, "the ", what, " must be a whole number, but is ", quoted(field), ".");
      return *number;
    };
    const int64_t first = id(fields[0], row_is_first_ ? "row" : "user");
    const int64_t second = id(fields[1], row_is_first_ ? "column" : "movie");
    const auto value = number_in<double>(fields[2]);
    if (!value || !std::isfinite(*value)) {
      refuse(line_, "the ", row_is_first_ ? "value" : "rating", " must be a finite number, but is ", quoted(fields[2]),
             ".");
    }
    return row_is_first_ ? Entry{first, second, *value} : Entry{second, first, *value};
  }

  const std::string name_, text_;
  std::string_view rest_, separator_;
  bool row_is_first_ = false;
  int64_t first_line_ = 1, line_ = 1;
};

/// The line of a file is not kept with each entry: whoever asks for it pays for reading the file again.
[[noreturn]] void refuse_second(const std::filesystem::path& path, const Entry& entry) {
  Reader reader(path);
  const std::vector<Entry> entries = reader.entries();
  const auto same = [&](const Entry& other) { return other.row == entry.row && other.column == entry.column; };
  const auto first = std::find_if(entries.begin(), entries.end(), same);
  const auto second = std::find_if(first + 1, entries.end(), same);
  const auto line = [&](auto at) { return reader.line_of(static_cast<size_t>(at - entries.begin())); };
  reader.refuse(line(second), "every entry must be given once, but this one is already given on line ", line(first),
                ".");
}

/// Row by row, left to right.
void sort(std::vector<Entry>& entries, const std::filesystem::path& path) {
  const auto place = [](const Entry& entry) { return std::pair(entry.row, entry.column); };
  std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return place(a) < place(b); });
  const auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                        [&](const Entry& a, const Entry& b) { return place(a) == place(b); });
  if (twice != entries.end()) refuse_second(path, *twice);
}

template <class Id>
std::vector<int64_t> sorted_ids(const std::vector<Entry>& entries, Id id) {
  std::vector<int64_t> ids;
  for (const Entry& entry : entries) {
    if (ids.empty() || ids.back() != id(entry)) ids.push_back(id(entry));
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

int64_t index_of(const std::vector<int64_t>& ids, int64_t id) {
  return std::lower_bound(ids.begin(), ids.end(), id) - ids.begin();
}

template <class T>
void fill(const std::vector<Entry>& entries, const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
          const at::Tensor& indices, const at::Tensor& values) {
  const auto count = static_cast<int64_t>(entries.size());
  auto* row = indices.mutable_data_ptr<int64_t>();
  int64_t* column = row + count;
  int64_t at_row = 0;
  for (int64_t e = 0; e < count; ++e) {
    const Entry& entry = entries[static_cast<size_t>(e)];
    while (rows[static_cast<size_t>(at_row)] != entry.row) ++at_row;
    row[e] = at_row;
    column[e] = index_of(columns, entry.column);
    values.mutable_data_ptr<T>()[e] = static_cast<T>(entry.value);
  }
}

}  // namespace

SparseEntries load_entries(const std::filesystem::path& path, c10::ScalarType dtype) {
  std::vector<Entry> entries = Reader(path).entries();
  sort(entries, path);
  const auto rows = sorted_ids(entries, [](const Entry& entry) { return entry.row; });
  const auto columns = sorted_ids(entries, [](const Entry& entry) { return entry.column; });
  const auto count = static_cast<int64_t>(entries.size());
  const at::Tensor indices = at::empty({2, count}, at::TensorOptions(at::kLong));
  const at::Tensor values = at::empty({count}, at::TensorOptions(dtype));
  (dtype == at::kDouble ? fill<double> : fill<float>)(entries, rows, columns, indices, values);
  const std::array<int64_t, 2> sizes{static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns.size())};
  return {at::_sparse_coo_tensor_unsafe(indices, values, sizes, values.options().layout(at::kSparse),
                                        /*is_coalesced=*/true),
          Ids(at::tensor(at::ArrayRef<int64_t>(rows))), Ids(at::tensor(at::ArrayRef<int64_t>(columns)))};
}

Entries to_dense(const SparseEntries& entries, const std::string& path, const std::string& instead) {
  const at::Tensor& A = entries.A;
  check_memory(kFunction, path, A.size(0), A.size(1), 1 + static_cast<double>(A.element_size()), instead);
  const at::Tensor marks = at::ones({A._nnz()}, at::TensorOptions(at::kBool));
  const at::Tensor M = at::_sparse_coo_tensor_unsafe(A._indices(), marks, A.sizes(),
                                                     marks.options().layout(at::kSparse), /*is_coalesced=*/true);
  return {A.to_dense(), M.to_dense(), entries.row_ids, entries.column_ids};
}

std::string exact_text(const at::Tensor& matrix, int64_t index) {
  std::array<char, 32> text;
  const auto write = [&](auto number) {
    return std::string(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
  };
  if (matrix.scalar_type() == at::kFloat) return write(matrix.const_data_ptr<float>()[index]);
  if (matrix.scalar_type() == at::kDouble) return write(matrix.const_data_ptr<double>()[index]);
  return write(matrix.const_data_ptr<int64_t>()[index]);
}

void save_entries(const std::filesystem::path& path, const Entries& entries) {
  const bool whole = c10::isIntegralType(entries.A.scalar_type(), /*includeBool=*/true);
  const bool doubles = entries.A.scalar_type() == at::kDouble;
  const at::Tensor A = entries.A.to(whole ? at::kLong : doubles ? at::kDouble : at::kFloat).contiguous();
  const at::Tensor M = entries.M.defined() ? entries.M.ne(0).contiguous() : at::Tensor();
  const auto id = [](const Ids& ids, int64_t i) {
    return ids.are_texts() ? csv_field(ids.text(i)) : ids.defined() ? ids.text(i) : std::to_string(i);
  };
  AtomicFile file("save_entries", path);
  file.write(std::string("row,column,value\n"));
  for (int64_t r = 0; r < A.size(0); ++r) {
    std::string lines;
    for (int64_t c = 0; c < A.size(1); ++c) {
      const int64_t at = r * A.size(1) + c;
      if (M.defined() && !M.const_data_ptr<bool>()[at]) continue;
      lines += c10::str(id(entries.row_ids, r), ",", id(entries.column_ids, c), ",", exact_text(A, at), "\n");
    }
    file.write(lines);
  }
  file.commit();
}

void check_memory(const char* function, const std::string& path, int64_t m, int64_t n, double bytes_of_cell,
                  const std::string& instead) {
  // Where the system would promise memory that it has not, and end the program when it is used.
  const double needed = static_cast<double>(m) * static_cast<double>(n) * bytes_of_cell;
  const double there = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (needed < there) return;
  refuse_file(c10::str("[", function, "] ", path, ": its ", m, " rows and ", n, " columns make a dense matrix of ",
                       std::llround(needed / 1e9), " GB, but this machine has ", std::llround(there / 1e9), " GB.",
                       instead.empty() ? "" : " ", instead));
}

}  // namespace factorise
