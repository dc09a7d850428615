// What goes where: stdout, stderr, terminals, pipes, closed and full ones. With `factorise`; lab1 and lab2 share the
// code.

#include <ATen/ops/tensor.h>
#include <factorise/io.h>
#include <factorise/version.h>

#include <csignal>

#include "catch.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

std::string folder_with_matrix(const std::string& name) {
  const std::string folder = empty_folder(name);
  save_pt(folder + "/A.pt", at::tensor({1.0, 2.0, 3.0, 4.5}).view({2, 2}));
  return folder;
}

ProcessResult fit(const std::string& folder, std::vector<std::string> more = {}, ProcessOptions options = {}) {
  more.insert(more.begin(), {"factorise", "fit", "A.pt", "--method", "ad", "--rank", "1"});
  options.folder = folder;
  return program(more, options);
}

bool has_colour(const std::string& text) {
  return text.find("\x1b[1m") != std::string::npos || text.find("\x1b[2m") != std::string::npos ||
         text.find("\x1b[31m") != std::string::npos;
}

bool has_progress(const std::string& text) {
  return text.find(" epochs") != std::string::npos && text.find('\r') != std::string::npos &&
         text.find("\x1b[K") != std::string::npos;
}

ProcessOptions in_terminal(std::map<std::string, std::string> environment = {}) {
  ProcessOptions options;
  options.terminal = true;
  environment.emplace("TERM", "xterm");
  options.environment = std::move(environment);
  return options;
}

}  // namespace

TEST_CASE("results go to stdout, plain, and nothing to stderr, where no terminal is", "[streams]") {
  const std::string folder = folder_with_matrix("streams_plain");
  const ProcessResult result = fit(folder);
  CHECK(result.status == 0);
  CHECK(result.err == "");
  CHECK(result.out.starts_with("matrix  A.pt, 2 x 2, all observed\n"));
  CHECK(result.out.find('\x1b') == std::string::npos);
  CHECK(result.out.find('\r') == std::string::npos);
}

TEST_CASE("--json - has stdout alone", "[streams]") {
  const std::string folder = folder_with_matrix("streams_json");
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--json", "-"}, {"--json=-", "--quiet"}}) {
    const ProcessResult result = fit(folder, more);
    CHECK(result.status == 0);
    CHECK(result.err == "");
    CHECK(nlohmann::json::parse(result.out).is_object());
  }
}

TEST_CASE("a JSON file that is a pipe or device is written to as it is", "[streams]") {
  const std::string folder = folder_with_matrix("streams_device");
  const ProcessResult result = fit(folder, {"--json", "/dev/stderr"});
  CHECK(result.status == 0);
  CHECK(nlohmann::json::parse(result.err).is_object());
  const ProcessResult full = fit(folder, {"--json", "/dev/full"});
  CHECK(full.status == 1);
  CHECK(full.err == "factorise: /dev/full cannot be written: No space left on device.\n");
}

TEST_CASE("a terminal has colour and progress, and is left clean", "[streams]") {
  const std::string folder = folder_with_matrix("streams_terminal");
  const std::vector<std::string> some_epochs{"--epochs", "20000"};
  const ProcessResult shown = fit(folder, some_epochs, in_terminal());
  INFO(shown.out);
  CHECK(shown.status == 0);
  CHECK(has_colour(shown.out));
  CHECK(has_progress(shown.out));
  CHECK(shown.out.find("ad rank 1  0/20000 epochs") != std::string::npos);
  // The line is gone before the summary comes.
  CHECK(shown.out.find("\r\x1b[K\x1b[2mmatrix") != std::string::npos);

  const ProcessResult quiet = fit(folder, {"--epochs", "20000", "--quiet"}, in_terminal());
  CHECK_FALSE(has_progress(quiet.out));
  CHECK(quiet.out.find("matrix") != std::string::npos);
  CHECK_FALSE(has_colour(fit(folder, some_epochs, in_terminal({{"NO_COLOR", "1"}})).out));
  CHECK(has_colour(fit(folder, some_epochs, in_terminal({{"NO_COLOR", ""}})).out));
  const ProcessResult dumb = fit(folder, some_epochs, in_terminal({{"TERM", "dumb"}}));
  CHECK(dumb.out.find('\x1b') == std::string::npos);
}

TEST_CASE("an error is red on a terminal alone", "[streams]") {
  CHECK(program({"factorise", "show", "none.pt"}, in_terminal()).out.find("\x1b[31mfactorise:\x1b[0m") == 0);
  CHECK(program({"factorise", "show", "none.pt"}, in_terminal({{"NO_COLOR", "1"}})).out.find("factorise:") == 0);
  CHECK(program({"factorise", "show", "none.pt"}).err.find("factorise:") == 0);
}

TEST_CASE("Ctrl-C in mid-run on a terminal", "[streams]") {
  const std::string folder = folder_with_matrix("streams_interrupt");
  ProcessOptions options = in_terminal();
  options.signals.push_back({SIGINT, [](pid_t, const ProcessResult& so_far) { return has_progress(so_far.out); }});
  const ProcessResult result = fit(folder, {"--epochs", "1000000000", "--output", "F.pt"}, options);
  INFO(result.out);
  CHECK(result.status == 130);
  CHECK(result.out.find("Stopping after this epoch; Ctrl-C again ends at once.") != std::string::npos);
  CHECK(result.out.find("the factors so far are in F.pt.") != std::string::npos);
  CHECK(load_tensor(folder + "/F.pt", "U").size(0) == 2);
}

TEST_CASE("a reader that leaves ends the program quietly, and its files are whole", "[streams]") {
  const std::string folder = folder_with_matrix("streams_head");
  ProcessOptions options;
  options.close_stdout_early = true;
  const ProcessResult result = fit(folder, {"--output", "F.pt", "--json", "run.json"}, options);
  CHECK(result.status == 0);
  CHECK(result.err == "");
  CHECK(load_tensor(folder + "/F.pt", "V").size(0) == 2);
  CHECK(nlohmann::json::parse(content_of(folder + "/run.json")).is_object());
  for (const std::vector<std::string>& argv :
       {std::vector<std::string>{"factorise", "--help"}, {"factorise", "--version"}, {"factorise", "show", "A.pt"}}) {
    options.folder = folder;
    const ProcessResult other = program(argv, options);
    CHECK(other.status == 0);
    CHECK(other.err == "");
  }
}

TEST_CASE("a stdout that cannot be written to is a failure", "[streams]") {
  const std::string folder = folder_with_matrix("streams_full");
  ProcessOptions options;
  options.stdout_file = "/dev/full";
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--json", "-"}}) {
    const ProcessResult result = fit(folder, more, options);
    CHECK(result.status == 1);
    CHECK(result.err == "factorise: cannot write to stdout: No space left on device\n");
  }
  CHECK(program({"factorise", "--help"}, options).status == 1);
}

TEST_CASE("a program says what can stand in a word's place", "[streams]") {
  const auto offered = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"factorise", "--complete"});
    const ProcessResult result = program(words);
    CHECK(result.status == 0);
    CHECK(result.err == "");
    return result.out;
  };
  CHECK(offered({""}).starts_with("fit\tFactorise a matrix, all of it or its observed entries\npredict\t"));
  CHECK(offered({}) == offered({""}));
  CHECK(offered({"fit", "A.pt", "--loss", ""}) == "squared\nnorm\n");
  CHECK(offered({"fit", "--rank=5", "--loss=s"}) == "squared\nnorm\n");
  CHECK(offered({"fit", "--device", "cuda", ":", "0", "--loss", "=", "s"}) == "squared\nnorm\n");  // as bash has it
  CHECK(offered({"show", "-"}).find("\n--json\tWrite the results as JSON too; - means stdout, alone\n") !=
        std::string::npos);
  CHECK(offered({"show", "--quiet", ""}) == "FILES *.pt\n");
  CHECK(offered({"convert", "in", ""}) == "FILES *\n");
  for (const char* word : {"A.pt", "--rank"}) CHECK(offered({"fit", word, ""}) == "");
  CHECK(offered({"fit", "--rank="}) == "");
  CHECK(offered({"fti", ""}) == "");
}

TEST_CASE("help and version answer on stdout", "[streams]") {
  const ProcessResult help = program({"factorise", "--help"});
  CHECK(help.status == 0);
  CHECK(help.err == "");
  for (const char* text : {"Examples:", "fit", "show", "--version"}) CHECK(help.out.find(text) != std::string::npos);
  for (const char* verb : {"fit", "show"}) {
    const ProcessResult verb_help = program({"factorise", verb, "--help"});
    CHECK(verb_help.status == 0);
    CHECK(verb_help.out.find("Examples:\n  factorise " + std::string(verb)) != std::string::npos);
    size_t columns = 0;
    for (const char c : verb_help.out) {
      columns = c == '\n' ? 0 : columns + 1;
      CHECK(columns <= 100);
    }
  }
  const std::string expected = "factorise " + version() + " (torch " + torch_version() + ")\n";
  CHECK(program({"factorise", "--version"}).out == expected);
  CHECK(program({"factorise", "fit", "--version"}).out == expected);
}

TEST_CASE("a verb that is none", "[streams]") {
  const auto complaint = [](std::vector<std::string> argv) {
    const ProcessResult result = program(std::move(argv));
    CHECK(result.status == 2);
    CHECK(result.out == "");
    return result.err;
  };
  const std::string hint = "Try 'factorise --help'.\n";
  CHECK(complaint({"factorise"}) ==
        "factorise: a verb is needed: fit, predict, top, compare, convert or show.\n" + hint);
  CHECK(complaint({"factorise", "fti"}) == "factorise: unknown verb 'fti'; did you mean 'fit'?\n" + hint);
  CHECK(complaint({"factorise", "learn"}) ==
        "factorise: unknown verb 'learn': it must be fit, predict, top, compare, convert or show.\n" + hint);
  CHECK(complaint({"factorise", "--verison"}) ==
        "factorise: unknown option '--verison'; did you mean '--version'?\n" + hint);
}
