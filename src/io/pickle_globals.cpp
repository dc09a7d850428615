// The whitelist, and what is known of the rest.

#include "io/pickle_globals.h"

#include <c10/util/StringUtil.h>

#include "io/contents.h"

namespace factorise {
namespace {

using enum PickleMeaning;
using enum c10::ScalarType;

constexpr PickleGlobal kGlobals[] = {
    {"torch._utils", "_rebuild_tensor_v2", tensor_v2, Undefined},
    {"torch._utils", "_rebuild_tensor_v3", tensor_v3, Undefined},
    {"torch._utils", "_rebuild_tensor", tensor_old, Undefined},
    {"torch._utils", "_rebuild_parameter", parameter, Undefined},
    {"torch._utils", "_rebuild_parameter_with_state", parameter, Undefined},
    {"torch._tensor", "_rebuild_from_type_v2", tensor_with_type, Undefined},
    {"torch", "Tensor", tensor_type, Undefined},
    {"torch.nn.parameter", "Parameter", tensor_type, Undefined},
    {"torch.nn.parameter", "Buffer", tensor_type, Undefined},
    {"torch._utils", "_rebuild_sparse_tensor", sparse, Undefined},
    {"torch._utils", "_rebuild_sparse_csr_tensor", sparse, Undefined},  // before torch 2.0
    {"torch.serialization", "_get_layout", layout, Undefined},
    {"torch.jit._pickle", "restore_type_tag", script_typed, Undefined},
    {"torch.jit._pickle", "build_intlist", script_typed, Undefined},
    {"torch.jit._pickle", "build_doublelist", script_typed, Undefined},
    {"torch.jit._pickle", "build_boollist", script_typed, Undefined},
    {"torch.jit._pickle", "build_tensorlist", script_typed, Undefined},
    {"collections", "OrderedDict", ordered_dict, Undefined},
    {"torch", "Size", size, Undefined},
    {"torch", "FloatStorage", storage, Float},
    {"torch", "DoubleStorage", storage, Double},
    {"torch", "HalfStorage", storage, Half},
    {"torch", "BFloat16Storage", storage, BFloat16},
    {"torch", "ByteStorage", storage, Byte},
    {"torch", "CharStorage", storage, Char},
    {"torch", "ShortStorage", storage, Short},
    {"torch", "IntStorage", storage, Int},
    {"torch", "LongStorage", storage, Long},
    {"torch", "BoolStorage", storage, Bool},
    // Before torch 1.9 a CUDA tensor's storage was a class of its own.
    {"torch.cuda", "FloatStorage", storage, Float},
    {"torch.cuda", "DoubleStorage", storage, Double},
    {"torch.cuda", "HalfStorage", storage, Half},
    {"torch.cuda", "BFloat16Storage", storage, BFloat16},
    {"torch.cuda", "ByteStorage", storage, Byte},
    {"torch.cuda", "CharStorage", storage, Char},
    {"torch.cuda", "ShortStorage", storage, Short},
    {"torch.cuda", "IntStorage", storage, Int},
    {"torch.cuda", "LongStorage", storage, Long},
    {"torch.cuda", "BoolStorage", storage, Bool},
    {"torch.storage", "UntypedStorage", untyped_storage, Byte},
    {"torch", "UntypedStorage", untyped_storage, Byte},
    {"torch", "float32", dtype, Float},
    {"torch", "float64", dtype, Double},
    {"torch", "float16", dtype, Half},
    {"torch", "bfloat16", dtype, BFloat16},
    {"torch", "uint8", dtype, Byte},
    {"torch", "int8", dtype, Char},
    {"torch", "int16", dtype, Short},
    {"torch", "int32", dtype, Int},
    {"torch", "int64", dtype, Long},
    {"torch", "bool", dtype, Bool},
    {"torch", "uint16", dtype, UInt16},
    {"torch", "uint32", dtype, UInt32},
    {"torch", "uint64", dtype, UInt64},
};

struct Foreign {
  std::string_view begins;  ///< of "module.name"
  std::string_view advice;
};

/// The first that fits.
constexpr Foreign kForeign[] = {
    {"torch._utils._rebuild_qtensor", "a quantised tensor, but tensors must not be: save its dequantize()"},
    {"torch.Q", "a quantised tensor, but tensors must not be: save its dequantize()"},
    {"torch.per_", "a quantised tensor, but tensors must not be: save its dequantize()"},
    {"torch._utils._rebuild_nested_tensor",
     "a nested tensor, but tensors must have one shape: save the list of its parts, its unbind()"},
    {"torch._utils._rebuild_meta_tensor", "a tensor of device meta, which has no values to read"},
    {"torch._utils._rebuild_wrapper_subclass",
     "a tensor of a subclass, but only plain ones are read: save its as_subclass(torch.Tensor)"},
    {"torch._utils._rebuild_device_tensor",
     "a tensor of a device that saves in its own way, but only plain ones are read: save its cpu()"},
    {"torch.Complex", "a complex tensor, but tensors must be real: save torch.view_as_real of it"},
    {"torch.complex", "a complex tensor, but tensors must be real: save torch.view_as_real of it"},
    {"torch.float8", "a tensor of 8-bit floats, which are not read: save its to(torch.float32)"},
    {"torch.float4", "a tensor of 4-bit floats, which are not read: save its to(torch.float32)"},
    {"torch.nn.", "a whole module, and with it code to run, but nothing in a file is run: save its state_dict()"},
    {"torch.jit.",
     "a TorchScript value of a kind that is not read: save its tensors, in C++ by torch::pickle_save or "
     "factorise::save_pt, in Python by torch.save"},
    {"torch.classes.",
     "an object of a C++ class, which is not read: save its tensors, in C++ by torch::pickle_save or "
     "factorise::save_pt, in Python by torch.save"},
    {"torch.device", "a torch.device, which is not read: save its name, str(device)"},
    {"numpy.", "NumPy data, but only tensors are read: save torch.from_numpy of it"},
    {"_codecs.encode", "raw bytes, which are not read: save them as a tensor, or as text"},
    {"builtins.set", "a set, which is not read: save a list"},
    {"__builtin__.set", "a set, which is not read: save a list"},
    {"builtins.frozenset", "a set, which is not read: save a list"},
    {"__builtin__.frozenset", "a set, which is not read: save a list"},
    {"builtins.bytearray", "raw bytes, which are not read: save them as a tensor, or as text"},
    {"builtins.complex", "a complex number, which is not read: save its two parts"},
    {"__builtin__.complex", "a complex number, which is not read: save its two parts"},
    {"collections.defaultdict", "a defaultdict, which is not read: save dict(...) of it"},
    {"collections.Counter", "a Counter, which is not read: save dict(...) of it"},
};

}  // namespace

const PickleGlobal* find_global(std::string_view module, std::string_view name) {
  for (const PickleGlobal& global : kGlobals) {
    if (global.module == module && global.name == name) return &global;
  }
  static constexpr PickleGlobal kScriptClass{"__torch__", "a class", script_class, Undefined};
  return module == "__torch__" || module.starts_with("__torch__.") ? &kScriptClass : nullptr;
}

std::string_view dtype_name(c10::ScalarType type) {
  for (const PickleGlobal& global : kGlobals) {
    if (global.meaning == dtype && global.type == type) return global.name;
  }
  return "other";
}

std::string refusal_of_global(std::string_view module, std::string_view name) {
  const std::string full = c10::str(shown(module), ".", shown(name));
  for (const Foreign& foreign : kForeign) {
    if (full.starts_with(foreign.begins)) return c10::str("the file holds ", foreign.advice, " (", full, ")");
  }
  return c10::str("the file asks for ", full,
                  ", but nothing in a file is run: it may hold only tensors, numbers and strings, in dicts, lists and "
                  "tuples");
}

}  // namespace factorise
