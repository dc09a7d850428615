#pragma once
// Exercise 4.1 beside the answers that other people published for it (reported.h). They give no seed, so ours are those
// of a few seeds. They are of the course's ratings; any other file's are set beside them, and said to be another's.

#include <string>
#include <vector>

#include "programs/comparison.h"
#include "programs/lab1_results.h"
#include "programs/terminal.h"

namespace factorise::programs::lab1 {

/// Whether 4.1's answers may stand beside the published ones: ratings that are not made up, the sheet's rank, epochs,
/// step, film and user, and a rating predicted.
bool has_public_answers(const Options& options, const Ratings& ratings, const Completed& completed);

/// The three figures of 4.1, the published ones, ours, and ours over the seeds, as a table with a line on what they are
/// of. `results.over_seeds` must not be empty.
std::string beside_public_answers(const Results& results, const Style& style);

/// The same as rows of the comparison, without verdicts; none where `results.over_seeds` is empty.
std::vector<Comparison> compare_with_public_answers(const Results& results);

}  // namespace factorise::programs::lab1
