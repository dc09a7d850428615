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
  /// The row where it lies, where that is as T and without gaps; else read into `values`.
  const T* row(int64_t row, T* values) const {
    if (is_plain_) return reinterpret_cast<const T*>(base_ + row * row_step_);
    read(row, values);
    return values;
  }

 private:
  const char* base_;
  int64_t row_step_, column_step_, columns_;  ///< steps in bytes
  bool is_plain_;
  void (*read_)(const char* base, int64_t step, int64_t count, T* values);
};

/// Reads rows of a mask as bytes: 1 where it is not zero, 0 where it is zero, 2 where it is NaN. No mask: ones.
class MaskReader {
 public:
  MaskReader(const std::optional<at::Tensor>& M, int64_t columns);
  void read(int64_t row, uint8_t* observed) const;
  /// Whether there is a mask.
  bool is_masked() const { return read_ != nullptr; }
  /// The row where it lies, where that is as bool and without gaps; else read into `observed`.
  const uint8_t* row(int64_t row, uint8_t* observed) const {
    if (is_plain_) return reinterpret_cast<const uint8_t*>(base_ + row * row_step_);
    read(row, observed);
    return observed;
  }

 private:
  const char* base_ = nullptr;
  int64_t row_step_ = 0, column_step_ = 0, columns_;
  bool is_plain_ = false;
  void (*read_)(const char* base, int64_t step, int64_t count, uint8_t* observed) = nullptr;
};

}  // namespace factorise::cpu
