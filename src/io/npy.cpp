// The header is a Python dict with three keys, of which we read what NumPy writes.

#include "io/npy.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
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
/// NumPy's letter and size of a type, and what it is here.
struct NumpyType {
  std::string_view name;
  c10::ScalarType stored, returned;
};

constexpr std::array<NumpyType, 12> kTypes{{{"f4", at::kFloat, at::kFloat},
                                            {"f8", at::kDouble, at::kDouble},
                                            {"f2", at::kHalf, at::kHalf},
                                            {"i1", at::kChar, at::kChar},
                                            {"u1", at::kByte, at::kByte},
                                            {"b1", at::kBool, at::kBool},
                                            {"i2", at::kShort, at::kShort},
                                            {"i4", at::kInt, at::kInt},
                                            {"i8", at::kLong, at::kLong},
                                            {"u2", at::kUInt16, at::kInt},
                                            {"u4", at::kUInt32, at::kLong},
                                            {"u8", at::kUInt64, at::kLong}}};

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

/// What an array that is not read holds, and what to do.
std::string other_type(std::string_view descr) {
  const auto is = [&](const char* what, const char* instead) {
    return c10::str(what, " (", shown(descr), "); in Python, ", instead, " makes numbers of it");
  };
  if (descr.starts_with("[")) return is("records of several fields", "array['NAME']");
  const std::string_view name = descr.substr(std::min<size_t>(1, descr.size()));
  switch (name.empty() ? ' ' : name[0]) {
    case 'O':
      return is("Python objects, and nothing in a file is run here", "array.astype('float64')");
    case 'c':
      return is("complex numbers", "array.real");
    case 'U':
    case 'S':
      return is("texts", "array.astype('float64')");
    case 'M':
    case 'm':
      return is("times", "array.astype('int64')");
    case 'V':
      return is("bytes without a type", "array.view(TYPE)");
    case 'f':
      return is("reals of more than 64 bits", "array.astype('float64')");
    default:
      return is("a type that is not known here", "array.astype('float64')");
  }
}

/// Turns the bytes of each number around.
void swap_bytes(std::string& data, size_t size) {
  for (size_t at = 0; at + size <= data.size(); at += size) {
    std::reverse(data.begin() + static_cast<std::ptrdiff_t>(at), data.begin() + static_cast<std::ptrdiff_t>(at + size));
  }
}

/// One array: its header, and what follows.
class Array {
 public:
  Array(std::string where, std::string_view bytes) : where_(std::move(where)) {
    if (!bytes.starts_with(kMagic) || bytes.size() < 12) refuse("must be a .npy file, but does not begin as one.");
    const auto version = static_cast<uint8_t>(bytes[6]);
    if (version < 1 || version > 3) refuse("must be of format 1 to 3, but is of format ", int{version}, ".");
    const size_t begin = version == 1 ? 10 : 12;
    const size_t length = little_endian(bytes.substr(8, begin - 8));
    if (length > bytes.size() - begin) refuse("its header must lie within it, but the file ends before.");
    dict_ = bytes.substr(begin, length);
    data_ = bytes.substr(begin + length);
  }

  at::Tensor matrix() const {
    const auto [type, is_big_endian] = read_type();
    const auto [m, n] = read_shape(c10::elementSize(type.stored));
    const std::string_view order = value_of(dict_, "fortran_order");
    const bool fortran = order.starts_with("True");
    if (!fortran && !order.starts_with("False")) refuse("its header must be NumPy's, but is not.");
    const at::Tensor tensor = at::empty(fortran ? at::IntArrayRef{n, m} : at::IntArrayRef{m, n}, type.stored);
    if (is_big_endian) {
      std::string turned(data_);
      swap_bytes(turned, c10::elementSize(type.stored));
      if (!turned.empty()) std::memcpy(tensor.mutable_data_ptr(), turned.data(), turned.size());
    } else if (!data_.empty()) {
      std::memcpy(tensor.mutable_data_ptr(), data_.data(), data_.size());
    }
    const at::Tensor numbers = type.stored == at::kUInt64 ? checked(tensor.view(at::kLong)) : tensor.to(type.returned);
    return fortran ? numbers.t().contiguous() : numbers;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_file(c10::str(where_, ": ", parts...));
  }

  std::pair<NumpyType, bool> read_type() const {
    const std::string_view descr = value_of(dict_, "descr");
    const std::string_view name = descr.starts_with("'") ? descr.substr(1, descr.find('\'', 1) - 1) : descr;
    for (const NumpyType& type : kTypes) {
      if (name.size() == 3 && name.substr(1) == type.name && "<>|="sv.find(name[0]) != std::string_view::npos) {
        return {type, name[0] == '>'};
      }
    }
    refuse("must hold real numbers of 8 to 64 bits, or bools, but holds ", other_type(name), ".");
  }

  std::pair<int64_t, int64_t> read_shape(uint64_t size) const {
    const auto shape = shape_of(value_of(dict_, "shape"));
    if (!shape) refuse("its header must be NumPy's, but is not.");
    if (shape->size() != 2) refuse("must be a matrix, but has ", shape->size(), " dimensions.");
    // Divided, as a product of foreign numbers may overflow.
    const auto rows = static_cast<uint64_t>((*shape)[0]), columns = static_cast<uint64_t>((*shape)[1]);
    const uint64_t count = data_.size() / size;
    const bool fits = rows == 0 || columns == 0 ? count == 0 : count / rows == columns && count % rows == 0;
    if (!fits || data_.size() % size != 0) {
      refuse("must hold ", rows, " x ", columns, " numbers of ", size, " bytes, but holds ", data_.size(), " bytes.");
    }
    return {(*shape)[0], (*shape)[1]};
  }

  /// Of uint64, seen as int64.
  at::Tensor checked(const at::Tensor& numbers) const {
    if (numbers.numel() > 0 && numbers.min().item<int64_t>() < 0) {
      refuse(
          "must hold whole numbers up to 2^63 - 1, but one of its uint64 is larger; in Python, "
          "array.astype('float64') rounds it.");
    }
    return numbers;
  }

  std::string where_;
  std::string_view dict_, data_;
};

}  // namespace

at::Tensor load_npy(const std::filesystem::path& path) {
  return parse_npy(c10::str("[load_npy] ", path.string()), read_contents("load_npy", path));
}

at::Tensor parse_npy(const std::string& where, std::string_view bytes) { return Array(where, bytes).matrix(); }

void save_npy(const std::filesystem::path& path, const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().cpu().contiguous();
  std::string type;
  for (const auto& [name, stored, returned] : kTypes) {
    if (stored == plain.scalar_type()) type = (plain.element_size() == 1 ? "|" : "<") + std::string(name);
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
