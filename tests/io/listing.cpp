// The listing's C++ half.

#include "io/listing.h"

#include <ATen/core/Tensor.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "io/crc32.h"
#include "io/mapped_file.h"
#include "io/pickle_globals.h"

namespace factorise::tests {
namespace {

std::string hex(Bytes bytes) {
  std::string result;
  for (const uint8_t byte : bytes) {
    result += "0123456789abcdef"[byte >> 4];
    result += "0123456789abcdef"[byte & 15];
  }
  return result;
}

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::string real(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  std::string big_endian;
  for (int shift = 56; shift >= 0; shift -= 8) big_endian += static_cast<char>(bits >> shift);
  return hex(bytes_of(big_endian));
}

}  // namespace

std::string Listing::tensor(const Tensor& tensor) {
  if (tensor.is_sparse()) {
    const auto content = [](const Tensor& part) {
      const Tensor plain = part.contiguous();
      return crc32_of({static_cast<const uint8_t*>(plain.const_data_ptr()), plain.nbytes()});
    };
    return c10::str("sparse ", dtype_name(tensor.scalar_type()), " sizes [", c10::Join(", ", tensor.sizes()), "] of ",
                    tensor._nnz(), " entries, indices ", content(tensor._indices()), " values ",
                    content(tensor._values()));
  }
  if (tensor.requires_grad() || !tensor.device().is_cpu()) throw std::runtime_error("a tensor needs grad or a device");
  const auto& storage = tensor.storage();
  const size_t number = storages_.emplace(storage.unsafeGetStorageImpl(), storages_.size()).first->second;
  const Tensor plain = tensor.contiguous();
  const Bytes data(static_cast<const uint8_t*>(plain.const_data_ptr()), plain.nbytes());
  return c10::str("tensor ", dtype_name(tensor.scalar_type()), " sizes [", c10::Join(", ", tensor.sizes()),
                  "] strides [", c10::Join(", ", tensor.strides()), "] offset ", tensor.storage_offset(), " storage ",
                  number, " of ", storage.nbytes(), " crc ", crc32_of(data), " data ",
                  hex(data.first(std::min<size_t>(data.size(), 64))));
}

void Listing::add(const PtValue& value, int indent) {
  if (value.is_tensor()) {
    line(indent, tensor(value.tensor()));
  } else if (const auto* truth = std::get_if<bool>(&value.value)) {
    line(indent, *truth ? "bool 1" : "bool 0");
  } else if (const auto* integer = std::get_if<int64_t>(&value.value)) {
    line(indent, c10::str("int ", *integer));
  } else if (const auto* number = std::get_if<double>(&value.value)) {
    line(indent, "real " + real(*number));
  } else if (const auto* text = std::get_if<std::string>(&value.value)) {
    line(indent, "text " + hex(bytes_of(*text)));
  } else if (const auto* list = std::get_if<PtValue::List>(&value.value)) {
    line(indent, c10::str(list->is_tuple ? "tuple " : "list ", list->items.size()));
    for (const PtValue& item : list->items) add(item, indent + 1);
  } else if (const auto* dict = std::get_if<PtValue::Dict>(&value.value)) {
    line(indent, c10::str("dict ", dict->items.size()));
    for (const auto& [key, item] : dict->items) {
      add(key, indent + 1);
      add(item, indent + 1);
    }
  } else {
    line(indent, "none");
  }
}

}  // namespace factorise::tests
