// Early stopping.

#include <factorise/patience.h>

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>

#include "catch.h"
#include "methods.h"

using namespace factorise;
using namespace factorise::tests;

namespace {

Factors factors(double value) { return {at::full({1, 1}, value), at::full({1, 1}, value)}; }

double first_of(const Factors& factors) { return factors.U.item<double>(); }

}  // namespace

TEST_CASE("patience ends when so many judgements in a row are no better, and keeps the best", "[patience]") {
  Patience patience(2, first_of);
  CHECK(patience(1, factors(5)));
  CHECK(patience(2, factors(3)));
  CHECK(patience(3, factors(3)));  // as good is not better
  CHECK(patience(4, factors(2)));
  CHECK(patience(5, factors(4)));
  CHECK_FALSE(patience(6, factors(2.5)));
  REQUIRE(patience.best());
  CHECK(patience.best()->epoch == 4);
  CHECK(patience.best()->error == 2);
  CHECK(first_of(patience.best()->factors) == 2);

  Patience later(2, first_of);
  later.resume(Patience::Best{factors(2), 2, 4}, 1);
  CHECK_FALSE(later.is_over());
  CHECK_FALSE(later(7, factors(2)));
  CHECK(later.best()->epoch == 4);
}

TEST_CASE("patience is an observer of every method", "[patience]") {
  const Tensor A = lab1_matrix(), M = lab1_mask();
  for (const Factoriser& method : methods()) {
    INFO(label(method));
    int64_t looks = 0;
    // Judged by a number that falls twice and then rises.
    Patience patience(3, [&](const Factors&) { return std::abs(static_cast<double>(++looks) - 2.1); });
    method.run(A, M, {.num_epochs = 100, .factors_every = 2, .on_factors = std::ref(patience)});
    CHECK(looks == 5);
    CHECK(patience.best()->epoch == 4);
    const Factors best = method.run(A, M, {.num_epochs = 4});
    CHECK(same_bits(patience.best()->factors, best));
  }
}

TEST_CASE("patience refuses what makes no sense", "[patience]") {
  CHECK(sentence_of([] { Patience(0, first_of); }) == "[Patience] looks must be at least 1, but was 0.");
  CHECK(sentence_of([] { Patience(1, {}); }) == "[Patience] judge must be a function of factors, but was empty.");
}
