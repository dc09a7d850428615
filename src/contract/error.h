#pragma once
// The order that squared errors are added in, of a matrix and of a list: per row and tile of columns in interleaved
// sums, which are then added one after another; then the tiles, row by row. Entries that are not observed add nothing.

#include <cstdint>

namespace factorise {

constexpr int64_t kTile = 512;  ///< columns that are summed together
constexpr int64_t kLanes = 8;   ///< interleaved sums of a tile: short chains of dependent additions

}  // namespace factorise
