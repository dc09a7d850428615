// `factorise fit` run as a program: its results are the library's, its files whole, its refusals sentences.

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <factorise/als.h>
#include <factorise/autograd.h>
#include <factorise/gd.h>
#include <factorise/gibbs.h>
#include <factorise/io.h>
#include <factorise/sgd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "catch.h"
#include "places.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::ordered_json;

namespace {

/// The sheet's matrix; the same with what is missing as NaN, and as 0; and the mask.
Tensor whole() {
  return at::tensor({0.3374, 0.6005, 0.1735, 3.3359, 0.0492, 1.8374, 2.9407, 0.5301, 2.2620})
      .view({3, 3})
      .to(at::kFloat);
}
Tensor mask() { return at::tensor({1, 1, 1, 0, 1, 1, 1, 0, 1}).view({3, 3}); }
Tensor with_missing(double value) { return whole().masked_fill(mask().eq(0), value); }

/// A folder with those files.
std::string files(const std::string& name) {
  const std::string folder = empty_folder(name);
  save_pt(folder + "/A.pt", whole());
  save_pt(folder + "/N.pt", with_missing(std::nan("")));
  save_pt(folder + "/Z.pt", with_missing(0));
  save_pt(folder + "/both.pt", {{"ratings", with_missing(7)}, {"mask", mask()}});
  return folder;
}

ProcessResult fit(const std::string& folder, const std::vector<std::string>& arguments, ProcessOptions options = {}) {
  return program_in(folder, {"factorise", "fit"}, arguments, std::move(options));
}

Factors factors_of(const std::string& path) { return {load_tensor(path, "U"), load_tensor(path, "V")}; }

void check_same(const Factors& a, const Factors& b) {
  CHECK(at::equal(a.U, b.U));
  CHECK(at::equal(a.V, b.V));
}

Schema fit_schema() {
  return Schema::object(
      {{"method", Schema::text()},
       {"engine", Schema::text()},
       {"device", Schema::text()},
       {"rank", Schema::whole()},
       {"epochs", Schema::whole()},
       {"lr", Schema::number().or_null()},
       {"weight_decay", Schema::number().or_null()},
       {"lr_decay", Schema::number().or_null()},
       {"regularisation", Schema::number().or_null()},
       {"biases", Schema::truth().or_null()},
       {"bias_regularisation", Schema::number().or_null()},
       {"burn_in", Schema::whole().or_null()},
       {"keep_every", Schema::whole().or_null()},
       {"weighting", Schema::text().or_null()},
       {"objective", Schema::text().or_null()},
       {"seed", Schema::whole()},
       {"shape", Schema::list(Schema::whole(), 2)},
       {"observed", Schema::whole()},
       {"unobserved_rows", Schema::whole()},
       {"unobserved_columns", Schema::whole()},
       {"mean", Schema::number()},
       {"loss", Schema::number()},
       {"draws", Schema::whole().or_null()},
       {"noise_variance", Schema::number().or_null()},
       {"hold_out", judgement_schema({{"share", Schema::number()}, {"seed", Schema::whole()}}).or_null()},
       {"test", judgement_schema({{"file", Schema::text()}}).or_null()},
       {"clip", Schema::list(Schema::number(), 2).or_null()},
       {"epochs_run", Schema::whole()},
       {"seconds", Schema::number()},
       {"output", Schema::text().or_null()}});
}

}  // namespace

TEST_CASE("fit writes the factors that the library returns, bit for bit", "[fit]") {
  const std::string folder = files("fit_bits");
  const Tensor A = whole(), M = mask();
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--rank", "2", "--seed", "3", "--epochs", "40", "--output", "F.pt"});
    const ProcessResult result = fit(folder, arguments);
    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK(result.err == "");
    return factors_of(folder + "/F.pt");
  };
  const auto sgd = SgdOptions().seed(3).num_epochs(40);
  check_same(run({"A.pt", "--method", "sgd"}), sgd_factorise(A, 2, sgd));
  check_same(run({"A.pt", "--method", "sgd", "--lr", "0.02", "--weight-decay", "0.1", "--lr-decay", "0.9"}),
             sgd_factorise(A, 2, SgdOptions(sgd).lr(0.02).weight_decay(0.1).lr_decay(0.9)));
  check_same(run({"--missing", "nan", "--method", "sgd", "N.pt"}), sgd_factorise_masked(A, M, 2, sgd));
  check_same(run({"Z.pt", "--method", "sgd", "--missing", "zero"}), sgd_factorise_masked(A, M, 2, sgd));
  check_same(run({"both.pt", "--key", "ratings", "--mask", "both.pt", "--mask-key", "mask", "--method", "sgd"}),
             sgd_factorise_masked(A, M, 2, sgd));
  const auto gd = GdOptions().seed(3).num_epochs(40);
  const auto als = AlsOptions().seed(3).num_epochs(40);
  check_same(run({"A.pt", "--method", "als"}), als_factorise(A, 2, als));
  check_same(run({"N.pt", "--method", "als", "--missing", "nan", "--regularisation", "2", "--weighting", "none"}),
             als_factorise_masked(A, M, 2, AlsOptions(als).regularisation(2).weighted(false)));
  check_same(run({"A.pt", "--method", "als", "--biases", "--bias-regularisation", "0.5"}),
             als_factorise(A, 2, AlsOptions(als).biases(true).bias_regularisation(0.5)));
  const auto gibbs = GibbsOptions().seed(3).num_epochs(40);
  check_same(run({"A.pt", "--method", "gibbs"}), gibbs_factorise(A, 2, gibbs).factors());
  check_same(
      run({"N.pt", "--method", "gibbs", "--missing", "nan", "--no-biases", "--burn-in", "7", "--keep-every", "3"}),
      gibbs_factorise_masked(A, M, 2, GibbsOptions(gibbs).biases(false).burn_in(7).keep_every(3)).factors());
  check_same(run({"A.pt", "--method", "gd"}), gd_factorise_masked(A, M.fill_(1), 2, gd));
  check_same(run({"N.pt", "--method", "gd", "--missing", "nan"}), gd_factorise_masked(A, mask(), 2, gd));
  const auto ad = AdOptions().seed(3).num_epochs(40);
  check_same(run({"A.pt", "--method", "ad"}), gd_factorise_ad(A, 2, ad));
  check_same(run({"N.pt", "--method", "ad", "--missing", "nan"}), gd_factorise_ad(A, 2, AdOptions(ad).mask(mask())));
  check_same(run({"A.pt", "--method", "ad", "--loss", "norm"}),
             gd_factorise_ad(A, 2, AdOptions(ad).loss(AdLoss::norm)));
  check_same(run({"A.pt", "--method", "sgd", "--dtype", "float64"}), sgd_factorise(A.to(at::kDouble), 2, sgd));
}

TEST_CASE("the JSON of fit has its keys, the methods' defaults and the library's loss", "[fit]") {
  const std::string folder = files("fit_json");
  const std::vector<std::pair<std::string, ordered_json>> defaults{
      {"sgd", 0.01}, {"gd", 1e-5}, {"ad", 0.01}, {"als", ordered_json()}, {"gibbs", ordered_json()}};
  for (const auto& [method, lr] : defaults) {
    const ProcessResult result =
        fit(folder, {"N.pt", "--method", method, "--rank", "2", "--missing", "nan", "--json", "-", "--output", "F.pt"});
    REQUIRE(result.status == 0);
    CHECK(result.err == "");
    const auto json = ordered_json::parse(result.out);  // alone on stdout
    CHECK(fit_schema().violation(json) == "");
    CHECK(json["method"] == method);
    CHECK(json["engine"] == "fused");
    CHECK(json["lr"] == lr);
    CHECK(json["weight_decay"] == (method == "sgd" ? ordered_json(0.0) : ordered_json()));
    CHECK(json["lr_decay"] == (method == "sgd" ? ordered_json(1.0) : ordered_json()));
    CHECK(json["objective"] == (method == "ad" ? ordered_json("squared") : ordered_json()));
    CHECK(json["regularisation"] == (method == "als" ? ordered_json(0.1) : ordered_json()));
    CHECK(json["biases"] == (method == "als"     ? ordered_json(false)
                             : method == "gibbs" ? ordered_json(true)
                                                 : ordered_json()));
    CHECK(json["weighting"] == (method == "als" ? ordered_json("entries") : ordered_json()));
    CHECK(json["epochs"] == (method == "als" ? 20 : method == "gibbs" ? 500 : 1000));
    CHECK(json["burn_in"] == (method == "gibbs" ? ordered_json(50) : ordered_json()));
    CHECK(json["draws"] == (method == "gibbs" ? ordered_json(90) : ordered_json()));
    CHECK(json["seed"] == 0);
    CHECK(json["shape"] == ordered_json::array({3, 3}));
    CHECK(json["observed"] == 7);
    CHECK(json["output"] == "F.pt");
    CHECK(json["seconds"].get<double>() > 0);
    CHECK(json["loss"].get<double>() == squared_error(whole(), factors_of(folder + "/F.pt"), mask()));
  }
  const auto to_file = fit(folder, {"A.pt", "--method", "sgd", "--rank", "1", "--epochs", "0", "--json", "run.json"});
  CHECK(to_file.status == 0);
  CHECK(to_file.out.find("matrix") != std::string::npos);
  const auto json = ordered_json::parse(content_of(folder + "/run.json"));
  CHECK(fit_schema().violation(json) == "");
  CHECK(json["output"].is_null());
  CHECK(json["epochs"] == 0);
  CHECK(json["seconds"] == 0);
}

TEST_CASE("OUT.pt holds the settings of the run", "[fit]") {
  const std::string folder = files("fit_settings");
  REQUIRE(fit(folder, {"A.pt", "--method", "sgd", "--rank", "2", "--seed", "9", "--output", "F.pt"}).status == 0);
  const PtValue file = load_pt(folder + "/F.pt");
  std::map<std::string, PtValue> settings;
  for (const auto& [key, value] : std::get<PtValue::Dict>(file.value).items) {
    settings[std::get<std::string>(key.value)] = value;
  }
  CHECK(std::get<std::string>(settings.at("method").value) == "sgd");
  CHECK(std::get<std::string>(settings.at("engine").value) == "fused");
  CHECK(std::get<int64_t>(settings.at("rank").value) == 2);
  CHECK(std::get<int64_t>(settings.at("epochs").value) == 1000);
  CHECK(std::get<int64_t>(settings.at("seed").value) == 9);
  CHECK(std::get<double>(settings.at("lr").value) == 0.01);
  CHECK(std::get<double>(settings.at("weight_decay").value) == 0);
  CHECK(std::get<double>(settings.at("lr_decay").value) == 1);
}

TEST_CASE("Python reads OUT.pt with weights_only", "[fit]") {
  const std::string folder = files("fit_python");
  REQUIRE(fit(folder, {"A.pt", "--method", "ad", "--rank", "2", "--output", "F.pt"}).status == 0);
  ProcessOptions options;
  options.folder = folder;
  if (!python_has("torch")) {
    WARN("skipped: no Python with torch");
    return;
  }
  const char* script =
      "import torch\n"
      "d = torch.load('F.pt', weights_only=True)\n"
      "A = torch.load('A.pt', weights_only=True)\n"
      "assert d['U'].shape == (3, 2) and d['V'].dtype == torch.float32, d\n"
      "error = ((A - d['U'] @ d['V'].T) ** 2).sum().item()\n"
      "assert abs(error - d['loss']) < 1e-5, (error, d)\n"
      "assert (d['method'], d['rank'], d['epochs'], d['objective']) == ('ad', 2, 1000, 'squared'), d\n";
  const ProcessResult python = run_process({kPython, "-c", script}, options);
  INFO(python.err);
  CHECK(python.status == 0);
}

TEST_CASE("fit goes on from a former output", "[fit]") {
  const std::string folder = files("fit_initial");
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"A.pt", "--method", "sgd", "--rank", "2"});
    const ProcessResult result = fit(folder, arguments);
    REQUIRE(result.status == 0);
    return result;
  };
  run({"--epochs", "30", "--output", "a.pt"});
  run({"--epochs", "12", "--initial", "a.pt", "--output", "ab.pt"});
  run({"--epochs", "42", "--output", "once.pt"});
  check_same(factors_of(folder + "/ab.pt"), factors_of(folder + "/once.pt"));
  // Another type is converted, which is said.
  const auto wider = run({"--epochs", "0", "--dtype", "float64", "--initial", "a.pt", "--output", "wide.pt"});
  CHECK(wider.err == "a.pt is converted to float64.\n");
  CHECK(at::equal(factors_of(folder + "/wide.pt").U, factors_of(folder + "/a.pt").U.to(at::kDouble)));
}

TEST_CASE("a rank above min(m, n) has to be meant", "[fit]") {
  const std::string folder = files("fit_overcomplete");
  for (const char* method : {"sgd", "gd", "ad"}) {
    const auto run = [&](std::vector<std::string> more) {
      more.insert(more.begin(), {"--method", method, "--rank", "4", "--epochs", "5"});
      return fit(folder, more);
    };
    const ProcessResult refused = run({"A.pt"});
    CHECK(refused.status == 1);
    CHECK(refused.err.find("rank must be at most") != std::string::npos);
    CHECK(run({"A.pt", "--overcomplete"}).status == 0);
    CHECK(run({"Z.pt", "--missing", "zero"}).status == 0);
  }
}

TEST_CASE("fit starts from factors of other names", "[fit]") {
  const std::string folder = files("fit_initial_names");
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"A.pt", "--method", "sgd", "--rank", "2", "--epochs", "9"});
    return fit(folder, more);
  };
  REQUIRE(run({"--output", "a.pt"}).status == 0);
  save_pt(folder + "/named.pt", {{"p", load_tensor(folder + "/a.pt", "U")}, {"q", load_tensor(folder + "/a.pt", "V")}});
  REQUIRE(run({"--initial", "a.pt", "--output", "b.pt"}).status == 0);
  REQUIRE(run({"--initial", "named.pt", "--u", "p", "--v", "q", "--output", "c.pt"}).status == 0);
  check_same(factors_of(folder + "/c.pt"), factors_of(folder + "/b.pt"));
  const ProcessResult refused = run({"--initial", "named.pt"});
  CHECK(refused.status == 1);
  CHECK_THAT(refused.err, contains("p (3 x 2) and q (3 x 2)") && contains("--u p --v q"));
}

TEST_CASE("zeros that may not be meant as observed are named", "[fit]") {
  const std::string folder = files("fit_zeros");
  save_pt(folder + "/I.pt", at::tensor({5, 0, 3, 0, 0, 4, 0, 1}).view({2, 4}));
  save_pt(folder + "/one.pt", at::tensor({5, 2, 3, 2, 2, 4, 0, 1}).view({2, 4}));
  const auto notice = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--method", "sgd", "--rank", "1", "--epochs", "2"});
    const ProcessResult result = fit(folder, arguments);
    CHECK(result.status == 0);
    return result.err;
  };
  const std::string zeros = "4 of the 8 entries are 0 and count as observed; --missing zero takes them for missing.\n";
  CHECK(notice({"I.pt"}) == "I.pt: " + zeros);
  CHECK(notice({"I.pt", "--missing", "nan"}) ==
        "I.pt: --missing nan finds no NaN, so that every entry counts as observed; " + zeros);
  CHECK(notice({"A.pt", "--missing", "nan"}) ==
        "A.pt: --missing nan finds no NaN, so that every entry counts as observed.\n");
  CHECK(notice({"I.pt", "--missing", "99"}) ==
        "I.pt: --missing 99 finds no 99, so that every entry counts as observed; " + zeros);
  CHECK(notice({"I.pt", "--missing", "zero"}) == "");
  CHECK(notice({"I.pt", "--mask", "I.pt"}) == "");
  CHECK(notice({"I.pt", "--quiet"}) == "");
  CHECK(notice({"one.pt"}) == "");
  CHECK(notice({"N.pt", "--missing", "nan"}) == "");
  const ProcessResult converted = program_in(folder, {"factorise", "convert"}, {"I.pt", "I.mtx"});
  CHECK(converted.err == "I.pt: " + zeros);
  REQUIRE(fit(folder, {"I.pt", "--method", "sgd", "--rank", "1", "--output", "F.pt", "--quiet"}).status == 0);
  CHECK(program_in(folder, {"factorise", "compare"}, {"F.pt", "F.pt", "--matrix", "I.pt"}).err == "I.pt: " + zeros);
}

TEST_CASE("command lines that make no sense end with status 2", "[fit]") {
  const std::string folder = files("fit_usage");
  const std::vector<std::pair<std::vector<std::string>, std::string>> misuses{
      {{"A.pt", "--rank", "2"}, "--method is required"},
      {{"A.pt", "--method", "sgd"}, "--rank is required"},
      {{"--method", "sgd", "--rank", "2"}, "A.pt is required"},
      {{"A.pt", "--method", "sdg", "--rank", "2"}, "--method must be sgd, gd, ad, als or gibbs, but was 'sdg'"},
      {{"A.pt", "--method", "gd", "--rank", "2", "--weight-decay", "0.1"}, "--weight-decay is for --method sgd alone"},
      {{"A.pt", "--method", "ad", "--rank", "2", "--lr-decay", "0.9"}, "--lr-decay is for --method sgd alone"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--loss", "norm"}, "--loss is for --method ad alone"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--mask", "A.pt", "--missing", "nan"}, "cannot be given together"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--mask-key", "M"}, "there is no --mask"},
      {{"A.pt", "--method", "sgd", "--rank", "0"}, "--rank must be a whole number of at least 1, but was '0'"},
      {{"A.pt", "--method", "sgd", "--rank", "2.5"}, "but was '2.5'"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--epochs", "-1"}, "--epochs must be a whole number of at least 0"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--lr", "0"}, "--lr must be a number above 0"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--lr", "nan"}, "--lr must be a number above 0"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--seed", "-1"}, "--seed must be a whole number from 0"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--threads", "0"}, "--threads must be a whole number from 1"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--dtype", "float16"}, "--dtype must be float32 or float64"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--device", "tpu"}, "--device must be auto, cpu, cuda or cuda:N"},
      {{"A.pt", "--method", "sgd", "--rank", "2", "--output", ""}, "--output must not be empty"},
      {{"A.pt", "--method", "sgd", "--rank"}, "--rank needs a value"},
      {{"A.pt", "B.pt", "--method", "sgd", "--rank", "2"}, "unexpected argument 'B.pt'"},
      {{"A.pt", "--method", "sgd", "--rnak", "2"}, "unknown option '--rnak'; did you mean '--rank'?"},
      {{"--weight_decay=1", "A.pt"}, "unknown option '--weight_decay'; did you mean '--weight-decay'?"},
  };
  for (const auto& [arguments, sentence] : misuses) {
    const ProcessResult result = fit(folder, arguments);
    INFO(result.err);
    CHECK(result.status == 2);
    CHECK(result.out == "");
    CHECK(result.err.starts_with("factorise: "));
    CHECK(result.err.find(sentence) != std::string::npos);
    CHECK(result.err.ends_with("\nTry 'factorise fit --help'.\n"));
  }
}

TEST_CASE("one file is not written over another", "[fit]") {
  const std::string folder = empty_folder("fit_same_files");
  save_pt(folder + "/A.pt", at::ones({3, 3}));
  const std::string before = content_of(folder + "/A.pt");
  const std::vector<std::pair<std::vector<std::string>, std::string>> clashes{
      {{"--output", "A.pt"}, "--output and A.pt cannot be the same file, but are both A.pt."},
      {{"--checkpoint", "./A.pt"}, "--checkpoint and A.pt cannot be the same file, but are both ./A.pt."},
      {{"--output", "F.pt", "--checkpoint", "F.pt"}, "--checkpoint and --output cannot be the same file"},
      {{"--json", "F.pt", "--output", "F.pt"}, "--json and --output cannot be the same file"},
      {{"--output", "-"}, "--output must be a file, but was -."}};
  for (const auto& [more, sentence] : clashes) {
    const ProcessResult result =
        program_in(folder, {"factorise", "fit", "A.pt", "--method", "sgd", "--rank", "1"}, more);
    CHECK(result.status == 2);
    CHECK_THAT(result.err, contains(sentence));
  }
  CHECK(content_of(folder + "/A.pt") == before);
  CHECK(names_in(folder) == std::vector<std::string>{"A.pt"});
}

TEST_CASE("every path gives the same bits", "[fit]") {
  const std::string folder = files("fit_paths");
  for (const char* path : {"automatic", "wavefront", "entries"}) {
    REQUIRE(fit(folder, {"A.pt", "--rank", "2", "--method", "sgd", "--path", path, "--output", "F.pt"}).status == 0);
    check_same(factors_of(folder + "/F.pt"), sgd_factorise(whole(), 2, SgdOptions().seed(0)));
  }
  CHECK(fit(folder, {"A.pt", "--rank", "2", "--method", "gd", "--path", "entries"}).status == 2);
}

TEST_CASE("of an option given twice the last counts", "[fit]") {
  const std::string folder = files("fit_twice");
  const auto result =
      fit(folder, {"A.pt", "--rank", "3", "--method", "sgd", "--json", "-", "--rank", "2", "--lr=1", "--lr=0.01"});
  REQUIRE(result.status == 0);
  const auto json = ordered_json::parse(result.out);
  CHECK(json["rank"] == 2);
  CHECK(json["lr"] == 0.01);
}

TEST_CASE("runs that cannot be end with status 1, a sentence and no file", "[fit]") {
  const std::string folder = files("fit_failures");
  save_pt(folder + "/vector.pt", at::tensor({1.0, 2.0}));
  save_pt(folder + "/nothing.pt", at::full({3, 3}, std::nan("")));
  std::ofstream(folder + "/text.pt") << "no tensors";
  const auto before = names_in(folder);
  const std::vector<std::pair<std::vector<std::string>, std::string>> failures{
      {{"none.pt"}, "none.pt"},
      {{"text.pt"}, "text.pt"},
      {{"vector.pt"}, "must be a matrix"},
      {{"both.pt"}, "ratings"},
      {{"both.pt", "--key", "rating"}, "rating"},
      {{"N.pt"}, "must be finite"},
      {{"nothing.pt", "--missing", "nan"}, "every one of its 9 entries is missing"},
      {{"A.pt", "--mask", "vector.pt"}, "M must be"},
      {{"A.pt", "--initial", "A.pt"}, "A.pt"},
      {{"A.pt", "--lr", "50"}, "diverged: after epoch"},
      {{"A.pt", "--json", "no/such/run.json"}, "there is no folder"},
      {{"A.pt", "--json", "."}, "it is a folder"},
  };
  for (const auto& [arguments, sentence] : failures) {
    auto all = arguments;
    all.insert(all.end(), {"--method", "sgd", "--rank", "2", "--output", "F.pt"});
    const ProcessResult result = fit(folder, all);
    INFO(result.err);
    CHECK(result.status == 1);
    CHECK(result.out == "");
    CHECK(result.err.starts_with("factorise: "));
    CHECK(result.err.find(sentence) != std::string::npos);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(names_in(folder) == before);
  }
}

TEST_CASE("an output that cannot be written is refused before the run", "[fit]") {
  const std::string folder = files("fit_unwritable");
  // A run of this many epochs would not end within the test's time.
  const std::vector<std::string> endless{"A.pt", "--method", "sgd", "--rank", "2", "--epochs", "1000000000"};
  for (const char* output : {"no/F.pt", "A.pt/F.pt", "/proc/F.pt", ".", "/dev/null"}) {
    auto arguments = endless;
    arguments.insert(arguments.end(), {"--output", output});
    const ProcessResult result = fit(folder, arguments);
    INFO(output << ": " << result.err);
    CHECK(result.status == 1);
    CHECK(result.err.find("--output cannot be written to " + std::string(output)) != std::string::npos);
  }
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("a disk that fills up leaves the old file and no half of a new one", "[fit]") {
  const std::string folder = files("fit_full");
  std::ofstream(folder + "/F.pt") << "what was there";
  const auto before = names_in(folder);
  ProcessOptions options;
  options.largest_file = 100;
  const ProcessResult result =
      fit(folder, {"A.pt", "--method", "sgd", "--rank", "2", "--output", "F.pt", "--json", "run.json"}, options);
  INFO(result.err);
  CHECK(result.status == 1);
  CHECK(result.err.find("F.pt") != std::string::npos);
  CHECK(content_of(folder + "/F.pt") == "what was there");
  CHECK(names_in(folder) == before);
}

namespace {

ProcessOptions with_signals(const std::vector<int>& numbers) {
  ProcessOptions options;
  for (size_t i = 0; i < numbers.size(); ++i) {
    // The first when it will be heard; the next when the first has been, which takes the handler away.
    options.signals.push_back({numbers[i], [heard = i == 0](pid_t process, const ProcessResult&) {
                                 return catches_interrupts(process) == heard;
                               }});
  }
  return options;
}

}  // namespace

TEST_CASE("Ctrl-C keeps the factors so far and says so", "[fit]") {
  const std::string folder = files("fit_interrupt");
  const std::vector<std::string> endless{"A.pt", "--method", "sgd", "--rank", "2", "--epochs", "1000000000"};
  const ProcessResult lost = fit(folder, endless, with_signals({SIGINT}));
  CHECK(lost.status == 130);
  CHECK(lost.out == "");
  CHECK(lost.err.find("of 1000000000 epochs; nothing was kept") != std::string::npos);

  // In mid-run: on a terminal, the line of progress tells when some epochs are done.
  ProcessOptions on_terminal;
  on_terminal.terminal = true;
  on_terminal.environment["TERM"] = "xterm";
  on_terminal.signals = {
      {SIGINT, [](pid_t, const ProcessResult& so_far) { return so_far.out.find(" left") != std::string::npos; }}};
  auto kept_arguments = endless;
  kept_arguments.insert(kept_arguments.end(), {"--output", "F.pt", "--seed", "4"});
  const ProcessResult kept = fit(folder, kept_arguments, on_terminal);
  INFO(kept.out);
  CHECK(kept.status == 130);
  CHECK(kept.out.find("the factors so far are in F.pt.") != std::string::npos);
  // They are what a run of that many epochs returns.
  int64_t epochs = -1;
  const PtValue file = load_pt(folder + "/F.pt");
  for (const auto& [key, value] : std::get<PtValue::Dict>(file.value).items) {
    if (std::get<std::string>(key.value) == "epochs") epochs = std::get<int64_t>(value.value);
  }
  CHECK(epochs > 0);
  CHECK(kept.out.find("stopped after " + std::to_string(epochs) + " of") != std::string::npos);
  check_same(factors_of(folder + "/F.pt"), sgd_factorise(whole(), 2, SgdOptions().seed(4).num_epochs(epochs)));

  CHECK(fit(folder, endless, with_signals({SIGTERM})).status == 143);
}

TEST_CASE("a second Ctrl-C ends at once", "[fit]") {
  const std::string folder = empty_folder("fit_second_interrupt");
  save_pt(folder + "/large.pt", at::full({2000, 2000}, 0.5));  // an epoch takes minutes
  ProcessOptions options = with_signals({SIGINT, SIGINT});
  options.timeout = 60;
  const ProcessResult result = fit(folder, {"large.pt", "--method", "sgd", "--rank", "2", "--output", "F.pt"}, options);
  CHECK_FALSE(result.timed_out);
  CHECK(result.status == 130);
  CHECK(names_in(folder) == std::vector<std::string>{"large.pt"});
}
