#pragma once
// The boundary of fused SGD: A and M checked in one pass, without a copy of either, and packed for the kernels.

#include <factorise/factors.h>

#include <optional>

#include "cpu/sgd_ratings.h"
#include "factorise/arguments.h"

namespace factorise {

/// A matrix, its mask and what is known of them.
struct SgdProblem {
  Problem problem;                     ///< A and observed as they were given, detached; on a GPU as check_problem's
  cpu::SgdCounts counts;               ///< on the CPU
  std::optional<cpu::EntryList> list;  ///< of a sparse A, values in the computing type
};

/// Checks what check_problem checks.
SgdProblem check_sgd_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                             RankLimit limit);

/// Checks a sparse A and the rank, for both engines.
SgdProblem check_sgd_entries(const char* function, const Tensor& A, int64_t rank);

/// Over the observed entries.
double squared_error(const SgdProblem& sgd, const Factors& factors);

/// The ratings as sgd_epochs reads them.
Tensor pack_sgd_problem(const SgdProblem& sgd, cpu::SgdPath path);

}  // namespace factorise
