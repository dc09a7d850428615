#pragma once
// The figures printed in lab reports, with the digits printed, for the comparison tables. Of each lab two reports
// without seeds, numbered 1 and 2; one of lab 1 that gives its seeds; and of other public reports, which give none, the
// figures that differ from those two, with further numbers within each exercise.

#include <ATen/ops/tensor.h>

#include <array>
#include <initializer_list>
#include <optional>

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

// 4.1: the predicted rating in two runs, and their "sum of squared errors". That sum is over all entries, those that
// were not rated taken as 0; the sheet asks for the one over the valid entries, which no report gives.
inline constexpr std::array kPredictions{3.4865875, 3.4325347};
inline constexpr std::array kSumsOverAll{66435584.0, 66477632.0};

inline constexpr std::array kFurtherSgdLosses{0.1220, 0.1223};  // 1.2, reports 3 and 4

/// 3.1, reports 3 to 6.
struct Completion {
  double entry10, entry21;
  std::optional<double> loss{};  ///< against the whole A
};
inline constexpr std::array kFurtherCompletions{Completion{2.3070, 0.5899}, Completion{2.0766, 1.2342, 2.0825},
                                                Completion{2.4258, -0.2101}, Completion{2.2198, 0.9660}};

/// A run whose seed is known: torch.manual_seed(seed), the sheet's defaults. Matrices have three decimals, the loss
/// (against the whole A) four.
struct SeededRun {
  uint64_t seed;
  at::Tensor U, V, product;
  double loss;
};
inline SeededRun seeded_whole() {  // 1.1, 1.2
  return {0, matrix({.617, -.153, .411, 1.596, 1.080, 1.180}, 2), matrix({.813, 1.829, .784, -.209, .838, 1.020}, 2),
          matrix({.221, .515, .361, 3.253, -.011, 1.972, 3.036, .600, 2.108}, 3), 0.1220};
}
inline SeededRun seeded_masked() {  // 3.1
  return {2, matrix({.561, -.416, .940, 1.107, 1.502, .991}, 2), matrix({1.323, .961, .676, -.530, .939, .861}, 2),
          matrix({.342, .599, .168, 2.308, .049, 1.836, 2.940, .491, 2.264}, 3), 1.0579};
}
constexpr double kSeededMatrixTolerance = 5e-4, kSeededLossTolerance = 5e-5;

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

constexpr double kAdRank2 = 15.228955, kSvdRank2 = 15.228833;   // 1.2, squared losses
constexpr double kAdRank2Low = 15.2289, kAdRank2High = 15.232;  // 1.2, reports 2 and 3, to four and three decimals
constexpr double kAdRank4 = 0.0439, kSvdRank4 = 3.98e-11;       // 1.2, squared losses
constexpr double kNorm = 7.1619, kSvdNorm = 3.9024;             // the norm variant, norms
// 2.2, shares. The reports truncate percentages after two digits: 83.99 % is 42 of 50.
constexpr double kTrain001 = 0.7699, kValidation001 = 0.68;
constexpr double kTrain01 = 0.97, kValidation01 = 0.8399;
constexpr double kValidationXavier = 0.92;

}  // namespace lab2

}  // namespace factorise::programs::reported
