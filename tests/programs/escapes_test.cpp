// What is in files, and what they are called, cannot steer the terminal that results and refusals are shown on.

#include <ATen/ops/ones.h>
#include <factorise/io.h>

#include <filesystem>
#include <fstream>

#include "catch.h"
#include "io/utf8.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;
using nlohmann::ordered_json;

namespace {

/// A clear-screen, CSI as one character and as a byte that is no UTF-8, and an override of the direction.
const std::string kSteering =
    "\x1b[2J\xc2\x9b"
    "7m\x9b"
    "1m\xe2\x80\xae";
const std::string kValid =
    "\x1b[2J\xc2\x9b"
    "7m\xe2\x80\xae\x7f\nx";

/// Runs it, and checks every character that came out.
ProcessResult run(const std::string& folder, const std::vector<std::string>& arguments) {
  const ProcessResult result = program_in(folder, {"factorise"}, arguments);
  for (const std::string& text : {result.out, result.err}) {
    INFO(text);
    CHECK(is_utf8(text));
    CHECK(text.find_first_of("\x1b\x7f\r") == std::string::npos);
    CHECK(text.find("\xc2\x9b") == std::string::npos);
    CHECK(text.find("\xe2\x80\xae") == std::string::npos);
  }
  return result;
}

void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

}  // namespace

TEST_CASE("names of files are shown escaped", "[escapes]") {
  const std::string folder = empty_folder("escapes_paths"), odd = "A" + kSteering + ".pt";
  save_pt(folder + "/" + odd, at::ones({3, 2}));
  CHECK_THAT(run(folder, {"show", odd}).out, contains("A\\x1b[2J\\u009b7m\\x9b1m\\u202e.pt: 1 tensor"));
  CHECK(run(folder, {"convert", odd, "B" + kSteering + ".csv"}).status == 0);
  const ProcessResult fitted =
      run(folder, {"fit", odd, "--method", "sgd", "--rank", "1", "--epochs", "1", "--output", "F" + kSteering + ".pt"});
  CHECK(fitted.status == 0);
  CHECK_THAT(fitted.out, contains("A\\x1b[2J"));
  CHECK(run(folder, {"compare", "F" + kSteering + ".pt", odd}).status == 1);
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"show", "none" + kSteering},
                                             {"convert", odd, "none" + kSteering + "/x.pt"},
                                             {"convert", odd, "x." + kSteering},
                                             {"fit", "--entries", "none" + kSteering, "--method", "sgd", "--rank", "1"},
                                             {"top", "none" + kSteering, "--column", "0"},
                                             {"show", "--key", kSteering, odd},
                                             {"show", "--" + kSteering},
                                             {kSteering}}) {
    const ProcessResult result = run(folder, arguments);
    CHECK(result.status != 0);
    CHECK_THAT(result.err, contains("\\x1b"));
  }
  const ProcessResult json = run(folder, {"convert", odd, "x.csv", "--json", "-"});
  CHECK(json.status == 0);
  CHECK_FALSE(ordered_json::parse(json.out)["input"].get<std::string>().empty());
}

TEST_CASE("keys and texts in a .pt are shown escaped, and JSON has them as they are", "[escapes]") {
  const std::string folder = empty_folder("escapes_keys");
  save_pt(folder + "/A.pt", {{"U" + kValid, at::ones({3, 2})}, {"note", kValid}});
  const ProcessResult shown = run(folder, {"show", "A.pt"});
  CHECK(shown.status == 0);
  CHECK_THAT(shown.out, contains("U\\x1b[2J\\u009b7m\\u202e\\x7f\\x0ax"));
  const auto json = ordered_json::parse(run(folder, {"show", "A.pt", "--json", "-"}).out);
  CHECK(json["tensors"][0]["name"] == "U" + kValid);
  CHECK(json["values"]["note"] == kValid);
  CHECK_THAT(run(folder, {"show", "A.pt", "--key", "none"}).err, contains("\\u202e"));
  CHECK_THAT(run(folder, {"fit", "A.pt", "--key", "none", "--method", "sgd", "--rank", "1"}).err, contains("\\u202e"));
}

TEST_CASE("titles, fields and lines of text are shown escaped", "[escapes]") {
  const std::string folder = empty_folder("escapes_text");
  save_pt(folder + "/F.pt", {{"U", at::ones({1, 1})}, {"V", at::ones({1, 1})}});
  write(folder + "/titles.csv", "movie,name\n0,\"" + kValid + "\"\n");
  const ProcessResult top = run(folder, {"top", "F.pt", "--column", "0", "--titles", "titles.csv"});
  INFO(top.err);
  CHECK(top.status == 0);
  CHECK_THAT(top.out, contains("\\x1b[2J\\u009b7m\\u202e"));
  write(folder + "/header.csv", "row," + kSteering + ",value\n1,1,1\n");
  write(folder + "/id.csv", "row,column,value\n1," + kSteering + ",1\n");
  write(folder + "/one.csv", kSteering + "\n");
  write(folder + "/x.mtx", "%%MatrixMarket " + kSteering + "\n");
  for (const std::string name : {"header.csv", "id.csv", "one.csv", "x.mtx"}) run(folder, {"convert", name, "x.pt"});
  write(folder + "/pairs.csv", "row,column\n" + kSteering + ",0\n");
  run(folder, {"predict", "F.pt", "--pairs", "pairs.csv"});
}
