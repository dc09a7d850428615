#pragma once
// The figures that the lab reports print, as they print them: what the comparison tables compare with. Two reports on
// each lab; no report gives its seed.

#include <ATen/ops/tensor.h>

#include <initializer_list>

namespace factorise::programs::reported {

/// A matrix as printed, row by row.
inline at::Tensor matrix(std::initializer_list<double> values, int64_t columns) {
  return at::tensor(at::ArrayRef<double>(values), at::TensorOptions(at::kDouble)).view({-1, columns}).to(at::kFloat);
}

namespace lab1 {

/// The sheet's matrix, and which of its entries exercise 3.1 keeps.
inline at::Tensor A() { return matrix({0.3374, 0.6005, 0.1735, 3.3359, 0.0492, 1.8374, 2.9407, 0.5301, 2.2620}, 3); }
inline at::Tensor M() { return matrix({1, 1, 1, 0, 1, 1, 1, 0, 1}, 3); }

constexpr double kSgdLoss1 = 0.1219, kSgdLoss2 = 0.1221;            // 1.2
constexpr double kSvdLoss = 0.1219;                                 // 2.1
constexpr double kMaskedLoss1 = 1.1962, kMaskedLoss2 = 1.1106;      // 3.1, against the whole A
constexpr double kCompleted10_1 = 2.2581, kCompleted10_2 = 2.2856;  // 3.1, entry (1, 0)
constexpr double kCompleted21_1 = 0.7159, kCompleted21_2 = 0.6160;  // 3.1, entry (2, 1)

inline at::Tensor U1() { return matrix({-0.3615, 0.6389, 1.5642, 0.8355, 0.9161, 1.4575}, 2); }
inline at::Tensor V1() { return matrix({1.4534, 1.1703, -0.3388, 0.6228, 0.7387, 0.9807}, 2); }
inline at::Tensor U2() { return matrix({-0.3409, 0.5592, 1.3151, 0.9444, 0.7344, 1.4513}, 2); }
inline at::Tensor V2() { return matrix({1.5187, 1.3255, -0.4731, 0.6499, 0.7272, 1.0813}, 2); }

inline at::Tensor svd_reconstruction() {
  return matrix({0.2245, 0.5212, 0.3592, 3.2530, -0.0090, 1.9737, 3.0378, 0.5983, 2.1023}, 3);
}
inline at::Tensor completed1() {
  return matrix({0.3439, 0.5989, 0.1657, 2.2581, 0.0494, 1.8358, 2.9393, 0.7159, 2.2642}, 3);
}
inline at::Tensor completed2() {
  return matrix({0.3416, 0.5996, 0.1683, 2.2856, 0.0493, 1.8366, 2.9399, 0.6160, 2.2632}, 3);
}

}  // namespace lab1

namespace lab2 {

constexpr double kAdRank2 = 15.228955, kSvdRank2 = 15.228833;  // 1.2, squared losses
constexpr double kAdRank4 = 0.0439, kSvdRank4 = 3.98e-11;      // 1.2, squared losses
constexpr double kNorm = 7.1619, kSvdNorm = 3.9024;            // the norm variant, norms
// 2.2, shares. The reports cut percentages off after two digits: 83.99 % is 42 of 50.
constexpr double kTrain001 = 0.7699, kValidation001 = 0.68;
constexpr double kTrain01 = 0.97, kValidation01 = 0.8399;
constexpr double kValidationXavier = 0.92;

}  // namespace lab2

}  // namespace factorise::programs::reported
