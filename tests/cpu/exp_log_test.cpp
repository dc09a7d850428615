// exp and log of the kernels on one lane, against the system's in a wider type. That vectors have the same bits,
// mlp_test.cpp says.

#include <hwy/base.h>

#include <algorithm>
#include <limits>

#include "cpu/one_lane.h"

#include "catch.h"

namespace factorise::cpu {
namespace {

namespace hn = one_lane;
#include "cpu/exp_log-inl.h"

template <class T>
using Lane = hn::CappedTag<T, 1>;
/// Holds what the error is measured against.
template <class T>
using Wider = std::conditional_t<sizeof(T) == 4, double, long double>;

/// |value - exact| in units of the last place of exact.
template <class T>
double ulps(T value, Wider<T> exact) {
  const T near = std::abs(static_cast<T>(exact));
  const auto ulp = static_cast<Wider<T>>(std::nextafter(near, std::numeric_limits<T>::infinity()) - near);
  return static_cast<double>(std::abs(static_cast<Wider<T>>(value) - exact) / ulp);
}

template <class T>
void check_exp() {
  double worst = 0;
  for (int i = 0; i <= 400000; ++i) {
    const T x = Series<T>::kSmallest * static_cast<T>(i) / T(400000);
    worst = std::max(worst, ulps<T>(exp_of_nonpositive(Lane<T>(), x), std::exp(static_cast<Wider<T>>(x))));
  }
  CHECK(worst <= 1.0);
  const T infinity = std::numeric_limits<T>::infinity();
  CHECK(exp_of_nonpositive(Lane<T>(), T(0)) == 1);
  CHECK(exp_of_nonpositive(Lane<T>(), T(-0.0)) == 1);
  CHECK(exp_of_nonpositive(Lane<T>(), std::nextafter(Series<T>::kSmallest, -infinity)) == 0);
  CHECK(exp_of_nonpositive(Lane<T>(), -std::numeric_limits<T>::max()) == 0);
  CHECK(exp_of_nonpositive(Lane<T>(), -infinity) == 0);
  CHECK(std::isnan(exp_of_nonpositive(Lane<T>(), std::numeric_limits<T>::quiet_NaN())));
}

template <class T>
void check_log() {
  double worst = 0;
  for (int i = 1; i <= 400000; ++i) {
    // Of a softmax over up to 1000 classes, more of them near 1.
    const T fraction = static_cast<T>(i) / T(400000), x = 1 + 999 * fraction * fraction * fraction * fraction;
    worst = std::max(worst, ulps<T>(log_from_one(Lane<T>(), x), std::log(static_cast<Wider<T>>(x))));
  }
  CHECK(worst <= 2.0);
  CHECK(log_from_one(Lane<T>(), T(1)) == 0);
}

}  // namespace

TEST_CASE("exp is right to 1 ulp and exact at its ends", "[exp_log]") {
  check_exp<float>();
  check_exp<double>();
}

TEST_CASE("log is right to 2 ulp and exact at 1", "[exp_log]") {
  check_log<float>();
  check_log<double>();
}

}  // namespace factorise::cpu
