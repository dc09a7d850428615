#pragma once
// Rows of a matrix of any real type and strides, converted one at a time, so that no copy of the matrix is needed.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace factorise::cpu {

/// Reads rows of A as T.
template <class T>
class RowReader {
 public:
  explicit RowReader(const at::Tensor& A);
  void read(int64_t row, T* values) const { read_(base_ + row * row_step_, column_step_, columns_, values); }

 private:
  const char* base_;
  int64_t row_step_, column_step_, columns_;  ///< steps in bytes
  void (*read_)(const char* base, int64_t step, int64_t count, T* values);
};

/// Reads rows of a mask as bytes: 1 where it is not zero, 0 where it is zero, 2 where it is NaN. No mask: ones.
class MaskReader {
 public:
  MaskReader(const std::optional<at::Tensor>& M, int64_t columns);
  void read(int64_t row, uint8_t* observed) const;

 private:
  const char* base_ = nullptr;
  int64_t row_step_ = 0, column_step_ = 0, columns_;
  void (*read_)(const char* base, int64_t step, int64_t count, uint8_t* observed) = nullptr;
};

}  // namespace factorise::cpu
