# LibTorch as imported targets, from any torch: a LibTorch folder or pip's package, with or without CUDA.
#
# Not find_package(Torch): a torch wheel built for CUDA makes that demand the CUDA toolkit, which CPU users do not have,
# and with CMake 3.25 it fails on C++20. Only torch_cpu and c10 are linked, which also starts in a third of the time;
# torch's CUDA part is loaded at run time when a CUDA device is asked for.
#
# Reads:   TORCH_DIR (cache, then environment): the folder that holds torch's include/ and lib/
#          Python3_EXECUTABLE: else, the interpreter whose torch is used
# Defines: factorise::torch, FACTORISE_TORCH_ROOT, FACTORISE_TORCH_VERSION
include_guard(GLOBAL)

# A project that has called find_package(Torch) has targets of torch's own: then those are used.
if(TARGET torch_cpu AND TARGET c10)
  add_library(factorise::torch INTERFACE IMPORTED GLOBAL)
  target_link_libraries(factorise::torch INTERFACE torch_cpu c10)
  foreach(target torch torch_cpu c10)
    if(TARGET ${target})
      get_target_property(dirs ${target} INTERFACE_INCLUDE_DIRECTORIES)
      if(dirs)
        target_include_directories(factorise::torch SYSTEM INTERFACE ${dirs})
      endif()
    endif()
  endforeach()
  return()
endif()

set(TORCH_DIR "$ENV{TORCH_DIR}" CACHE PATH "LibTorch's folder, the one that holds include/ and lib/")
set(_factorise_torch_root "${TORCH_DIR}")
if(NOT _factorise_torch_root)
  foreach(python "${Python3_EXECUTABLE}" "$ENV{VIRTUAL_ENV}/bin/python3" "${PROJECT_SOURCE_DIR}/.venv/bin/python3"
                 python3)
    if(NOT python OR (IS_ABSOLUTE "${python}" AND NOT EXISTS "${python}"))
      continue()
    endif()
    # find_spec does not import torch, which would take a second or two.
    execute_process(
      COMMAND "${python}" -c
              "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin), end='')"
      OUTPUT_VARIABLE _factorise_torch_root ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0 AND _factorise_torch_root)
      break()
    endif()
    set(_factorise_torch_root "")
  endforeach()
endif()
# What an installed package was built with comes last, so that the caller's choice wins.
if(NOT _factorise_torch_root AND FACTORISE_BUILT_WITH_TORCH)
  set(_factorise_torch_root "${FACTORISE_BUILT_WITH_TORCH}")
endif()
if(NOT _factorise_torch_root)
  message(FATAL_ERROR "factorise needs LibTorch 2.7 or later, and found none. Set TORCH_DIR to a LibTorch folder, or "
                      "install torch for the python3 on PATH: pip install torch")
endif()

set(_factorise_torch_version "")
foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(EXISTS "${_factorise_torch_root}/include/${header}")
    file(STRINGS "${_factorise_torch_root}/include/${header}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    list(TRANSFORM lines REPLACE ".* ([0-9]+).*" "\\1")
    list(LENGTH lines count)
    if(count EQUAL 3)
      list(JOIN lines "." _factorise_torch_version)
      break()
    endif()
  endif()
endforeach()
if(NOT _factorise_torch_version OR NOT EXISTS "${_factorise_torch_root}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "${_factorise_torch_root} is not a LibTorch folder: it must hold include/torch/ and "
                      "lib/libtorch_cpu.so. Set TORCH_DIR to one that does.")
endif()
if(_factorise_torch_version VERSION_LESS 2.7)
  message(FATAL_ERROR "factorise needs torch 2.7 or later, but ${_factorise_torch_root} is ${_factorise_torch_version}.")
endif()
# The old ABI's std::string has no cxx11 tag in any symbol; linking against it would fail in a hundred lines.
file(STRINGS "${_factorise_torch_root}/lib/libc10.so" _factorise_cxx11 REGEX "__cxx11" LIMIT_COUNT 1)
if(NOT _factorise_cxx11)
  message(FATAL_ERROR "The torch in ${_factorise_torch_root} was built with the old C++ ABI (no __cxx11 symbols); "
                      "factorise needs one built with the C++11 ABI, as pip's have been since 2.7.")
endif()

add_library(factorise::c10 SHARED IMPORTED GLOBAL)
set_target_properties(factorise::c10 PROPERTIES IMPORTED_LOCATION "${_factorise_torch_root}/lib/libc10.so")
add_library(factorise::torch_cpu SHARED IMPORTED GLOBAL)
set_target_properties(factorise::torch_cpu PROPERTIES IMPORTED_LOCATION
                                                      "${_factorise_torch_root}/lib/libtorch_cpu.so")
add_library(factorise::torch INTERFACE IMPORTED GLOBAL)
target_include_directories(
  factorise::torch SYSTEM INTERFACE "${_factorise_torch_root}/include"
                                    "${_factorise_torch_root}/include/torch/csrc/api/include")
target_link_libraries(factorise::torch INTERFACE factorise::torch_cpu factorise::c10)
# libtorch_cpu of a CUDA wheel names libraries that its own rpath finds when it runs, not when others link to it.
target_link_options(factorise::torch INTERFACE "LINKER:--allow-shlib-undefined" "LINKER:--unresolved-symbols=ignore-in-shared-libs")

set(FACTORISE_TORCH_ROOT "${_factorise_torch_root}")
set(FACTORISE_TORCH_VERSION "${_factorise_torch_version}")
