// bench_factorise: times one thing a call and prints JSON lines, one a sample, for run.py to set beside the other
// sides.

#include <factorise/datasets.h>
#include <factorise/io.h>

#include <array>
#include <thread>

#include "benchmarks/problem.h"
#include "benchmarks/subjects.h"

namespace factorise::benchmarks {
namespace {

struct Verb {
  const char* name;
  const char* description;
  void (*run)(const Settings&);
};

constexpr std::array kVerbs{
    Verb{"sgd", "An epoch of SGD: scalar loops, and the library on one and several threads", bench_sgd},
    Verb{"lists", "What comes before the epochs: the check of a matrix, lists by row and by column", bench_lists},
    Verb{"small", "Lab 1's 3 x 3 matrix, 1000 epochs of SGD", bench_small},
    Verb{"gd", "An epoch of full-batch descent", bench_gd},
    Verb{"autograd", "An epoch of descent by autograd on a dense matrix; iris, 1000 epochs", bench_autograd},
    Verb{"mlp", "Lab 2's networks, a seed", bench_mlp},
    Verb{"memory", "Peak memory beyond A and M", bench_memory},
    Verb{"busy", "An epoch of SGD while another job has a core", bench_busy},
};

void add_settings(CLI::App& app, Settings& settings) {
  using namespace programs;
  add_integer(app, "--rows", settings.rows, {.low = 1}, "Rows of A");
  add_integer(app, "--columns", settings.columns, {.low = 1}, "Columns of A");
  add_integer(app, "--rank", settings.rank, {.low = 1, .high = 256}, "Columns of U and V");
  add_real(app, "--density", settings.density, {.low = 0, .high = 1, .low_allowed = false}, "Share of A observed");
  add_real(app, "--seconds", settings.seconds, {.low = 0}, "How long a sample measures, about");
  add_flag(app, "--bytes", settings.bytes, "A as int8, for shapes whose float32 would not fit");
  add_flag(app, "--ours", settings.ours, "sgd: the library alone, on the path that it chooses; autograd: without iris");
  add_common_options(app, settings.common);
}

void add_quality(CLI::App& app, Settings& settings, QualitySettings& quality) {
  using namespace programs;
  add_text(app, "--train", quality.train, "FILE", "Entries to train on, as `problem` writes them");
  add_text(app, "--holdout", quality.holdout, "FILE", "Entries held out");
  add_choice(app, "--side", quality.side, {"ours", "scalar"}, "The library, or a scalar loop over entry lists");
  add_integer(app, "--epochs", quality.epochs, {.low = 1}, "Epochs of the curve");
  add_real(app, "--lr", quality.lr, {.low = 0, .low_allowed = false}, "Step size");
  add_real(app, "--weight-decay", quality.weight_decay, {.low = 0}, "L2 shrinkage of U and V");
  add_real(app, "--lr-decay", quality.lr_decay, {.low = 0, .low_allowed = false}, "Factor on lr after each epoch");
  add_settings(app, settings);
  for (const char* name : {"--train", "--holdout"}) require(app, name);
}

}  // namespace
}  // namespace factorise::benchmarks

int main(int argc, char** argv) {
  using namespace factorise;
  using namespace factorise::benchmarks;
  Settings settings;
  settings.common.threads = static_cast<int>(std::thread::hardware_concurrency());
  QualitySettings quality;
  std::string output;
  std::array<bool, kVerbs.size()> chosen{};
  bool writes_problem = false, writes_stand_in = false, measures_quality = false;
  const auto describe = [&](CLI::App& app) {
    programs::set_description(app, "Times one part of factorise and prints JSON lines. ./labs bench runs all of it.");
    for (size_t i = 0; i < kVerbs.size(); ++i) {
      add_settings(programs::add_verb(app, kVerbs[i].name, kVerbs[i].description, chosen[i]), settings);
    }
    add_quality(programs::add_verb(app, "quality", "SSE and hold-out RMSE against seconds", measures_quality), settings,
                quality);
    auto& problem = programs::add_verb(app, "problem", "Write made-up ratings as float32 triples", writes_problem);
    programs::add_text(problem, "--output", output, "FILE", "Where to");
    add_settings(problem, settings);
    programs::require(problem, "--output");
    auto& stand_in =
        programs::add_verb(app, "stand-in", "Write the ratings that stand in for the course's as .pt", writes_stand_in);
    programs::add_text(stand_in, "--output", output, "FILE", "Where to");
    programs::require(stand_in, "--output");
  };
  const auto body = [&] {
    for (size_t i = 0; i < kVerbs.size(); ++i) {
      if (chosen[i]) kVerbs[i].run(settings);
    }
    if (measures_quality) bench_quality(settings, quality);
    if (writes_problem) {
      write_problem(random_problem(settings.rows, settings.columns, settings.density, settings.common.seed), output);
    }
    if (writes_stand_in) save_pt(output, stand_in_ratings());
  };
  return programs::run_program(argc, argv, "bench_factorise", describe, body);
}
