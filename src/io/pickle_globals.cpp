// The whitelist.

#include "io/pickle_globals.h"

#include <c10/util/StringUtil.h>

#include <array>
#include <utility>

#include "io/unpickler.h"

namespace factorise {
namespace {

using Row = std::pair<std::string_view, std::string_view>;

constexpr std::array<Row, 24> kDtypes{{{"torch FloatStorage", "float32"}, {"torch DoubleStorage", "float64"},
                                       {"torch HalfStorage", "float16"},  {"torch BFloat16Storage", "bfloat16"},
                                       {"torch ByteStorage", "uint8"},    {"torch CharStorage", "int8"},
                                       {"torch ShortStorage", "int16"},   {"torch IntStorage", "int32"},
                                       {"torch LongStorage", "int64"},    {"torch BoolStorage", "bool"},
                                       {"torch float32", "float32"},      {"torch float64", "float64"},
                                       {"torch float16", "float16"},      {"torch bfloat16", "bfloat16"},
                                       {"torch uint8", "uint8"},          {"torch int8", "int8"},
                                       {"torch int16", "int16"},          {"torch int32", "int32"},
                                       {"torch int64", "int64"},          {"torch bool", "bool"},
                                       {"torch uint16", "uint16"},        {"torch uint32", "uint32"},
                                       {"torch uint64", "uint64"},        {"torch.cuda FloatStorage", "float32"}}};

/// What a file holds that uses these names (or names that begin so), and cannot be read.
constexpr std::array<Row, 12> kForeign{{{"torch._utils _rebuild_sparse", "a sparse tensor; save its to_dense()"},
                                        {"torch._utils _rebuild_qtensor", "a quantised tensor; save its dequantize()"},
                                        {"torch._utils _rebuild_nested", "a nested tensor"},
                                        {"torch._utils _rebuild_meta", "a meta tensor, which has no data"},
                                        {"torch._utils _rebuild", "a kind of tensor that is not read here"},
                                        {"torch._tensor _rebuild_from_type", "a tensor of a class of its own"},
                                        {"torch Complex", "complex numbers"},
                                        {"torch complex", "complex numbers"},
                                        {"torch Q", "quantised numbers; save the tensor's dequantize()"},
                                        {"torch float8", "8-bit floats"},
                                        {"numpy", "a NumPy object; save it as a tensor, torch.from_numpy(...)"},
                                        {"torch.nn", "a whole module; save its state_dict()"}}};

}  // namespace

std::string_view dtype_of_global(std::string_view global) {
  for (const auto& [name, dtype] : kDtypes) {
    if (name == global) return dtype;
  }
  return "";
}

std::optional<PickleGlobal> known_global(std::string_view global) {
  if (!dtype_of_global(global).empty()) return PickleGlobal::dtype;
  if (global == "torch.storage UntypedStorage" || global == "torch UntypedStorage")
    return PickleGlobal::untyped_storage;
  if (global == "torch._utils _rebuild_tensor" || global == "torch._utils _rebuild_tensor_v2" ||
      global == "torch._utils _rebuild_tensor_v3") {
    return PickleGlobal::rebuild_tensor;
  }
  if (global == "torch._utils _rebuild_parameter" || global == "torch._utils _rebuild_parameter_with_state") {
    return PickleGlobal::rebuild_parameter;
  }
  if (global == "collections OrderedDict") return PickleGlobal::ordered_dict;
  if (global == "torch Size" || global == "torch.Size") return PickleGlobal::size;
  return std::nullopt;
}

std::string refusal_of_global(std::string_view global) {
  for (const auto& [prefix, what] : kForeign) {
    if (global.starts_with(prefix)) return c10::str("the file holds ", what);
  }
  std::string name;
  for (const char c : global.substr(0, 80)) name += c == ' ' ? '.' : c >= 32 && c < 127 ? c : '?';
  return c10::str("the file asks for ", name,
                  ", but nothing in a file is run here: it may hold tensors, numbers and strings, in dicts, lists and "
                  "tuples");
}

}  // namespace factorise
