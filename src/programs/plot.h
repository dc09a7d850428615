#pragma once
// A curve in the terminal: how the loss fell.

#include <cstdint>
#include <string>
#include <vector>

#include "programs/terminal.h"

namespace factorise::programs {

struct CurvePoint {
  int64_t epoch;
  double loss;
};

/// `rows` lines of a curve over the epochs, the loss on a logarithmic axis where all of it is above 0; its ends are
/// written beside it. Empty where fewer than two points are finite. Points are in the order of their epochs.
std::string plot(const std::vector<CurvePoint>& curve, const Style& style = Style(), int columns = 60, int rows = 12);

}  // namespace factorise::programs
