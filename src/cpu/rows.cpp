// One loop for each type that a matrix may have.

#include "cpu/rows.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Exception.h>
#include <c10/util/Half.h>

#include <cmath>
#include <cstring>
#include <type_traits>

namespace factorise::cpu {
namespace {

template <class Source, class T>
void read_values(const char* base, int64_t step, int64_t count, T* values) {
  if (step == static_cast<int64_t>(sizeof(Source))) {
    const auto* source = reinterpret_cast<const Source*>(base);
    if constexpr (std::is_same_v<Source, T>) {
      std::memcpy(values, source, static_cast<size_t>(count) * sizeof(T));
    } else {
      for (int64_t c = 0; c < count; ++c) values[c] = static_cast<T>(source[c]);
    }
    return;
  }
  for (int64_t c = 0; c < count; ++c) values[c] = static_cast<T>(*reinterpret_cast<const Source*>(base + c * step));
}

template <class Source>
uint8_t mark_of(Source value) {
  if constexpr (std::is_same_v<Source, bool>) {
    return value;
  } else if constexpr (std::is_integral_v<Source>) {
    return value != 0;
  } else if constexpr (std::is_same_v<Source, double>) {
    return static_cast<uint8_t>((value != 0) + std::isnan(value));
  } else {
    const auto number = static_cast<float>(value);
    return static_cast<uint8_t>((number != 0) + std::isnan(number));
  }
}

template <class Source>
void read_mask(const char* base, int64_t step, int64_t count, uint8_t* observed) {
  if (step == static_cast<int64_t>(sizeof(Source))) {
    const auto* source = reinterpret_cast<const Source*>(base);
    for (int64_t c = 0; c < count; ++c) observed[c] = mark_of(source[c]);
    return;
  }
  for (int64_t c = 0; c < count; ++c) observed[c] = mark_of(*reinterpret_cast<const Source*>(base + c * step));
}

/// Calls f with a null pointer to the type that a ScalarType stands for.
template <class F>
auto with_type(c10::ScalarType type, F f) {
  switch (type) {
    case at::kBool:
      return f(static_cast<const bool*>(nullptr));
    case at::kByte:
      return f(static_cast<const uint8_t*>(nullptr));
    case at::kChar:
      return f(static_cast<const int8_t*>(nullptr));
    case at::kShort:
      return f(static_cast<const int16_t*>(nullptr));
    case at::kInt:
      return f(static_cast<const int32_t*>(nullptr));
    case at::kLong:
      return f(static_cast<const int64_t*>(nullptr));
    case at::kUInt16:
      return f(static_cast<const uint16_t*>(nullptr));
    case at::kUInt32:
      return f(static_cast<const uint32_t*>(nullptr));
    case at::kUInt64:
      return f(static_cast<const uint64_t*>(nullptr));
    case at::kHalf:
      return f(static_cast<const c10::Half*>(nullptr));
    case at::kBFloat16:
      return f(static_cast<const c10::BFloat16*>(nullptr));
    case at::kFloat:
      return f(static_cast<const float*>(nullptr));
    case at::kDouble:
      return f(static_cast<const double*>(nullptr));
    default:
      TORCH_CHECK_VALUE(false, "A matrix must be real, but was ", type, ".");
  }
}

int64_t step_of(const at::Tensor& matrix, int64_t dimension) {
  return matrix.stride(dimension) * static_cast<int64_t>(matrix.element_size());
}

}  // namespace

template <class T>
RowReader<T>::RowReader(const at::Tensor& A)
    : base_(static_cast<const char*>(A.const_data_ptr())),
      row_step_(step_of(A, 0)),
      column_step_(step_of(A, 1)),
      columns_(A.size(1)),
      is_plain_(A.scalar_type() == c10::CppTypeToScalarType<T>::value && A.stride(1) == 1),
      read_(with_type(A.scalar_type(), [](auto* source) {
        return &read_values<std::remove_cv_t<std::remove_pointer_t<decltype(source)>>, T>;
      })) {}

template class RowReader<float>;
template class RowReader<double>;

MaskReader::MaskReader(const std::optional<at::Tensor>& M, int64_t columns) : columns_(columns) {
  if (!M) return;
  base_ = static_cast<const char*>(M->const_data_ptr());
  row_step_ = step_of(*M, 0);
  column_step_ = step_of(*M, 1);
  is_plain_ = M->scalar_type() == at::kBool && M->stride(1) == 1;
  read_ = with_type(M->scalar_type(),
                    [](auto* source) { return &read_mask<std::remove_cv_t<std::remove_pointer_t<decltype(source)>>>; });
}

void MaskReader::read(int64_t row, uint8_t* observed) const {
  if (read_) {
    read_(base_ + row * row_step_, column_step_, columns_, observed);
  } else {
    std::memset(observed, 1, static_cast<size_t>(columns_));
  }
}

}  // namespace factorise::cpu
