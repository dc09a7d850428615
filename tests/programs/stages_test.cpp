// `factorise fit` with a hold-out, a patience and checkpoints, killed and resumed: in every case the bits are those of
// one run from end to end.

#include <ATen/Context.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <factorise/hold_out.h>
#include <factorise/io.h>
#include <factorise/sgd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <random>

#include "catch.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

/// A rank-2 matrix with noise, 0 where it is not observed.
Tensor ratings(int64_t m, int64_t n) {
  at::manual_seed(11);
  const Tensor A = at::rand({m, 2}).mm(at::rand({2, n})).add_(at::randn({m, n}), 0.3).add_(1);
  return A.masked_fill(at::rand({m, n}).lt(0.4), 0);
}

std::string files(const std::string& name, int64_t m = 20, int64_t n = 30) {
  const std::string folder = empty_folder(name);
  save_pt(folder + "/A.pt", ratings(m, n));
  return folder;
}

ProcessResult fit(const std::string& folder, const std::vector<std::string>& arguments, ProcessOptions options = {}) {
  return program_in(folder, {"factorise", "fit", "A.pt", "--missing", "zero"}, arguments, std::move(options));
}

void check_same(const std::string& folder, const std::string& a, const std::string& b) {
  for (const char* factor : {"U", "V"}) {
    CHECK(at::equal(load_tensor(folder + "/" + a, factor), load_tensor(folder + "/" + b, factor)));
  }
}

void run(const std::string& folder, std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  const ProcessResult result = fit(folder, arguments);
  INFO(result.err);
  REQUIRE(result.status == 0);
}

/// When a file was written; nothing where there is none.
std::optional<std::filesystem::file_time_type> written(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  return error ? std::nullopt : std::optional(time);
}

}  // namespace

TEST_CASE("checkpoints and going on from one change no bit", "[stages]") {
  const std::string folder = files("stages_bits");
  const std::vector<std::vector<std::string>> runs{
      {"--method", "sgd", "--rank", "3", "--lr", "0.02", "--lr-decay", "0.97", "--weight-decay", "0.1"},
      {"--method", "sgd", "--rank", "9", "--engine", "reference", "--lr-decay", "1.01"},
      {"--method", "sgd", "--rank", "2", "--dtype", "float64", "--hold-out", "0.2"},
      {"--method", "als", "--rank", "3"},
      {"--method", "als", "--rank", "9", "--hold-out", "0.2", "--weighting", "none", "--regularisation", "1"},
      {"--method", "als", "--rank", "2", "--engine", "reference"},
      {"--method", "als", "--rank", "4", "--biases", "--bias-regularisation", "0.3"},
      {"--method", "als", "--rank", "8", "--biases", "--engine", "reference"},
      {"--method", "gibbs", "--rank", "3", "--burn-in", "4"},
      {"--method", "gibbs", "--rank", "9", "--burn-in", "10", "--hold-out", "0.2", "--no-biases", "--keep-every", "3"},
      {"--method", "gibbs", "--rank", "2", "--burn-in", "4", "--dtype", "float64", "--engine", "reference"},
      {"--method", "gd", "--rank", "3", "--lr", "0.001"},
      {"--method", "ad", "--rank", "3", "--lr", "0.001"},
      {"--method", "ad", "--rank", "3", "--loss", "norm", "--engine", "reference"},
  };
  for (const auto& arguments : runs) {
    std::filesystem::remove(folder + "/C.pt");
    run(folder, arguments, {"--epochs", "40", "--output", "once.pt"});
    run(folder, arguments, {"--epochs", "40", "--output", "staged.pt", "--checkpoint", "S.pt", "--every", "7"});
    check_same(folder, "once.pt", "staged.pt");
    run(folder, arguments, {"--epochs", "23", "--checkpoint", "C.pt", "--every", "5"});
    run(folder, arguments, {"--epochs", "40", "--resume", "C.pt", "--output", "resumed.pt"});
    check_same(folder, "once.pt", "resumed.pt");
    // Where nothing is left to be done, nothing is.
    run(folder, arguments, {"--epochs", "40", "--resume", "S.pt", "--output", "again.pt"});
    check_same(folder, "once.pt", "again.pt");
  }
}

TEST_CASE("a run killed at any moment goes on to the same bits", "[stages]") {
  const std::string folder = files("stages_kill", 200, 300);
  const std::map<std::string, std::vector<std::string>> of_method{
      {"sgd", {"--lr", "0.001", "--lr-decay", "0.999"}}, {"als", {}}, {"gibbs", {"--hold-out", "0.1"}}};
  const std::string method = GENERATE("sgd", "als", "gibbs");
  std::vector<std::string> arguments{"--method", method, "--rank", "8", "--epochs", "400"};
  for (const std::string& argument : of_method.at(method)) arguments.push_back(argument);
  run(folder, arguments, {"--output", "once.pt"});
  auto again = arguments;
  again.insert(again.end(), {"--checkpoint", "C.pt", "--resume", "C.pt", "--every", "1", "--output", "F.pt"});
  std::mt19937 draw(5);
  int killed = 0, kept = 0;
  for (int attempt = 0; attempt < 40; ++attempt) {
    ProcessOptions options;
    // Polls are 5 ms apart; a start takes about 70 of them, the run some hundred. The last attempts are left alone.
    // Every other moment is counted from a checkpoint of this attempt on, however slow the machine is.
    const bool in_epochs = attempt % 2 == 1;
    const int moment = attempt < 30 ? static_cast<int>(draw() % (in_epochs ? 40 : 200)) : 1 << 30;
    const auto mark = written(folder + "/C.pt");
    options.signals = {{SIGKILL, [&, polls = 0](pid_t, const ProcessResult&) mutable {
                          if (in_epochs && written(folder + "/C.pt") == mark) return false;
                          return polls++ >= moment;
                        }}};
    const ProcessResult result = fit(folder, again, options);
    INFO(result.err);
    if (result.status == 0) break;
    REQUIRE(result.status == 128 + SIGKILL);
    ++killed;
    // The result is there or not, as the kill came after its last step or before, but never a part of it.
    if (std::filesystem::exists(folder + "/F.pt")) check_same(folder, "once.pt", "F.pt");
    std::filesystem::remove(folder + "/F.pt");
    if (!std::filesystem::exists(folder + "/C.pt")) continue;
    CHECK_NOTHROW(load_pt(folder + "/C.pt"));  // whole
    ++kept;
  }
  CHECK(killed > 0);
  CHECK(kept > 0);
  check_same(folder, "once.pt", "F.pt");
}

TEST_CASE("Ctrl-C leaves a checkpoint of the last epoch, not of the last stage", "[stages]") {
  const std::string folder = files("stages_interrupt");
  const std::vector<std::string> arguments{"--method", "sgd", "--rank", "2", "--lr", "0.0001"};
  // Before its first look, and after some; then it goes on from between two.
  const std::string every = GENERATE("1000000000", "50");
  auto endless = arguments;
  endless.insert(endless.end(), {"--checkpoint", "C.pt", "--epochs", "1000000000", "--every", every});
  ProcessOptions options;
  options.terminal = true;
  options.environment["TERM"] = "xterm";
  options.signals = {
      {SIGINT, [](pid_t, const ProcessResult& so_far) { return so_far.out.find(" left") != std::string::npos; }}};
  const ProcessResult stopped = fit(folder, endless, options);
  INFO(stopped.out);
  CHECK(stopped.status == 130);
  CHECK_THAT(stopped.out, contains("--resume C.pt goes on from there."));
  int64_t epoch = 0;
  const PtValue file = load_pt(folder + "/C.pt");
  for (const auto& [key, value] : std::get<PtValue::Dict>(file.value).items) {
    if (std::get<std::string>(key.value) == "epoch") epoch = std::get<int64_t>(value.value);
  }
  REQUIRE(epoch > (every == "50" ? 50 : 0));
  CHECK_THAT(stopped.out, contains("stopped after " + std::to_string(epoch) + " of"));
  const std::string epochs = std::to_string(epoch + 13);
  run(folder, arguments, {"--epochs", epochs, "--output", "once.pt"});
  run(folder, arguments, {"--epochs", epochs, "--resume", "C.pt", "--output", "resumed.pt"});
  check_same(folder, "once.pt", "resumed.pt");
  run(folder, arguments,
      {"--epochs", epochs, "--resume", "C.pt", "--output", "F.pt", "--checkpoint", "C.pt", "--every", "4"});
  check_same(folder, "once.pt", "F.pt");
}

TEST_CASE("a step size that decays to nothing ends no run", "[stages]") {
  const std::string folder = files("stages_decay");
  const std::vector<std::string> arguments{"--method", "sgd", "--rank", "2", "--lr-decay", "1e-10"};
  run(folder, arguments, {"--epochs", "60", "--output", "F.pt", "--checkpoint", "C.pt"});
  run(folder, arguments, {"--epochs", "90", "--output", "more.pt", "--resume", "C.pt"});
  run(folder, arguments, {"--epochs", "20", "--output", "few.pt"});
  check_same(folder, "F.pt", "few.pt");
  check_same(folder, "F.pt", "more.pt");
}

TEST_CASE("a hold-out is not seen, and its error is the library's", "[stages]") {
  const std::string folder = files("stages_hold_out");
  const std::vector<std::string> arguments{"--method", "sgd", "--rank", "2", "--epochs", "50"};
  run(folder, arguments, {"--hold-out", "0.2", "--split-seed", "3", "--output", "F.pt", "--json", "run.json"});
  const Tensor A = ratings(20, 30);
  const HoldOut aside = hold_out(A, A.ne(0), 0.2, 3);
  const Factors expected = sgd_factorise_masked(A, aside.seen, 2, SgdOptions().seed(0).num_epochs(50));
  CHECK(at::equal(load_tensor(folder + "/F.pt", "U"), expected.U));
  const auto json = nlohmann::ordered_json::parse(content_of(folder + "/run.json"));
  CHECK(json["hold_out"]["share"] == 0.2);
  CHECK(json["hold_out"]["seed"] == 3);
  CHECK(json["hold_out"]["rmse"].get<double>() == rmse(aside, expected));
  CHECK(json["observed"] == A.ne(0).sum().item<int64_t>() - aside.rows.numel());
}

TEST_CASE("patience keeps the best of what was looked at, also when resumed", "[stages]") {
  const std::string folder = files("stages_patience");
  const Tensor A = ratings(20, 30);
  const HoldOut aside = hold_out(A, A.ne(0), 0.3, 0);
  // What it does by hand. A rank of 8 fits the noise of 250 entries soon.
  const auto after = [&](int64_t epochs) {
    return sgd_factorise_masked(A, aside.seen, 8, SgdOptions().seed(0).num_epochs(epochs).lr(0.05));
  };
  int64_t best = 0, epoch = 0, worse = 0;
  double least = 1e9;
  while (worse < 2 && epoch < 2000) {
    const double error = rmse(aside, after(epoch += 10));
    worse = error < least ? 0 : worse + 1;
    if (worse == 0) best = epoch;
    least = std::min(least, error);
  }
  REQUIRE(epoch < 2000);
  const std::vector<std::string> arguments{"--method",   "sgd",      "--rank",  "8",          "--lr",
                                           "0.05",       "--epochs", "2000",    "--hold-out", "0.3",
                                           "--patience", "2",        "--every", "10"};
  run(folder, arguments, {"--output", "F.pt", "--json", "run.json", "--checkpoint", "C.pt"});
  const auto json = nlohmann::ordered_json::parse(content_of(folder + "/run.json"));
  CHECK(json["epochs"] == best);
  CHECK(json["epochs_run"] == epoch);
  CHECK(json["hold_out"]["rmse"].get<double>() == least);
  CHECK(at::equal(load_tensor(folder + "/F.pt", "V"), after(best).V));
  run(folder, arguments, {"--output", "again.pt", "--resume", "C.pt", "--json", "again.json"});
  check_same(folder, "F.pt", "again.pt");
  CHECK(nlohmann::ordered_json::parse(content_of(folder + "/again.json"))["epochs_run"] == epoch);
}

TEST_CASE("a checkpoint of another run is refused, and names what differs", "[stages]") {
  const std::string folder = files("stages_refused");
  const std::vector<std::string> arguments{"--method", "sgd", "--rank", "2", "--epochs", "30"};
  run(folder, arguments, {"--checkpoint", "C.pt"});
  save_pt(folder + "/B.pt", at::rand({20, 30}));
  const std::vector<std::tuple<std::vector<std::string>, int, std::string>> failures{
      {{"--resume", "C.pt", "--rank", "3"}, 1, "C.pt is of another run: rank was 2, but is 3."},
      {{"--resume", "C.pt", "--seed", "1"}, 1, "seed was 0, but is 1"},
      {{"--resume", "C.pt", "--lr", "0.02"}, 1, "lr was 0.01, but is 0.02"},
      {{"--resume", "C.pt", "--engine", "reference"}, 1, "engine was fused, but is reference"},
      {{"--resume", "C.pt", "--dtype", "float64"}, 1, "matrix was 20x30 Float"},
      {{"--resume", "C.pt", "--hold-out", "0.5"}, 1, "matrix was 20x30 Float"},
      {{"--resume", "C.pt", "--epochs", "20"}, 1, "C.pt is after epoch 30 already, but --epochs is 20."},
      {{"--resume", "B.pt"}, 1, "B.pt must be a checkpoint"},
      {{"--resume", "none.pt"}, 1, "none.pt"},
      {{"--checkpoint", "no/C.pt"}, 1, "--checkpoint cannot be written to no/C.pt"},
      {{"--patience", "2"}, 2, "--patience is for --hold-out alone, but there is none."},
      {{"--split-seed", "2"}, 2, "--split-seed is for --hold-out alone, but there is none."},
      {{"--every", "2"}, 2, "--every is for --checkpoint and --patience alone, but there is none."},
      {{"--hold-out", "0"}, 2, "--hold-out must be a number above 0 and below 1, but was '0'."},
      {{"--hold-out", "1"}, 2, "--hold-out must be a number above 0 and below 1, but was '1'."},
      {{"--hold-out", "0.000001"}, 1, "sets 0 aside"},
  };
  for (const auto& [more, status, sentence] : failures) {
    auto all = arguments;
    all.insert(all.end(), more.begin(), more.end());
    all.insert(all.end(), {"--output", "F.pt"});
    const ProcessResult result = fit(folder, all);
    INFO(result.err);
    CHECK(result.status == status);
    CHECK_THAT(result.err, contains(sentence));
    CHECK_FALSE(std::filesystem::exists(folder + "/F.pt"));
  }
}

TEST_CASE("a stage that diverges names the epoch of the whole run", "[stages]") {
  const std::string folder = files("stages_diverge");
  const std::vector<std::string> arguments{"--method", "sgd", "--rank", "2", "--lr", "0.3", "--lr-decay", "1.1"};
  const ProcessResult once = fit(folder, arguments);
  auto staged_arguments = arguments;
  staged_arguments.insert(staged_arguments.end(), {"--checkpoint", "C.pt", "--every", "1"});
  const ProcessResult staged = fit(folder, staged_arguments);
  CHECK(once.status == 1);
  CHECK(staged.status == 1);
  const auto epoch = [](const std::string& text) { return text.substr(text.find("after epoch"), 15); };
  CHECK(epoch(once.err) == epoch(staged.err));
}
