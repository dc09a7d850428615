// `factorise fit --config`: options from a file.

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <factorise/io.h>
#include <factorise/sgd.h>

#include <fstream>

#include "catch.h"
#include "process.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

/// 0 where it is missing.
Tensor matrix() { return at::tensor({1.0, 0.0, 2.0, 3.0, 4.0, 0.0, 5.0, 2.0, 1.0}).view({3, 3}).to(at::kFloat); }

ProcessResult fit(const std::string& folder, const std::vector<std::string>& arguments) {
  return program_in(folder, {"factorise", "fit", "A.pt"}, arguments);
}

std::string files(const std::string& name, const std::string& config) {
  const std::string folder = empty_folder(name);
  save_pt(folder + "/A.pt", matrix());
  std::ofstream(folder + "/fit.toml") << config;
  return folder;
}

}  // namespace

TEST_CASE("options come from a file; the command line counts more", "[config]") {
  const std::string folder = files("config_options",
                                   "# a comment\n[fit]\nmethod = \"sgd\"\nrank = 2\nepochs = 40\nweight-decay = 0.1\n"
                                   "plot = true\nmissing = \"zero\"\n");
  const ProcessResult result = fit(folder, {"--config", "fit.toml", "--epochs", "30", "--output", "F.pt"});
  INFO(result.err);
  REQUIRE(result.status == 0);
  CHECK_THAT(result.out, contains("│"));
  const Factors expected =
      sgd_factorise_masked(matrix(), matrix().ne(0), 2, SgdOptions().seed(0).num_epochs(30).weight_decay(0.1));
  CHECK(at::equal(load_tensor(folder + "/F.pt", "U"), expected.U));
  CHECK(at::equal(load_tensor(folder + "/F.pt", "V"), expected.V));
}

TEST_CASE("--config is an option of the verb that takes it", "[config]") {
  CHECK_THAT(program({"factorise", "fit", "--help"}).out, contains("--config FILE"));
  CHECK(program({"factorise", "--help"}).out.find("--config") == std::string::npos);
  CHECK_THAT(program({"factorise", "predict", "--config", "fit.toml"}).err, contains("unknown option '--config'."));
  // Of two the last counts.
  const std::string folder = files("config_twice", "[fit]\nmethod = \"sgd\"\nrank = 2\nepochs = 4\n");
  std::ofstream(folder + "/other.toml") << "[fit]\nepochs = 3\nlr = 0.5\n";
  const ProcessResult fitted = fit(folder, {"--config", "other.toml", "--config", "fit.toml"});
  CHECK_THAT(fitted.out, contains("sgd, rank 2, 4 epochs, lr 0.01"));
}

TEST_CASE("a file with other than options is refused in a sentence", "[config]") {
  for (const auto& [config, sentence] : std::vector<std::pair<std::string, std::string>>{
           {"[fit]\nrnak = 2\n", "must hold options of a verb below its name, but has 'fit.rnak'."},
           {"rank = 2\n", "below its name, but has 'rank'."},
           {"[fti]\nrank = 2\n", "below its name, but has 'fti'."},
           {"[fit]\nconfig = \"fit.toml\"\n", "below its name, but has 'fit.config'."},
           {"[fit]\nrank = two\n", "--rank must be a whole number of at least 1, but was 'two'."},
           {"[fit]\nepochs = 2\n", "--rank is required"}}) {
    const std::string folder = files("config_refused", config);
    const ProcessResult refused = fit(folder, {"--method", "sgd", "--config", "fit.toml"});
    INFO(refused.err);
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, contains(sentence));
    CHECK_THAT(fit(folder, {"--config", "none.toml"}).err, contains("the file that --config gives cannot be read"));
  }
}
