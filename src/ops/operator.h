#pragma once
// Calling an operator through torch's dispatcher, by the signature of one of its kernels.

#include <ATen/core/dispatch/Dispatcher.h>

namespace factorise {

/// The operator factorise::`name`, to be called as `kernel` is. To be kept in a static variable: it is looked up.
template <class Kernel>
auto operator_like(const char* name, Kernel* /*kernel*/) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Kernel>();
}

}  // namespace factorise
