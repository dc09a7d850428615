#pragma once
// The checks of a matrix to factorise: every function that takes one makes an Observed of it here, and works on that.
// The forms that a method reads are made at their first use. A message has the form "[function] what must hold, but
// what was given".

#include <factorise/export.h>
#include <factorise/factors.h>
#include <factorise/observed.h>

#include <mutex>
#include <string>

#include "cpu/lists.h"

namespace factorise {

/// A value that is made at its first use, by one thread.
template <class T>
class Lazy {
 public:
  template <class Make>
  const T& get(Make make) const {
    std::call_once(made_, [&] { value_ = make(); });
    return value_;
  }

 private:
  mutable std::once_flag made_;
  mutable T value_;
};

struct Observed::Data {
  Tensor A;                         ///< as it was given, detached; m x n
  Tensor M;                         ///< as it was given, detached; undefined where all is observed, and for entries
  std::optional<EntryLists> given;  ///< of entries: by row, with values of A's own type

  bool is_sparse() const { return given.has_value(); }
  bool all_is_observed() const { return !is_sparse() && !M.defined(); }
  std::optional<Tensor> mask_as_given() const { return M.defined() ? std::optional(M) : std::nullopt; }

  /// Of a matrix, or of entries, on the CPU: the counts and checks of one pass over it.
  const cpu::EntryCounts& counts() const;
  /// Of a matrix: in its computing type, contiguous, 0 where it is not observed.
  FACTORISE_INTERNAL const Tensor& dense() const;
  /// Of a matrix: what is observed, as bool, contiguous; undefined where all is.
  FACTORISE_INTERNAL const Tensor& observed() const;
  std::optional<Tensor> mask() const { return observed().defined() ? std::optional(observed()) : std::nullopt; }

  const EntryLists& by_row() const;
  const EntryLists& by_column() const;
  /// The mean of the observed entries in the computing type: in float64, the rows' sums added in order.
  double mean() const;

 private:
  Lazy<cpu::EntryCounts> counts_;
  Lazy<Tensor> dense_, observed_;
  Lazy<EntryLists> by_row_, by_column_;
  Lazy<double> mean_;
};

/// Observes a matrix without reading its values: for functions that take any values. A sparse A has no mask.
Observed observe_any(const char* function, const Tensor& A, const std::optional<Tensor>& M);

/// Refuses a mask that holds NaN, for functions that do not read the values otherwise.
void check_marks(const char* function, const Observed& observed);

/// Refuses entries that are not finite, in their own type, and names the first one.
void check_finite_entries(const char* function, const Observed& observed);

/// Which ranks are allowed above min(m, n): a factorisation has none, a completion or an overcomplete one has.
enum class RankLimit { smaller_side, none };

/// Observes a matrix to factorise at a rank: as Observed::all, or as Observed::masked.
FACTORISE_INTERNAL Observed observe(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                                    RankLimit limit);

/// As Observed::entries.
Observed observe_entries(const char* function, const Tensor& A, int64_t rank);

/// The lists' pointers.
template <class T>
cpu::EntryLists<T> pointers(const EntryLists& lists, int64_t rows, int64_t columns) {
  return {rows, columns, lists.starts.const_data_ptr<int64_t>(), lists.indices.const_data_ptr<int32_t>(),
          static_cast<const T*>(lists.values.const_data_ptr())};
}

/// The rows of lists' entries, int64, one for each.
Tensor rows_of(const EntryLists& lists);

/// The entries of lists by row where `kept` (bool, one for each) is true, as a sparse COO matrix.
Tensor sparse_of(const EntryLists& lists, const Tensor& kept, int64_t rows, int64_t columns);

/// squared_error over the observed entries; U and V must fit.
double squared_error(const Observed& observed, const Factors& factors);

}  // namespace factorise
