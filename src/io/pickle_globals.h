#pragma once
// The names that a pickle may use, and sentences for those that are met and cannot be read.

#include <optional>
#include <string>
#include <string_view>

namespace factorise {

/// What a global means to the reader.
enum class PickleGlobal {
  dtype,              ///< a storage class or a torch.dtype
  untyped_storage,    ///< torch.storage.UntypedStorage: bytes
  rebuild_tensor,     ///< torch._utils._rebuild_tensor, _v2, _v3
  rebuild_parameter,  ///< torch._utils._rebuild_parameter, _with_state
  ordered_dict,       ///< collections.OrderedDict
  size,               ///< torch.Size
};

/// Nothing for a name that is not allowed.
std::optional<PickleGlobal> known_global(std::string_view global);

/// Why a name is not allowed, as the end of a sentence.
std::string refusal_of_global(std::string_view global);

}  // namespace factorise
