#pragma once
// What bench_factorise can time: one function a subject, each in the file of its name. Each prints its samples.

#include <cstdint>
#include <string>

#include "programs/command_line.h"

namespace factorise::benchmarks {

struct Settings {
  programs::CommonOptions common;  ///< --seed, --threads: the larger of the two thread counts that are timed
  int64_t rows = 1000, columns = 10000, rank = 5;
  double density = 0.35;
  double seconds = 0.2;  ///< how long a sample measures, about
  bool bytes = false;    ///< A as int8, for shapes whose float32 would not fit
  bool ours = false;     ///< the library alone, on the path that it chooses; without small subjects
};

/// Of `quality`: a file of entries to train on and one held out, and the settings of the descent.
struct QualitySettings {
  std::string train, holdout;
  std::string side = "ours";
  int64_t epochs = 50;
  double lr = 0.002, weight_decay = 0, lr_decay = 1;
};

void bench_sgd(const Settings& settings);       ///< an epoch, beside the scalar loops
void bench_lists(const Settings& settings);     ///< the check of a matrix and its entries' lists
void bench_small(const Settings& settings);     ///< lab 1's 3 x 3 matrix, 1000 epochs
void bench_gd(const Settings& settings);        ///< an epoch of full-batch descent
void bench_autograd(const Settings& settings);  ///< an epoch on a dense matrix; iris, 1000 epochs
void bench_mlp(const Settings& settings);       ///< lab 2's networks, one seed and many
void bench_memory(const Settings& settings);    ///< peak memory beyond A and M
void bench_busy(const Settings& settings);      ///< an epoch while another job has a core
void bench_quality(const Settings& settings, const QualitySettings& quality);

}  // namespace factorise::benchmarks
