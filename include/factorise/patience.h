#pragma once
// Early stopping: a run is judged every few epochs by what it has not seen, and ends when that gets no better.
//
//   auto aside = factorise::hold_out(A, M, 0.1, 0);  // factorise/hold_out.h
//   auto error = [&](const factorise::Factors& factors) { return factorise::rmse(aside, factors); };
//   factorise::Patience patience(3, error);
//   auto options = factorise::SgdOptions().num_epochs(200).factors_every(20).on_factors(std::ref(patience));
//   factorise::sgd_factorise_masked(A, aside.seen, 5, options);
//   std::cout << patience.best()->epoch;

#include <factorise/export.h>
#include <factorise/factors.h>

#include <cstdint>
#include <functional>
#include <optional>

namespace factorise {

/// An observer for on_factors, which is copied: give it as std::ref.
class Patience {
 public:
  /// The best of the factors that were judged.
  struct Best {
    Factors factors;  ///< the best so far
    double error;     ///< as `judge` has it
    int64_t epoch;    ///< that led to them
  };

  /// Ends the run when `looks` judgements in a row were no better than the best before them, >= 1. judge: how far
  /// factors are from what the run has not seen; less is better. Throws c10::ValueError for bad arguments.
  FACTORISE_EXPORT Patience(int64_t looks, std::function<double(const Factors&)> judge);

  /// Goes on from what another one, of a run before, knew.
  FACTORISE_EXPORT Patience& resume(std::optional<Best> best, int64_t worse);

  /// Judges; false where the patience is at its end.
  FACTORISE_EXPORT bool operator()(int64_t epoch, const Factors& factors);

  /// Whether the last judgements have used it up.
  bool is_over() const { return worse_ >= looks_; }
  /// The best of what was judged; nothing before the first judgement.
  const std::optional<Best>& best() const { return best_; }
  int64_t worse() const { return worse_; }  ///< judgements since the best

 private:
  int64_t looks_, worse_ = 0;
  std::function<double(const Factors&)> judge_;
  std::optional<Best> best_;
};

}  // namespace factorise
