#pragma once
// The order that squared errors are added in, of a matrix and of a list: per row and tile of columns in interleaved
// sums, these one after another; then the tiles, row by row. What is not observed adds nothing.

#include <cstdint>

namespace factorise {

constexpr int64_t kTile = 512;  ///< columns that are summed together
constexpr int64_t kLanes = 8;   ///< interleaved sums of a tile: short dependent chains, and an order of its own

}  // namespace factorise
