// The comparison table's figures against values worked out by hand (and numpy.percentile where it is named).

#include <limits>
#include <nlohmann/json.hpp>

#include "programs/comparison.h"

#include "catch.h"
#include "schema.h"

using namespace factorise::programs;
using factorise::tests::comparison_schema;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Seeds with the figures 1, 2, ..., 21, in another order.
Comparison one_to_21(double reported) {
  Comparison figure;
  figure.what = "a loss";
  figure.reported = reported;
  figure.ours = 11;
  for (int i = 0; i < 21; ++i) figure.over_seeds.push_back(1 + (i * 8) % 21);
  return figure;
}

}  // namespace

TEST_CASE("percentiles are linear between the nearest ranks", "[comparison]") {
  CHECK(percentile_of({3}, 5) == 3);
  CHECK(percentile_of({10, 20}, 25) == 12.5);
  // numpy.percentile([4, 1, 3, 2], [0, 5, 50, 95, 100]) = 1, 1.15, 2.5, 3.85, 4
  const std::vector<double> four{4, 1, 3, 2};
  CHECK(percentile_of(four, 0) == 1);
  CHECK(percentile_of(four, 5) == Approx(1.15));
  CHECK(percentile_of(four, 50) == 2.5);
  CHECK(percentile_of(four, 95) == Approx(3.85));
  CHECK(percentile_of(four, 100) == 4);
}

TEST_CASE("percentiles beside infinities are no NaN", "[comparison]") {
  CHECK(percentile_of({1, 2, kInfinity}, 50) == 2);
  CHECK(percentile_of({1, 2, kInfinity}, 75) == kInfinity);
  CHECK(percentile_of({kInfinity, kInfinity}, 30) == kInfinity);
  CHECK(percentile_of({-kInfinity, 2, 3}, 25) == -kInfinity);
}

TEST_CASE("the band and the percentile of a reported figure", "[comparison]") {
  const Comparison figure = one_to_21(5.5);
  CHECK(*figure.low() == Approx(2));    // rank 0.05 * 20 = 1
  CHECK(*figure.high() == Approx(20));  // rank 19
  CHECK(*figure.percentile() == Approx(100.0 * 5 / 21));
  CHECK(*figure.within());
  CHECK(*one_to_21(5).percentile() == Approx(100.0 * 4.5 / 21));  // its equal counts half
  CHECK(*one_to_21(2).within());
  CHECK_FALSE(*one_to_21(1.9).within());
  CHECK_FALSE(*one_to_21(20.1).within());
}

TEST_CASE("figures that print the same digits are the same", "[comparison]") {
  Comparison figure = one_to_21(1.96);
  figure.tolerance = 0.05;
  CHECK(*figure.within());
  CHECK(*figure.percentile() == Approx(100.0 * 1.5 / 21));
  figure.reported = 1.94;
  CHECK_FALSE(*figure.within());
}

TEST_CASE("a diverged run lies beyond every figure, at the bad end", "[comparison]") {
  Comparison figure = one_to_21(30);
  figure.diverged = 4;
  CHECK(*figure.percentile() == Approx(100.0 * 21 / 25));
  CHECK(*figure.high() == kInfinity);
  CHECK(*figure.within());
  CHECK(to_json({figure})[0]["high"].is_null());
  CHECK(to_json({figure})[0]["diverged"] == 4);
  CHECK(comparison_table({figure}, Style()).find("2 – diverged") != std::string::npos);

  figure.higher_is_better = true;
  figure.reported = 0.5;
  CHECK(*figure.percentile() == Approx(100.0 * 4 / 25));
  CHECK(*figure.low() == -kInfinity);
  CHECK(*figure.high() == Approx(19.8));  // rank 22.8 of -inf x 4, 1, 2, ..., 21
}

TEST_CASE("where all runs diverged, no figure is within", "[comparison]") {
  Comparison figure;
  figure.reported = 1;
  figure.ours = std::nan("");
  figure.diverged = 3;
  CHECK_FALSE(*figure.within());
  CHECK(*figure.percentile() == 0);
  const auto json = to_json({figure});
  CHECK(json[0]["ours"].is_null());
  CHECK(comparison_schema().violation(json) == "");
  CHECK(comparison_table({figure}, Style()).find("not finite") != std::string::npos);
}

TEST_CASE("figures without seeds are judged by their digits or their magnitude", "[comparison]") {
  Comparison svd{.what = "SVD", .reported = 0.1219, .ours = 0.12191, .judgement = JudgedBy::digits, .tolerance = 5e-5};
  CHECK(*svd.within());
  CHECK_FALSE(svd.low());
  CHECK_FALSE(svd.percentile());
  svd.ours = 0.12195;  // exactly the tolerance away
  CHECK(*svd.within());
  svd.ours = 0.12196;
  CHECK_FALSE(*svd.within());

  Comparison noise{.what = "noise", .reported = 3.98e-11, .ours = 9.6e-11, .judgement = JudgedBy::magnitude};
  CHECK(*noise.within());
  noise.ours = 4.1e-10;
  CHECK_FALSE(*noise.within());
  noise.ours = 0;
  CHECK_FALSE(*noise.within());
}

TEST_CASE("a figure that is set beside ours has a band and a percentile, and no verdict", "[comparison]") {
  Comparison figure = one_to_21(5.5);
  figure.judgement = JudgedBy::beside;
  CHECK(*figure.percentile() == Approx(100.0 * 5 / 21));
  CHECK_FALSE(figure.within());
  const auto json = to_json({figure});
  CHECK(comparison_schema().violation(json) == "");
  CHECK(json[0]["within"].is_null());
  CHECK(json[0]["high"] == Approx(20));
}

TEST_CASE("what does not apply is null in JSON and empty in the table", "[comparison]") {
  Comparison figure;
  figure.what = "the 5th user's rating";
  figure.ours = 3.7;
  const auto json = to_json({figure});
  CHECK(comparison_schema().violation(json) == "");
  for (const char* key : {"reported", "low", "high", "percentile", "within"}) CHECK(json[0][key].is_null());
  CHECK(json[0]["ours"] == 3.7);
  const std::string table = comparison_table({figure, one_to_21(5)}, Style());
  CHECK(table.find("diverged") == std::string::npos);
  CHECK(table.find("the 5th user's rating") != std::string::npos);
  CHECK(table.find("2 – 20") != std::string::npos);
  CHECK(table.find('\x1b') == std::string::npos);
}
