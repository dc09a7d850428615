#pragma once
// What the shared library exports. It is compiled with hidden visibility, and tests/install/exported_names.py compares
// the names that it exports with those that have one of these macros.

/// For the public functions, and for the types of errors, which are caught outside of the library.
#define FACTORISE_EXPORT __attribute__((visibility("default")))

/// For the functions of src/ that libfactorise_cuda.so or a test calls: no part of the interface.
#define FACTORISE_INTERNAL __attribute__((visibility("default")))
