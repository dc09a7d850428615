#pragma once
// The boundary of fused SGD: A and M checked in one pass, without a copy of either, and packed for the kernels.

#include <factorise/factors.h>

#include <optional>

#include "cpu/sgd_ratings.h"
#include "factorise/arguments.h"

namespace factorise {

/// A matrix, its mask and what is known of them.
struct SgdProblem {
  Problem problem;        ///< A and observed as they were given, detached; on a GPU as check_problem's
  cpu::SgdCounts counts;  ///< on the CPU
};

/// Checks what check_problem checks.
SgdProblem check_sgd_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                             RankLimit limit);

/// The ratings as sgd_epochs reads them.
Tensor pack_sgd_problem(const SgdProblem& sgd, cpu::SgdPath path);

}  // namespace factorise
