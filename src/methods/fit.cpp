// One run of any method: checks, the start, the epochs.

#include "core/checks.h"
#include "core/driver.h"
#include "methods/gibbs.h"
#include "methods/method.h"

namespace factorise {
namespace {

template <class Options>
RankLimit limit_of(const Options& options, bool all_is_observed) {
  return all_is_observed && !options.overcomplete() ? RankLimit::smaller_side : RankLimit::none;
}

/// A run before its first epoch.
struct Beginning {
  Factors start;
  Schedule schedule;
};

template <class Options>
Beginning begin(const char* function, const Observed& observed, int64_t rank, const Options& options) {
  if (options.engine() == Engine::fused) check_fused_device(function, observed.device());
  const Factors factors = start_of(function, observed, rank, options);
  Schedule schedule = schedule_of(function, advice_of(options), options, observed.device());
  if constexpr (std::is_same_v<Options, GibbsOptions>) {
    if (const PosteriorCallback& call = options.on_posterior()) {
      schedule.on_session = [call](int64_t epoch, Session& session) {
        return call(epoch, static_cast<PosteriorSession&>(session).posterior());
      };
    }
  }
  return {factors, schedule};
}

template <class Options>
Factors run_checked(const char* function, const Observed& observed, int64_t rank, const Options& options) {
  const auto [start, schedule] = begin(function, observed, rank, options);
  if (schedule.num_epochs == schedule.epochs_done) return start;
  const at::NoGradGuard no_grad;
  const auto session = open(function, observed, start, options);
  drive(*session, schedule);
  return session->result();
}

Posterior sample_checked(const char* function, const Observed& observed, int64_t rank, const GibbsOptions& options) {
  const auto [start, schedule] = begin(function, observed, rank, options);
  const at::NoGradGuard no_grad;
  const auto session = open_posterior(function, observed, start, options);
  drive(*session, schedule);
  return session->posterior();
}

Posterior sample_matrix(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                        const GibbsOptions& options) {
  const PlainComputation plain;
  check_options(function, options);
  return sample_checked(function, observe(function, A, M, rank, limit_of(options, !M)), rank, options);
}

}  // namespace

Factors run(const char* function, const Observed& observed, int64_t rank, const Method& method) {
  const PlainComputation plain;
  const auto* ad = std::get_if<AdOptions>(&method);
  TORCH_CHECK_VALUE(!ad || !ad->mask(), "[", function,
                    "] mask must not be set: the first argument says what is observed.");
  return std::visit(
      [&](const auto& options) {
        check_options(function, options);
        check_rank(function, rank, observed.rows(), observed.columns(),
                   limit_of(options, observed.data().all_is_observed()));
        return run_checked(function, observed, rank, options);
      },
      method);
}

Factors fit_matrix(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                   const Method& method) {
  const PlainComputation plain;
  return std::visit(
      [&](const auto& options) {
        check_options(function, options);
        return run_checked(function, observe(function, A, M, rank, limit_of(options, !M)), rank, options);
      },
      method);
}

Factors fit_entries(const char* function, const Tensor& A, int64_t rank, const Method& method) {
  const PlainComputation plain;
  return std::visit(
      [&](const auto& options) {
        check_options(function, options);
        return run_checked(function, observe_entries(function, A, rank), rank, options);
      },
      method);
}

OpenRun open_run(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                 const Method& method) {
  const PlainComputation plain;
  return std::visit(
      [&](const auto& options) {
        check_options(function, options);
        const bool sparse = A.defined() && !A.is_nested() && A.is_sparse();
        TORCH_CHECK_VALUE(!sparse || !M, "[", function,
                          "] M must be left out where A is sparse: its entries are observed.");
        const Observed observed =
            sparse ? observe_entries(function, A, rank) : observe(function, A, M, rank, limit_of(options, !M));
        const at::NoGradGuard no_grad;
        const Factors start = begin(function, observed, rank, options).start;
        return OpenRun{observed, start, open(function, observed, start, options)};
      },
      method);
}

Posterior gibbs_factorise(const Tensor& A, int64_t rank, const GibbsOptions& options) {
  return sample_matrix("gibbs_factorise", A, std::nullopt, rank, options);
}

Posterior gibbs_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank, const GibbsOptions& options) {
  return sample_matrix("gibbs_factorise_masked", A, M, rank, options);
}

Posterior gibbs_factorise_entries(const Tensor& A, int64_t rank, const GibbsOptions& options) {
  constexpr char function[] = "gibbs_factorise_entries";
  const PlainComputation plain;
  check_options(function, options);
  return sample_checked(function, observe_entries(function, A, rank), rank, options);
}

Posterior sample(const Observed& observed, int64_t rank, const GibbsOptions& options) {
  constexpr char function[] = "sample";
  const PlainComputation plain;
  check_options(function, options);
  check_rank(function, rank, observed.rows(), observed.columns(), limit_of(options, observed.data().all_is_observed()));
  return sample_checked(function, observed, rank, options);
}

Factors fit(const Observed& observed, int64_t rank, const Method& method) { return run("fit", observed, rank, method); }

}  // namespace factorise
