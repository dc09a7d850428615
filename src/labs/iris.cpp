// Iris from the CSV built into the library, so that installed programs need no data folder.

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <factorise/datasets.h>
#include <factorise/io.h>

#include <algorithm>
#include <charconv>

#include "iris_csv.h"

namespace factorise {

Iris iris(c10::ScalarType dtype) {
  TORCH_CHECK_VALUE(dtype == at::kFloat || dtype == at::kDouble, "[iris] dtype must be float32 or float64, but was ",
                    dtype, ".");
  const auto rows = parse_csv(kIrisCsv, "the built-in iris.csv");
  const auto count = static_cast<int64_t>(rows.size()) - 1;  // without the header
  const auto columns = static_cast<int64_t>(rows.front().size()) - 1;

  Iris data;
  data.features.assign(rows.front().begin(), rows.front().end() - 1);
  Tensor X = at::empty({count, columns}, at::TensorOptions(at::kDouble));
  data.y = at::empty({count}, at::TensorOptions(at::kLong));
  auto x = X.accessor<double, 2>();
  auto y = data.y.accessor<int64_t, 1>();
  for (int64_t i = 0; i < count; ++i) {
    const auto& row = rows[static_cast<size_t>(i) + 1];
    for (int64_t k = 0; k < columns; ++k) {
      const std::string& field = row[static_cast<size_t>(k)];
      // from_chars, unlike strtod, reads the same in every locale.
      const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), x[i][k]);
      TORCH_INTERNAL_ASSERT(error == std::errc() && end == field.data() + field.size());
    }
    // Classes are numbered as they first come: setosa, versicolor, virginica.
    const auto known = std::find(data.species.begin(), data.species.end(), row.back());
    y[i] = known - data.species.begin();
    if (known == data.species.end()) data.species.push_back(row.back());
  }
  data.X = X.to(dtype);
  return data;
}

}  // namespace factorise
