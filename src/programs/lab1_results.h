#pragma once
// Lab 1's options and results, the comparison with the reports' figures, and JSON (docs/json.md).

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "programs/command_line.h"
#include "programs/comparison.h"
#include "programs/lab1_exercises.h"
#include "programs/lab_runs.h"
#include "programs/terminal.h"

namespace factorise::programs::lab1 {

/// The options of a run.
struct Options {
  CommonOptions common;
  int runs = 200;
  std::string ratings, key, titles;
  bool offline = false;
  Query query;
  int64_t rank = 5, epochs = 1000;
  int rating_seeds = 5;  ///< of 4.1, where its answers are compared with published ones
  double lr = 1e-5;
  // Found on a grid: the sheet's lr 0.01 diverges on ratings. These are good on MovieLens 100k as well.
  int64_t sgd_epochs = 200;
  double sgd_lr = 0.004, sgd_weight_decay = 0.02, sgd_lr_decay = 0.98;
};

/// A run of the comparison.
struct Seeded {
  Factors factors;
  double loss;  ///< against the whole matrix
};

/// Everything that lab 1 computes at one seed, and over the seeds.
struct Results {
  std::optional<Factorised> whole, masked;
  std::optional<Factorised> seeded_whole, seeded_masked;  ///< at the seeds that a report gives
  TruncatedSvd svd;
  double svd_loss = 0;
  Runs<Seeded> whole_runs, masked_runs;
  RatingsSource source = RatingsSource::stand_in;
  bool is_course = false;
  std::vector<int64_t> shape;
  std::string movie;
  Completed completed{};
  std::vector<SeededAnswer> over_seeds;  ///< of 4.1, this seed first; empty where nothing is published to compare with
  std::optional<Completed> exact;
  std::optional<double> hold_out;
};

/// A row for every figure of the reports, in the sheet's order.
std::vector<Comparison> compare(const Results& results);

nlohmann::ordered_json to_json(const Options& options, c10::Device device, const Ratings& ratings,
                               const Results& results, const std::vector<Comparison>& comparisons);

/// Exercise 4.1 beside the answers that other people published for it (reported.h). They give no seed, so ours are
/// those of a few seeds. They are of the course's ratings; for any other file the output says that its ratings
/// are not the course's.
///
/// Whether 4.1's answers may be compared with the published ones: ratings that are not made up, the sheet's rank,
/// epochs, step, film and user, and a rating predicted.
bool has_public_answers(const Options& options, const Ratings& ratings, const Completed& completed);

/// The three figures of 4.1, the published ones, ours, and ours over the seeds, as a table with a line on what they are
/// of. `results.over_seeds` must not be empty.
std::string beside_public_answers(const Results& results, const Style& style);

/// The same as rows of the comparison, without verdicts; none where `results.over_seeds` is empty.
std::vector<Comparison> compare_with_public_answers(const Results& results);

}  // namespace factorise::programs::lab1
