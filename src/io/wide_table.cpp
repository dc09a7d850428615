// All lines into one tensor; what its first column and line are is seen at the end.

#include "io/wide_table.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "io/contents.h"
#include "io/file_kind.h"
#include "io/text.h"
#include "io/text_lines.h"
#include "io/utf8.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_table";

/// How pandas, R, Julia and spreadsheets write that there is nothing.
bool is_nothing(std::string_view text) {
  constexpr std::array<std::string_view, 9> kNothing{"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "missing"};
  return std::find(kNothing.begin(), kNothing.end(), text) != kNothing.end();
}

/// Ids in their order, and which of the given ones each is.
struct Sorted {
  Ids ids;
  std::vector<int64_t> order;
};

class Reader {
 public:
  Reader(const std::filesystem::path& path, std::optional<double> missing)
      : name_(path.string()), text_(read_text(kFunction, path)), missing_(missing), lines_(text_) {}

  WideTable read(c10::ScalarType dtype) {
    read_first_line();
    read_rows();
    const auto m = static_cast<int64_t>(values_.size() / width_), n = static_cast<int64_t>(width_);
    at::Tensor A = at::empty({m, n}, at::TensorOptions(at::kDouble));
    std::copy(values_.begin(), values_.end(), A.mutable_data_ptr<double>());
    at::Tensor M = !missing_ ? A.isfinite() : std::isnan(*missing_) ? A.isnan().logical_not() : A.ne(*missing_);
    WideTable table;
    if (has_counts(A, M)) {
      A = A.narrow(1, 1, n - 1);
      M = M.narrow(1, 1, n - 1);
      table.had_counts = true;
    }
    if (!row_names_.empty() || !column_names_.empty()) {
      const Sorted rows = sorted(row_names_, m, "row"), columns = sorted(column_names_, n, "column");
      const auto taken = [&](const at::Tensor& of) {
        return of.index_select(0, at::tensor(rows.order)).index_select(1, at::tensor(columns.order));
      };
      A = taken(A);
      M = taken(M);
      table.entries.row_ids = rows.ids;
      table.entries.column_ids = columns.ids;
    }
    table.entries.A = A.masked_fill(M.logical_not(), 0).to(dtype).contiguous();
    table.entries.M = M.contiguous();
    return table;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void refuse(int64_t line, const Parts&... parts) const {
    refuse_file(c10::str("[", kFunction, "] ", name_, ", line ", line, ": ", parts...));
  }

  bool next(std::string_view& line) {
    if (!lines_.next(line)) return false;
    complete_record(lines_, line, separator_, [this](const std::string& problem) { refuse(lines_.number(), problem); });
    return true;
  }

  /// Finds the separator, and the names where the first line has some.
  void read_first_line() {
    TextLines ahead = lines_;
    std::string_view first, second;
    if (!ahead.next(first)) refuse(ahead.number(), "must be a row of numbers, but the file ends.");
    const int64_t line = ahead.number();
    const std::optional<Separator> separator = find_separator(first, 2);
    if (!separator) {
      refuse(line, "must be numbers with tabs, semicolons, bars, commas or spaces between them, but is ", shown(first),
             ".");
    }
    separator_ = *separator;
    const std::vector<Field> fields = fields_of(first, separator_);
    const bool has_names = std::any_of(fields.begin(), fields.end(), [](Field field) {
      const std::string text = unquoted(field);
      return !is_nothing(text) && !number_in<double>(text);
    });
    const size_t in_second = ahead.next(second) ? fields_of(second, separator_).size() : fields.size();
    // R leaves out the name of its row names, pandas leaves it empty; a line of one field more is none of its own.
    const bool is_shorter = fields.size() + 1 == in_second;
    const bool has_corner = fields[0].empty() || unquoted(fields[0]).empty() || role_of(unquoted(fields[0])) < 2;
    if (!has_names && !is_shorter && !is_pivot(fields)) return;
    next(first);
    has_index_ = is_shorter || has_corner;
    for (size_t i = is_shorter || !has_index_ ? 0 : 1; i < fields.size(); ++i) {
      column_names_.push_back(to_utf8(unquoted(fields[i])));
    }
  }

  /// Whether a line without a name in it is a header of whole numbers, as a table of users and movies has: its first
  /// field is empty, and where that might be a missing entry, the others are ascending.
  bool is_pivot(const std::vector<Field>& fields) const {
    if (!unquoted(fields[0]).empty()) return false;
    if (fields[0] == "\"\"" || !missing_ || !std::isnan(*missing_)) return true;  // a missing entry is not quoted
    std::optional<int64_t> before;
    for (size_t i = 1; i < fields.size(); ++i) {
      const auto number = id_number(unquoted(fields[i]));
      if (!number || (before && *number <= *before)) return false;
      before = number;
    }
    return true;
  }

  void read_rows() {
    size_t first_size = 0;
    int64_t first_line = 0;
    for (std::string_view line; next(line);) {
      size_t size = 0;
      FieldReader reader(line, separator_);
      for (Field field; reader.next(field); ++size) {
        if (size == 0 && has_index_) {
          row_names_.push_back(to_utf8(unquoted(field)));
        } else {
          values_.push_back(value_in(field, size));
        }
      }
      if (first_line == 0) {
        first_line = lines_.number();
        first_size = size;
        width_ = size - (has_index_ ? 1 : 0);
        if (!column_names_.empty() && column_names_.size() != width_) {
          const size_t expected = column_names_.size() + (has_index_ ? 1 : 0);
          refuse(first_line, "must have ", expected, " fields, ", has_index_ ? "the row's name and " : "",
                 "a number for each of ", column_names_.size(), " columns, but has ", size, ".");
        }
        const auto lines = static_cast<int64_t>(std::count(text_.begin(), text_.end(), '\n')) + 1;
        check_memory(kFunction, name_, lines, static_cast<int64_t>(size), 2 * sizeof(double));
        values_.reserve(static_cast<size_t>(lines) * width_);
      }
      if (size != first_size) {
        refuse(lines_.number(), "must have ", first_size, " fields, as line ", first_line, " has, but has ", size, ".");
      }
    }
    if (values_.empty()) refuse(lines_.number(), "must be a row of numbers, but the file ends.");
  }

  double value_in(Field field, size_t place) const {
    const std::string text = unquoted(field);
    const auto value = number_in<double>(text);
    if (value && std::isfinite(*value)) return *value;
    if (is_nothing(text) && missing_ && std::isnan(*missing_)) return std::numeric_limits<double>::quiet_NaN();
    refuse(lines_.number(), "field ", place + 1, " must be a finite number, but is ",
           text.empty() ? "empty" : c10::str("'", shown(text), "'"),
           is_nothing(text) ? ". --missing nan takes such fields for entries that are not observed." : ".");
  }

  /// Whether the first column counts what is observed in the others, in every row.
  bool has_counts(const at::Tensor& A, const at::Tensor& M) const {
    if (!missing_ || !column_names_.empty() || A.size(0) < 2 || A.size(1) < 3) return false;
    const at::Tensor counts = M.narrow(1, 1, A.size(1) - 1).sum(1);
    return M.select(1, 0).all().item<bool>() && A.select(1, 0).eq(counts).all().item<bool>();
  }

  /// Without names they are called by their places.
  Sorted sorted(const std::vector<std::string>& names, int64_t size, const char* what) const {
    std::vector<int64_t> order(static_cast<size_t>(size));
    std::iota(order.begin(), order.end(), 0);
    if (names.empty()) return {Ids(at::tensor(order)), order};
    const Ids ids = ids_of(names);
    const auto is_less = [&](int64_t a, int64_t b) {
      return ids.are_texts() ? ids.text(a) < ids.text(b) : ids.number(a) < ids.number(b);
    };
    std::sort(order.begin(), order.end(), is_less);
    std::vector<std::string> ordered;
    for (size_t i = 0; i < order.size(); ++i) {
      ordered.push_back(names[static_cast<size_t>(order[i])]);
      if (i > 0 && !is_less(order[i - 1], order[i])) {
        refuse_file(c10::str("[", kFunction, "] ", name_, ": every ", what, " must have a name of its own, but ",
                             shown(ordered[i]), " is there twice."));
      }
    }
    return {ids_of(std::move(ordered)), order};
  }

  const std::string name_, text_;
  const std::optional<double> missing_;
  TextLines lines_;
  Separator separator_ = Separator::comma;
  bool has_index_ = false;
  std::vector<std::string> row_names_, column_names_;
  std::vector<double> values_;
  size_t width_ = 0;
};

}  // namespace

WideTable load_table(const std::filesystem::path& path, std::optional<double> missing, c10::ScalarType dtype) {
  return Reader(path, missing).read(dtype);
}

}  // namespace factorise
