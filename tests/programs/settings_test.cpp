// A setting of `factorise fit` is declared once: one that is added is then everywhere. with_setting/main.cpp adds two.

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <factorise/io.h>
#include <factorise/sgd.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "catch.h"
#include "process.h"
#include "programs/fit.h"

using namespace factorise;
using namespace factorise::tests;
using Catch::Matchers::Contains;
using nlohmann::ordered_json;

namespace {

Tensor matrix() {
  return at::tensor({0.3374, 0.6005, 0.1735, 3.3359, 0.0492, 1.8374, 2.9407, 0.5301, 2.2620}).reshape({3, 3});
}

std::string files(const std::string& name) {
  const std::string folder = empty_folder(name);
  save_pt(folder + "/A.pt", matrix());
  return folder;
}

ProcessResult fit(const std::string& folder, std::vector<std::string> arguments) {
  return program_in(folder, {"with_setting", "fit", "A.pt", "--rank", "2"}, arguments);
}

/// A number of the dict in a file; nothing where it has none of this name.
std::optional<double> load_saved(const std::string& path, const std::string& name) {
  const PtValue file = load_pt(path);
  for (const auto& [key, value] : std::get<PtValue::Dict>(file.value).items) {
    if (std::get<std::string>(key.value) == name) {
      const auto* whole = std::get_if<int64_t>(&value.value);
      return whole ? static_cast<double>(*whole) : std::get<double>(value.value);
    }
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a setting that is added is in --help, and shells complete it", "[settings]") {
  CHECK_THAT(program({"with_setting", "fit", "--help"}).out,
             Contains("--shrinkage") && Contains("a setting of the tests"));
  CHECK_THAT(program({"with_setting", "--complete", "fit", "--shr"}).out, Contains("--shrinkage"));
}

TEST_CASE("a setting that is added is parsed within its limits", "[settings]") {
  const std::string folder = files("settings_parsed");
  const ProcessResult low = fit(folder, {"--method", "sgd", "--shrinkage", "-1"});
  CHECK(low.status == 2);
  CHECK_THAT(low.err, Contains("--shrinkage must be") && Contains("-1"));
  const ProcessResult misspelt = fit(folder, {"--method", "sgd", "--shrinkag", "1"});
  CHECK(misspelt.status == 2);
  CHECK_THAT(misspelt.err, Contains("--shrinkage"));
}

TEST_CASE("a setting that is added is refused for other methods", "[settings]") {
  const std::string folder = files("settings_refused");
  for (const char* method : {"gd", "ad"}) {
    const ProcessResult result = fit(folder, {"--method", method, "--shrinkage", "0.1"});
    CHECK(result.status == 2);
    CHECK_THAT(result.err, Contains("--shrinkage is for --method sgd alone, but the method is " + std::string(method)));
  }
}

TEST_CASE("a setting that is added reaches the library, the file, the summary and JSON", "[settings]") {
  const std::string folder = files("settings_everywhere");
  const ProcessResult result =
      fit(folder, {"--method", "sgd", "--shrinkage", "0.25", "--output", "F.pt", "--json", "run.json"});
  INFO(result.err);
  REQUIRE(result.status == 0);
  const Factors factors = sgd_factorise(matrix(), 2, SgdOptions().seed(0).weight_decay(0.25));
  CHECK(at::equal(load_tensor(folder + "/F.pt", "U"), factors.U));
  CHECK(at::equal(load_tensor(folder + "/F.pt", "V"), factors.V));
  CHECK_THAT(result.out, Contains("shrinkage 0.25"));
  const auto json = ordered_json::parse(content_of(folder + "/run.json"));
  CHECK(json["shrinkage"] == 0.25);
  CHECK(json["ballast"] == 7);  // as where it is not given
  CHECK(load_saved(folder + "/F.pt", "shrinkage") == 0.25);

  // A method that does not have it: null in JSON, absent in the file.
  REQUIRE(fit(folder, {"--method", "gd", "--output", "G.pt", "--json", "gd.json"}).status == 0);
  CHECK(ordered_json::parse(content_of(folder + "/gd.json")).at("shrinkage").is_null());
  CHECK(load_saved(folder + "/G.pt", "shrinkage") == std::nullopt);
}

TEST_CASE("a run goes on only with the same value of a setting that is added", "[settings]") {
  const std::string folder = files("settings_resumed");
  const std::vector<std::string> sgd{"--method", "sgd", "--checkpoint", "C.pt", "--resume", "C.pt", "--ballast"};
  const auto with = [&](const std::string& value, const std::string& epochs) {
    auto arguments = sgd;
    arguments.insert(arguments.end(), {value, "--epochs", epochs, "--output", "F.pt"});
    return fit(folder, arguments);
  };
  REQUIRE(with("1", "10").status == 0);
  const ProcessResult other = with("2", "30");
  CHECK(other.status == 1);
  CHECK_THAT(other.err, Contains("C.pt is of another run: ballast was 1, but is 2."));
  const ProcessResult same = with("1", "30");
  INFO(same.err);
  REQUIRE(same.status == 0);
  CHECK(load_saved(folder + "/F.pt", "ballast") == 1);
  CHECK(
      at::equal(load_tensor(folder + "/F.pt", "U"), sgd_factorise(matrix(), 2, SgdOptions().seed(0).num_epochs(30)).U));
}

TEST_CASE("each method has its settings once, and no other's", "[settings]") {
  programs::FitSettings settings;
  for (const char* method : {"sgd", "gd", "ad", "als", "gibbs"}) {
    std::set<std::string> names;
    for (const auto& [setting, value] : settings.of(method)) {
      INFO(method << " " << setting.name);
      CHECK(names.insert(setting.name).second);
      CHECK(setting.is_of(method));
      if (setting.in_library) CHECK(value.has_value());
    }
    CHECK(names.contains("rank"));
    CHECK(names.contains("epochs"));
    CHECK(names.contains("lr") == (std::string(method) != "als" && std::string(method) != "gibbs"));
    CHECK(names.contains("regularisation") == (std::string(method) == "als"));
    CHECK(names.contains("biases") == (std::string(method) == "als" || std::string(method) == "gibbs"));
    CHECK(names.contains("burn_in") == (std::string(method) == "gibbs"));
    CHECK(names.contains("weight_decay") == (std::string(method) == "sgd"));
    CHECK(names.contains("objective") == (std::string(method) == "ad"));
  }
}
