#pragma once
// The packers' work on a row of values and its marks, on vectors: check the values, list the marked places, convert to
// bytes. Marks are bytes, not 0 where a value is observed, or null where all are. Nothing is rounded here.

#include <cstdint>

#include "cpu/isa.h"

namespace factorise::cpu {

/// Properties of a row's observed values.
struct RowFacts {
  bool finite = true;      ///< all of them
  bool fits_bytes = true;  ///< whole numbers from 1 to 255, all of them
};

template <class T>
struct RowKernels {
  RowFacts (*look_at)(const T* values, const uint8_t* marks, int64_t count);
  /// The values as bytes, 0 where not observed; those observed must be whole numbers from 1 to 255.
  void (*to_bytes)(const T* values, const uint8_t* marks, int64_t count, uint8_t* bytes);
  /// The same with -128 where not observed. Returns whether those observed are whole numbers from -127 to 127; where
  /// they are not, the bytes are not usable.
  bool (*to_signed_bytes)(const T* values, const uint8_t* marks, int64_t count, int8_t* bytes);
  /// Lists the places of the observed values, ascending, and the values; there must be marks. `room`: how many numbers
  /// may be written, at least as many as there are. Returns how many these are.
  int64_t (*list)(const T* values, const uint8_t* marks, int64_t count, int64_t room, int32_t* places, T* listed);
  /// How many marks are this one.
  int64_t (*count_marks)(const uint8_t* marks, int64_t count, uint8_t mark);
};
template <class T>
const RowKernels<T>& row_kernels(Isa isa);

}  // namespace factorise::cpu
