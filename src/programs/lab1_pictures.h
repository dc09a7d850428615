#pragma once
// The data of lab 1's pictures in ./labs report that the exercises do not compute: curves over the epochs, the places
// of the ratings, and the distribution of the predictions for each rating.

#include <factorise/factors.h>

#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace factorise::programs::lab1 {

/// The squared loss of one seed's exercise 1.1.
struct LossCurve {
  uint64_t seed;
  std::vector<int64_t> epochs;  ///< 1, 2, ... 10, then some 20 for each tenfold, evenly on a logarithmic axis
  std::vector<double> losses;   ///< after those epochs; of a run that diverges, up to there
};
std::vector<LossCurve> loss_curves(const std::vector<uint64_t>& seeds, const Tensor& A);

/// The share of ratings given in each block of a grid over the matrix, at most 50 x 100. A: movies x users, 0 where not
/// rated.
Tensor rated_share(const Tensor& A);

/// The distribution of the predictions for each whole rating.
struct Predictions {
  std::vector<double> edges;  ///< of the bins, one more than there are bins; the outer ones count what is beyond too
  struct Given {
    int64_t rating, count;
    double mean;                 ///< of the predictions
    std::vector<double> shares;  ///< of the predictions in each bin
  };
  std::vector<Given> given;  ///< ratings rounded to whole numbers; none where they are over more than 20 numbers
};
Predictions predictions_by_rating(const Tensor& A, const Factors& factors);

nlohmann::ordered_json to_json(const std::vector<LossCurve>& curves);
nlohmann::ordered_json to_json(const Predictions& predictions);

}  // namespace factorise::programs::lab1
