// Checksums of strips of rows, so that a large matrix is not copied whole.

#include "io/fingerprint.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "io/crc32.h"

namespace factorise {
namespace {

/// The checksum of what came before and of the tensor's bytes.
uint32_t continued(uint32_t before, const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().cpu().contiguous();
  const auto* bytes = static_cast<const uint8_t*>(plain.const_data_ptr());
  const std::array<uint32_t, 2> both{before, crc32_of({bytes, plain.nbytes()})};
  std::array<uint8_t, sizeof both> text;
  std::memcpy(text.data(), both.data(), sizeof both);
  return crc32_of(text);
}

std::string hex(uint32_t number) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), " %08x", number);
  return text.data();
}

std::string sparse_fingerprint(const at::Tensor& A) {
  const at::Tensor values = A.detach()._values(), indices = A.detach()._indices();
  return c10::str(A.size(0), "x", A.size(1), " ", A.scalar_type()) + hex(continued(0, values)) +
         hex(continued(0, indices)) + " sparse";
}

}  // namespace

std::string fingerprint(const at::Tensor& A, const std::optional<at::Tensor>& M) {
  if (A.is_sparse()) return sparse_fingerprint(A);
  constexpr int64_t kStrip = int64_t{1} << 22;  // entries
  const int64_t rows = std::max<int64_t>(1, kStrip / std::max<int64_t>(1, A.size(1)));
  uint32_t values = 0, observed = 0;
  for (int64_t r = 0; r < A.size(0); r += rows) {
    const int64_t height = std::min(rows, A.size(0) - r);
    at::Tensor strip = A.detach().narrow(0, r, height);
    if (M) {
      const at::Tensor seen = M->detach().narrow(0, r, height).ne(0);
      strip = strip.masked_fill(seen.logical_not(), 0);
      observed = continued(observed, seen);
    }
    values = continued(values, strip);
  }
  return c10::str(A.size(0), "x", A.size(1), " ", A.scalar_type()) + hex(values) + (M ? hex(observed) : " all");
}

}  // namespace factorise
