// What is read, as tensors; and the way back.

#include "io/entries.h"

#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/ones.h>
#include <c10/util/StringUtil.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "io/atomic_file.h"
#include "io/contents.h"
#include "io/csv.h"
#include "io/entries_order.h"
#include "io/entries_reader.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "load_entries";

/// The line of an entry is not kept: the file is read again to find it.
[[noreturn]] void refuse_second(const std::filesystem::path& path, const EntriesOptions& options,
                                const RawEntry& entry) {
  const RawEntries raw = read_raw_entries(path, options.columns, /*with_lines=*/true);
  const auto same = [&](const RawEntry& other) { return other.row == entry.row && other.column == entry.column; };
  const auto first = std::find_if(raw.entries.begin(), raw.entries.end(), same);
  const auto second = std::find_if(first + 1, raw.entries.end(), same);
  const auto line = [&](auto at) { return raw.lines[static_cast<size_t>(at - raw.entries.begin())]; };
  refuse_file(c10::str("[", kFunction, "] ", path.string(), ", line ", line(second),
                       ": every entry must be given once, but this one is already given on line ", line(first),
                       ". --duplicates last, first or mean takes one value of them."));
}

}  // namespace

SparseEntries load_entries(const std::filesystem::path& path, c10::ScalarType dtype, const EntriesOptions& options) {
  const auto [entries, row_ids, column_ids] =
      ordered(read_raw_entries(path, options.columns, /*with_lines=*/false), options.duplicates,
              [&](const RawEntry& entry) { refuse_second(path, options, entry); });
  return {sparse_of(entries, row_ids.size(), column_ids.size(), dtype), row_ids, column_ids};
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
