// A banner, comments, the sizes, and the entries.

#include "io/mtx.h"

#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/StringUtil.h>

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "io/atomic_file.h"
#include "io/contents.h"
#include "io/entries_order.h"
#include "io/file_kind.h"
#include "io/text.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_mtx";

class Lines {
 public:
  explicit Lines(const std::filesystem::path& path)
      : name_(path.string()), text_(read_text(kFunction, path)), rest_(text_) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

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
  const std::string& name() const { return name_; }
  int64_t number() const { return line_; }
  /// How many entries the rest can hold at most, each of two bytes at least.
  size_t room() const { return rest_.size() / 2 + 1; }

  template <typename... Parts>
  [[noreturn]] void refuse_at(int64_t line, const Parts&... parts) const {
    refuse_file(c10::str("[", kFunction, "] ", name_, ", line ", line, ": ", parts...));
  }

  template <typename... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_at(line_, parts...);
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
  if (line.starts_with('+')) line.remove_prefix(1);  // as C and Fortran write and read it
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  line.remove_prefix(static_cast<size_t>(end - line.data()));
  return error == std::errc() && (line.empty() || line[0] == ' ' || line[0] == '\t');
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

/// What the banner says.
struct Banner {
  bool is_array = false, is_pattern = false;
  enum class Symmetry { general, symmetric, skew } symmetry = Symmetry::general;
};

/// The words of a line, in small letters.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  bool is_inside = false;
  for (const char c : line) {
    const bool is_space = c == ' ' || c == '\t';
    if (!is_space && !is_inside) words.emplace_back();
    if (!is_space) words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    is_inside = !is_space;
  }
  return words;
}

Banner read_banner(Lines& lines) {
  const std::string_view line = lines.next("%%MatrixMarket");
  const std::vector<std::string> words = words_of(line);
  const auto word = [&](size_t i) { return i < words.size() ? std::string_view(words[i]) : std::string_view(); };
  const auto refuse = [&](const auto&... parts) { lines.refuse(parts..., ", but is ", shown(line), "."); };
  if (word(0) != "%%matrixmarket" || words.size() != 5) {
    refuse("must be %%MatrixMarket matrix coordinate real general, or another format of five words");
  }
  if (word(1) != "matrix") refuse("must be of a matrix");
  Banner banner{word(2) == "array", word(3) == "pattern"};
  if (!banner.is_array && word(2) != "coordinate") refuse("must be of coordinate or array");
  if (word(3) == "complex" || word(4) == "hermitian") {
    refuse(
        "must be of real numbers, as complex ones are not factorised here: write the real part (in Python "
        "scipy.io.mmwrite(FILE, A.real))");
  }
  if (word(3) != "real" && word(3) != "double" && word(3) != "integer" && word(3) != "unsigned-integer" &&
      !banner.is_pattern) {
    refuse("must be of real, integer or pattern");
  }
  if (banner.is_array && banner.is_pattern) refuse("must be of real or integer, as an array has no pattern");
  if (word(4) == "symmetric") banner.symmetry = Banner::Symmetry::symmetric;
  if (word(4) == "skew-symmetric") banner.symmetry = Banner::Symmetry::skew;
  if (banner.symmetry == Banner::Symmetry::general && word(4) != "general") {
    refuse("must be general, symmetric or skew-symmetric");
  }
  if (banner.symmetry == Banner::Symmetry::skew && banner.is_pattern) {
    refuse("must be general or symmetric, as a pattern has no signs");
  }
  return banner;
}

struct Sizes {
  int64_t m = 0, n = 0, count = 0;
};

Sizes read_sizes(Lines& lines, const Banner& banner) {
  const char* what = banner.is_array ? "rows and columns" : "rows, columns and how many entries";
  const std::string_view whole_line = lines.next(what);
  std::string_view line = whole_line;
  Sizes sizes;
  if (!take_number(line, sizes.m) || !take_number(line, sizes.n) ||
      (!banner.is_array && !take_number(line, sizes.count)) || !is_blank(line) || sizes.m < 1 || sizes.n < 1 ||
      sizes.count < 0) {
    lines.refuse("must be ", what, ", but is ", shown(whole_line), ".");
  }
  if (banner.symmetry != Banner::Symmetry::general && sizes.m != sizes.n) {
    lines.refuse("a matrix that is ", banner.symmetry == Banner::Symmetry::skew ? "skew-symmetric" : "symmetric",
                 " must be square, but this one is ", sizes.m, " x ", sizes.n, ".");
  }
  return sizes;
}

void check_end(Lines& lines, int64_t count, const char* what) {
  if (lines.at_end()) return;
  lines.next("nothing");
  lines.refuse("must be the end, as line 1 to here hold all ", count, " ", what, ", but is not.");
}

RawEntry read_entry(Lines& lines, const Banner& banner, const Sizes& sizes) {
  const std::string_view whole_line = lines.next("an entry");
  std::string_view line = whole_line;
  RawEntry entry{0, 0, 1};
  if (!take_number(line, entry.row) || !take_number(line, entry.column) ||
      (!banner.is_pattern && !take_number(line, entry.value)) || !is_blank(line)) {
    lines.refuse("must be row", banner.is_pattern ? " and column" : ", column and value", ", but is ",
                 shown(whole_line), ".");
  }
  if (entry.row < 1 || entry.row > sizes.m || entry.column < 1 || entry.column > sizes.n) {
    lines.refuse("the row must be from 1 to ", sizes.m, " and the column from 1 to ", sizes.n, ", but they are ",
                 entry.row, " and ", entry.column, ".");
  }
  if (!std::isfinite(entry.value)) lines.refuse("the value must be finite, but is not.");
  if (banner.symmetry == Banner::Symmetry::skew && entry.row == entry.column) {
    lines.refuse("a skew-symmetric matrix has zeros on its diagonal, which must not be given, but row and column are ",
                 entry.row, ".");
  }
  return {entry.row - 1, entry.column - 1, entry.value};
}

/// The line of the second time that an entry is given, found by reading once more.
[[noreturn]] void refuse_second(const std::filesystem::path& path, const RawEntry& twice) {
  Lines lines(path);
  const Banner banner = read_banner(lines);
  const Sizes sizes = read_sizes(lines, banner);
  const bool is_mirrored = banner.symmetry != Banner::Symmetry::general;
  int64_t first = 0;
  for (int64_t i = 0; i < sizes.count; ++i) {
    const RawEntry entry = read_entry(lines, banner, sizes);
    const bool is_it = entry.row == twice.row && entry.column == twice.column;
    const bool is_mirror = is_mirrored && entry.row == twice.column && entry.column == twice.row;
    if (!is_it && !is_mirror) continue;
    if (first > 0) {
      lines.refuse("every entry must be given once", is_mirrored ? ", its mirror image not at all" : "",
                   ", but this one is already given on line ", first, ".");
    }
    first = lines.number();
  }
  lines.refuse("the file must not change while it is read, but has.");
}

SparseEntries read_coordinates(Lines& lines, const std::filesystem::path& path, const Banner& banner,
                               c10::ScalarType dtype) {
  const Sizes sizes = read_sizes(lines, banner);
  std::vector<RawEntry> entries;
  // A size line may promise anything; what the file has room for is known.
  entries.reserve(std::min(static_cast<size_t>(sizes.count), lines.room()));
  for (int64_t i = 0; i < sizes.count; ++i) {
    const RawEntry entry = read_entry(lines, banner, sizes);
    entries.push_back(entry);
    if (banner.symmetry == Banner::Symmetry::general || entry.row == entry.column) continue;
    const double sign = banner.symmetry == Banner::Symmetry::skew ? -1 : 1;
    entries.push_back({entry.column, entry.row, sign * entry.value});
  }
  check_end(lines, sizes.count, "entries");
  sort_entries(entries, [&](const RawEntry& twice) { refuse_second(path, twice); });
  return {sparse_of(entries, sizes.m, sizes.n, dtype), {}, {}};
}

/// Column by column; of a symmetric one what is on the diagonal and below, of a skew-symmetric one what is below.
at::Tensor read_array(Lines& lines, const Banner& banner) {
  const auto [m, n, unused] = read_sizes(lines, banner);
  check_memory(kFunction, lines.name(), m, n, sizeof(double));
  if (banner.symmetry == Banner::Symmetry::general &&
      static_cast<uint64_t>(m) > lines.room() / static_cast<uint64_t>(n) + 1) {
    lines.refuse("must be followed by ", m, " x ", n, " numbers, but the file has no room for them.");
  }
  const at::Tensor A = at::zeros({m, n}, at::TensorOptions(at::kDouble));
  auto* values = A.mutable_data_ptr<double>();
  int64_t count = 0;
  for (int64_t c = 0; c < n; ++c) {
    const int64_t from = banner.symmetry == Banner::Symmetry::general     ? 0
                         : banner.symmetry == Banner::Symmetry::symmetric ? c
                                                                          : c + 1;
    for (int64_t r = from; r < m; ++r, ++count) {
      const std::string_view whole_line = lines.next("a number");
      std::string_view line = whole_line;
      double value = 0;
      if (!take_number(line, value) || !is_blank(line) || !std::isfinite(value)) {
        lines.refuse("must be a finite number, that of row ", r + 1, " and column ", c + 1, ", but is ",
                     shown(whole_line), ".");
      }
      values[r * n + c] = value;
      if (banner.symmetry != Banner::Symmetry::general && r != c) {
        values[c * n + r] = banner.symmetry == Banner::Symmetry::skew ? -value : value;
      }
    }
  }
  check_end(lines, count, "numbers");
  return A;
}

}  // namespace

SparseEntries load_mtx(const std::filesystem::path& path, c10::ScalarType dtype) {
  Lines lines(path);
  const Banner banner = read_banner(lines);
  if (banner.is_array) return {read_array(lines, banner).to(dtype), {}, {}};
  return read_coordinates(lines, path, banner, dtype);
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
