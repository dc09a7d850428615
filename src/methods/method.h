#pragma once
// What a method is made of: overloads for its type of options, which are all that the driver of a run calls. A new
// method is a file with these three, its options, and an alternative of Method (factorise/fit.h).

#include <factorise/fit.h>

#include <memory>

#include "core/checks.h"
#include "core/observed_data.h"
#include "core/session.h"

namespace factorise {

/// Refuses bad numbers among the options.
void check_options(const char* function, const SgdOptions& options);
void check_options(const char* function, const GdOptions& options);
void check_options(const char* function, const AdOptions& options);
void check_options(const char* function, const AlsOptions& options);
void check_options(const char* function, const GibbsOptions& options);

/// What to try when a run diverges, as a clause.
inline const char* advice_of(const SgdOptions&) { return "a smaller lr, or weight_decay"; }
inline const char* advice_of(const GdOptions&) { return "a smaller lr"; }
inline const char* advice_of(const AdOptions&) { return "a smaller lr"; }
inline const char* advice_of(const AlsOptions&) { return "a larger regularisation"; }
inline const char* advice_of(const GibbsOptions&) { return "A in float64, or a smaller rank"; }

/// The factors that a run starts from, checked or drawn.
template <class Options>
Factors start_of(const char* function, const Observed& observed, int64_t rank, const Options& options) {
  return start(function, observed, rank, options.initial(), options.seed());
}
Factors start_of(const char* function, const Observed& observed, int64_t rank, const AlsOptions& options);
Factors start_of(const char* function, const Observed& observed, int64_t rank, const GibbsOptions& options);

/// Packs what is observed for the engine and the device. The session changes `start` in place. Called without grad.
std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const SgdOptions& options);
std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const GdOptions& options);
std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const AdOptions& options);
std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const AlsOptions& options);
std::unique_ptr<Session> open(const char* function, const Observed& observed, const Factors& start,
                              const GibbsOptions& options);

/// The body of the sheets' functions: observes a matrix, and a mask of it, or the entries of a sparse one, and
/// factorises that.
Factors fit_matrix(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                   const Method& method);
Factors fit_entries(const char* function, const Tensor& A, int64_t rank, const Method& method);

/// A run on a matrix, or on the entries of a sparse one, before its first epoch.
struct OpenRun {
  Observed observed;
  Factors start;  ///< changed by the session
  std::unique_ptr<Session> session;
};
FACTORISE_INTERNAL OpenRun open_run(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                                    const Method& method);

/// Checks the arguments, draws the start, and runs the epochs.
Factors run(const char* function, const Observed& observed, int64_t rank, const Method& method);

}  // namespace factorise
