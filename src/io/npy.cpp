// The header is a Python dict with three keys, of which we read what NumPy writes.

#include "io/npy.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "io/atomic_file.h"
#include "io/contents.h"

namespace factorise {
namespace {

using namespace std::literals;

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::array<std::pair<std::string_view, c10::ScalarType>, 9> kTypes{{{"<f4", at::kFloat},
                                                                              {"<f8", at::kDouble},
                                                                              {"<f2", at::kHalf},
                                                                              {"|i1", at::kChar},
                                                                              {"|u1", at::kByte},
                                                                              {"|b1", at::kBool},
                                                                              {"<i2", at::kShort},
                                                                              {"<i4", at::kInt},
                                                                              {"<i8", at::kLong}}};

template <typename... Parts>
[[noreturn]] void refuse(const std::filesystem::path& path, const Parts&... parts) {
  refuse_file(c10::str("[load_npy] ", path.string(), ": ", parts...));
}

uint32_t little_endian(std::string_view bytes) {
  uint32_t number = 0;
  for (size_t i = bytes.size(); i > 0; --i) number = number << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return number;
}

/// What follows 'key': in the dict, without spaces before it; empty where the key is missing.
std::string_view value_of(std::string_view dict, std::string_view key) {
  const size_t at = dict.find(c10::str("'", key, "':"));
  if (at == std::string_view::npos) return {};
  const std::string_view rest = dict.substr(at + key.size() + 3);
  return rest.substr(std::min(rest.find_first_not_of(' '), rest.size()));
}

/// "(3, 4)" as numbers; nothing where it is anything else.
std::optional<std::vector<int64_t>> shape_of(std::string_view text) {
  if (!text.starts_with("(")) return std::nullopt;
  text = text.substr(1, text.find(')') - 1);
  std::vector<int64_t> shape;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ' ' || text[at] == ',') {
      ++at;
      continue;
    }
    int64_t size = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), size);
    if (error != std::errc() || size < 0) return std::nullopt;
    shape.push_back(size);
    at = static_cast<size_t>(end - text.data());
  }
  return shape;
}

}  // namespace

at::Tensor load_npy(const std::filesystem::path& path) {
  const std::string file = read_contents("load_npy", path);
  const std::string_view bytes = file;
  if (!bytes.starts_with(kMagic) || bytes.size() < 12) refuse(path, "must be a .npy file, but does not begin as one.");
  const auto version = static_cast<uint8_t>(bytes[6]);
  if (version < 1 || version > 3) refuse(path, "must be of format 1 to 3, but is of format ", int{version}, ".");
  const size_t begin = version == 1 ? 10 : 12;
  const size_t length = little_endian(bytes.substr(8, begin - 8));
  if (length > bytes.size() - begin) refuse(path, "its header must lie within it, but the file ends before.");
  const std::string_view dict = bytes.substr(begin, length), data = bytes.substr(begin + length);
  const std::string_view descr = value_of(dict, "descr");
  const std::string_view type_name = descr.starts_with("'") ? descr.substr(1, descr.find('\'', 1) - 1) : descr;
  std::optional<c10::ScalarType> type;
  for (const auto& [name, scalar] : kTypes) {
    if (name == type_name) type = scalar;
  }
  if (!type)
    refuse(path, "must hold little-endian numbers of a type that torch has, but holds ", shown(type_name), ".");
  const auto shape = shape_of(value_of(dict, "shape"));
  const std::string_view order = value_of(dict, "fortran_order");
  const bool fortran = order.starts_with("True");
  if (!shape || (!fortran && !order.starts_with("False"))) refuse(path, "its header must be NumPy's, but is not.");
  if (shape->size() != 2) refuse(path, "must be a matrix, but has ", shape->size(), " dimensions.");
  // Divided, as a product of foreign numbers may overflow.
  const auto rows = static_cast<uint64_t>((*shape)[0]), columns = static_cast<uint64_t>((*shape)[1]);
  const uint64_t size = c10::elementSize(*type), count = data.size() / size;
  const bool fits = rows == 0 || columns == 0 ? count == 0 : count / rows == columns && count % rows == 0;
  if (!fits || data.size() % size != 0) {
    refuse(path, "must hold ", rows, " x ", columns, " numbers of ", size, " bytes, but holds ", data.size(),
           " bytes.");
  }
  const auto m = (*shape)[0], n = (*shape)[1];
  const at::Tensor tensor = at::empty(fortran ? at::IntArrayRef{n, m} : at::IntArrayRef{m, n}, *type);
  if (!data.empty()) std::memcpy(tensor.mutable_data_ptr(), data.data(), data.size());
  return fortran ? tensor.t().contiguous() : tensor;
}

void save_npy(const std::filesystem::path& path, const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().cpu().contiguous();
  std::string_view type;
  for (const auto& [name, scalar] : kTypes) {
    if (scalar == plain.scalar_type()) type = name;
  }
  TORCH_CHECK_VALUE(!type.empty(), "[save_npy] the tensor must be of a type that NumPy has, but is ",
                    plain.scalar_type(), ".");
  std::string shape;
  for (const int64_t size : plain.sizes()) shape += c10::str(size, ", ");
  std::string dict = c10::str("{'descr': '", type, "', 'fortran_order': False, 'shape': (", shape, "), }");
  dict.resize((10 + dict.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');  // so that the numbers begin at a multiple of 64
  dict += '\n';
  AtomicFile file("save_npy", path);
  const std::string length{static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  file.write(std::string(kMagic) + "\x01\x00"s + length + dict);
  file.write(Bytes(static_cast<const uint8_t*>(plain.const_data_ptr()), plain.nbytes()));
  file.commit();
}

}  // namespace factorise
