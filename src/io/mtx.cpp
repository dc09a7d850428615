// A banner, comments, the sizes, and the entries.

#include "io/mtx.h"

#include <ATen/ops/zeros.h>
#include <c10/util/StringUtil.h>

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "io/atomic_file.h"
#include "io/contents.h"
#include "io/file_kind.h"
#include "io/text.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_mtx";

class Lines {
 public:
  explicit Lines(const std::filesystem::path& path)
      : name_(path.string()), text_(read_text(kFunction, path)), rest_(text_) {}

  /// The next line that is neither empty nor a comment; refuses the end of the file.
  std::string_view next(const char* what) {
    while (!rest_.empty()) {
      const std::string_view line = take_line(rest_);
      ++line_;
      if (line_ == 1 || (!line.starts_with('%') && line.find_first_not_of(" \t") != std::string_view::npos))
        return line;
    }
    ++line_;
    refuse("must be ", what, ", but the file ends.");
  }

  bool at_end() const { return rest_.find_first_not_of(" \t\r\n") == std::string_view::npos; }

  template <typename... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_file(c10::str("[", kFunction, "] ", name_, ", line ", line_, ": ", parts...));
  }

 private:
  const std::string name_, text_;
  std::string_view rest_;
  int64_t line_ = 0;
};

/// Takes one number off the front of a line; false where there is none.
template <class T>
bool take_number(std::string_view& line, T& number) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  line.remove_prefix(static_cast<size_t>(end - line.data()));
  return error == std::errc() && (line.empty() || line[0] == ' ' || line[0] == '\t');
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

}  // namespace

Entries load_mtx(const std::filesystem::path& path) {
  Lines lines(path);
  const std::string_view banner = lines.next("%%MatrixMarket");
  if (banner != "%%MatrixMarket matrix coordinate real general" &&
      banner != "%%MatrixMarket matrix coordinate integer general") {
    lines.refuse("must be %%MatrixMarket matrix coordinate real general, or integer, but is ", shown(banner), ".");
  }
  std::string_view sizes = lines.next("rows, columns and how many entries");
  const std::string_view sizes_line = sizes;
  int64_t m = 0, n = 0, count = 0;
  if (!take_number(sizes, m) || !take_number(sizes, n) || !take_number(sizes, count) || !is_blank(sizes) || m < 1 ||
      n < 1 || count < 0) {
    lines.refuse("must be rows, columns and how many entries, but is ", shown(sizes_line), ".");
  }
  check_memory(kFunction, path.string(), m, n, 9);
  const Entries result{
      at::zeros({m, n}, at::TensorOptions(at::kDouble)), at::zeros({m, n}, at::TensorOptions(at::kBool)), {}, {}};
  auto* values = result.A.mutable_data_ptr<double>();
  auto* observed = result.M.mutable_data_ptr<bool>();
  for (int64_t i = 0; i < count; ++i) {
    std::string_view line = lines.next("an entry");
    const std::string_view whole_line = line;
    int64_t row = 0, column = 0;
    double value = 0;
    if (!take_number(line, row) || !take_number(line, column) || !take_number(line, value) || !is_blank(line)) {
      lines.refuse("must be row, column and value, but is ", shown(whole_line), ".");
    }
    if (row < 1 || row > m || column < 1 || column > n) {
      lines.refuse("the row must be from 1 to ", m, " and the column from 1 to ", n, ", but they are ", row, " and ",
                   column, ".");
    }
    if (!std::isfinite(value)) lines.refuse("the value must be finite, but is not.");
    const int64_t at = (row - 1) * n + column - 1;
    if (observed[at]) lines.refuse("every entry must be given once, but this one is given for the second time.");
    observed[at] = true;
    values[at] = value;
  }
  if (!lines.at_end()) {
    lines.next("nothing");
    lines.refuse("must be the end, as line 1 to here hold all ", count, " entries, but is not.");
  }
  return result;
}

void save_mtx(const std::filesystem::path& path, const Entries& entries) {
  const bool whole = c10::isIntegralType(entries.A.scalar_type(), /*includeBool=*/true);
  const bool doubles = entries.A.scalar_type() == at::kDouble;
  const at::Tensor A = entries.A.to(whole ? at::kLong : doubles ? at::kDouble : at::kFloat).contiguous();
  const at::Tensor M = entries.M.defined() ? entries.M.ne(0).contiguous() : at::Tensor();
  const int64_t m = A.size(0), n = A.size(1), count = M.defined() ? M.sum().item<int64_t>() : A.numel();
  AtomicFile file("save_mtx", path);
  file.write(c10::str("%%MatrixMarket matrix coordinate ", whole ? "integer" : "real", " general\n", m, " ", n, " ",
                      count, "\n"));
  for (int64_t r = 0; r < m; ++r) {
    std::string lines;
    for (int64_t c = 0; c < n; ++c) {
      if (M.defined() && !M.const_data_ptr<bool>()[r * n + c]) continue;
      lines += c10::str(r + 1, " ", c + 1, " ", exact_text(A, r * n + c), "\n");
    }
    file.write(lines);
  }
  file.commit();
}

}  // namespace factorise
