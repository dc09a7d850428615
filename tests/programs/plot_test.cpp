// The curve in the terminal.

#include "programs/table.h"

#include <cmath>
#include <limits>

#include <ATen/ops/tensor.h>
#include <factorise/io.h>

#include "catch.h"
#include "process.h"

using namespace factorise::programs;
using namespace factorise::tests;

TEST_CASE("a halving loss is a straight line on its axis", "[plot]") {
  CHECK(plot({{1, 8}, {2, 4}, {3, 2}, {4, 1}}, Style(), 40, 4) ==
        "  8 │•••••••\n"
        "    │       •••••••••••••\n"
        "    │                    •••••••••••••\n"
        "  1 │                                 •••••••\n"
        "    └────────────────────────────────────────\n"
        "     1       epochs, loss logarithmic       4");
}

TEST_CASE("a narrow curve has a short axis", "[plot]") {
  CHECK(plot({{1, 8}, {200, 1}}, Style(), 28, 2)
            .ends_with("    └────────────────────────────\n     1         epochs         200"));
}

TEST_CASE("a loss that reaches 0, or does not move, is drawn too", "[plot]") {
  const std::string linear = plot({{10, 2}, {20, 0}}, Style(), 30, 3);
  CHECK(linear.find("logarithmic") == std::string::npos);
  CHECK(linear.starts_with("  2 │•"));
  CHECK(plot({{1, 3}, {2, 3}}, Style(), 30, 3).starts_with("  3 │••••"));
}

TEST_CASE("what is not finite is left out", "[plot]") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(plot({}) == "");
  CHECK(plot({{1, 2}}) == "");
  CHECK(plot({{1, 2}, {2, std::nan("")}, {3, infinity}}) == "");
  CHECK(plot({{1, 2}, {2, 1}, {3, infinity}}) == plot({{1, 2}, {2, 1}}));
}

TEST_CASE("fit draws its loss where it is asked to", "[plot]") {
  const std::string folder = empty_folder("plot_fit");
  factorise::save_pt(folder + "/A.pt", at::tensor({1.0, 2.0, 3.0, 5.0}).view({2, 2}));
  ProcessOptions options;
  options.folder = folder;
  const std::vector<std::string> fit{"factorise", "fit", "A.pt", "--method", "sgd", "--rank", "1", "--epochs", "90"};
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = fit;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return program(arguments, options);
  };
  const std::string drawn = run({"--plot"}).out;
  CHECK_THAT(drawn, contains("│•") && contains("epochs, loss logarithmic") && contains("90\n"));
  // With a checkpoint after every epoch the curve is the same.
  const std::string staged = run({"--plot", "--checkpoint", "C.pt", "--every", "1"}).out;
  CHECK_THAT(staged, contains("  1  ") && contains("90\n"));
  CHECK(staged.substr(staged.find("│")) == drawn.substr(drawn.find("│")));
  CHECK(run({}).out.find("│") == std::string::npos);
  CHECK_THAT(run({"--plot", "--epochs", "1"}).out, contains("No curve"));
  CHECK(run({"--plot", "--json", "-"}).out.starts_with("{"));
}
