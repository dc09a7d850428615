#pragma once
// The names of Python classes and functions that a pickle may use, and sentences for those that it may not.

#include <c10/core/ScalarType.h>

#include <string>
#include <string_view>

namespace factorise {

/// What a name means to the reader. Nothing is looked up or called in its place.
enum class PickleMeaning : uint8_t {
  dtype,             ///< torch.float32
  storage,           ///< torch.FloatStorage
  untyped_storage,   ///< torch.storage.UntypedStorage: bytes
  tensor_old,        ///< torch._utils._rebuild_tensor(storage, offset, size, stride)
  tensor_v2,         ///< ... , requires_grad, hooks[, metadata])
  tensor_v3,         ///< ... , requires_grad, hooks, dtype[, metadata])
  parameter,         ///< torch._utils._rebuild_parameter(tensor, ...), and _with_state
  tensor_with_type,  ///< torch._tensor._rebuild_from_type_v2(function, type, arguments, attributes)
  tensor_type,       ///< torch.Tensor and its like, as that type
  ordered_dict,      ///< collections.OrderedDict
  size,              ///< torch.Size
  sparse,            ///< torch._utils._rebuild_sparse_tensor(layout, parts)
  layout,            ///< torch.serialization._get_layout(name)
  script_class,      ///< a class of TorchScript, __torch__...: its objects are their attributes
  script_typed,      ///< torch.jit._pickle.restore_type_tag(value, type) and the like: the value
};

struct PickleGlobal {
  std::string_view module, name;
  PickleMeaning meaning;
  c10::ScalarType type;  ///< of dtype and storage
};

/// Null for a name that is not allowed.
const PickleGlobal* find_global(std::string_view module, std::string_view name);

/// "float32", "int64": torch.dtype's own names, of the types that a file may hold; else "other".
std::string_view dtype_name(c10::ScalarType type);

/// Why a name is not allowed, and what to do, as a sentence without its full stop.
std::string refusal_of_global(std::string_view module, std::string_view name);

}  // namespace factorise
