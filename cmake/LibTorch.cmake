# LibTorch as imported targets, from any torch: a LibTorch folder or pip's package, with or without CUDA.
#
# Not find_package(Torch): a torch wheel built for CUDA makes that demand the CUDA toolkit, which CPU users do not have,
# and with CMake 3.25 it fails on C++20. Only torch_cpu and c10 are linked, which also starts in a third of the time;
# torch's CUDA part is loaded at run time when a CUDA device is asked for.
#
# Reads:   the targets torch_cpu and c10, where the project has them from a find_package(Torch) of its own
#          TORCH_DIR (cache, then environment): else, the folder that holds torch's include/ and lib/
#          Python3_EXECUTABLE: else, the interpreter whose torch is used
#          FACTORISE_BUILT_WITH_TORCH: else, the folder that an installed factorise was built with
#          else the torch of the python3 on PATH, of the active virtual environment or of .venv is used
# Defines: factorise::torch, FACTORISE_TORCH_ROOT, FACTORISE_TORCH_VERSION
#          or FACTORISE_TORCH_FAULT, a sentence, where no torch is found that suits
#
# cmake -P LibTorch.cmake searches alone, as ./labs and python/build_backend.py do. It prints the folder of the torch,
# or an empty line; then a line for every place that was passed over, the place and after ": " why.

cmake_policy(VERSION 3.17...3.25)
if(TARGET factorise::torch)
  return()
endif()

# The version in a torch's headers, or nothing.
function(_factorise_torch_version include result)
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h torch/version.h)
    if(EXISTS "${include}/${header}")
      file(STRINGS "${include}/${header}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
      list(TRANSFORM lines REPLACE ".* ([0-9]+).*" "\\1")
      list(LENGTH lines count)
      if(count EQUAL 3)
        list(JOIN lines "." version)
        set(${result} "${version}" PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
  set(${result} "" PARENT_SCOPE)
endfunction()

# Why a folder is not a torch for us, or nothing where it is one.
function(_factorise_torch_fault root result)
  set(${result} "" PARENT_SCOPE)
  _factorise_torch_version("${root}/include" version)
  foreach(library libtorch_cpu libc10)
    set(size 0)
    if(EXISTS "${root}/lib/${library}.so")
      file(SIZE "${root}/lib/${library}.so" size)
    endif()
    if(NOT version OR size EQUAL 0)
      set(${result} "${root} is not a LibTorch folder: it must hold include/torch/ and lib/libtorch_cpu.so"
          PARENT_SCOPE)
      return()
    endif()
  endforeach()
  if(version VERSION_LESS 2.7)
    set(${result} "${root} is torch ${version}, older than 2.7" PARENT_SCOPE)
    return()
  endif()
  # The old ABI's std::string has no cxx11 tag in any symbol; linking against it would fail in a hundred lines.
  file(STRINGS "${root}/lib/libc10.so" cxx11 REGEX "__cxx11" LIMIT_COUNT 1)
  if(NOT cxx11)
    set(${result} "the torch in ${root} was built with the old C++ ABI (pip's are not, since 2.7)" PARENT_SCOPE)
    return()
  endif()
  # ./labs makes .venv: installing is there while pip works, requirements.txt is what was installed. A .venv without
  # either was made otherwise, and is whole.
  get_filename_component(project "${CMAKE_CURRENT_FUNCTION_LIST_DIR}" DIRECTORY)
  set(venv "${project}/.venv")
  string(FIND "${root}" "${venv}/" inside)
  if(inside EQUAL 0 AND EXISTS "${venv}/requirements.txt")
    file(SHA256 "${venv}/requirements.txt" installed)
    file(SHA256 "${project}/requirements.txt" required)
  endif()
  if(inside EQUAL 0 AND (EXISTS "${venv}/installing" OR NOT "${installed}" STREQUAL "${required}"))
    set(${result} "${venv} is unfinished or out of date" PARENT_SCOPE)
  endif()
endfunction()

# The folder of an interpreter's torch, or nothing. find_spec does not import it, which would take a second or two.
# Asked a second time without PYTHONPATH, by which pip hides from a build what is installed.
function(_factorise_torch_of_python python result)
  set(${result} "" PARENT_SCOPE)
  foreach(option "" -E)
    execute_process(
      COMMAND "${python}" ${option} -c "import sys; sys.path = [p for p in sys.path if p]
import importlib.util, os
print(os.path.dirname(importlib.util.find_spec('torch').origin), end='')"
      OUTPUT_VARIABLE root ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0)
      set(${result} "${root}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# The first torch that suits, or nothing; and the places that were passed over before it, with each one's fault.
function(_factorise_find_torch root places faults)
  set(candidates python3)
  foreach(environment "$ENV{VIRTUAL_ENV}" "${PROJECT_SOURCE_DIR}/.venv")
    if(environment AND EXISTS "${environment}/bin/python3")
      list(APPEND candidates "${environment}/bin/python3")
    endif()
  endforeach()
  if(TORCH_DIR)
    set(candidates TORCH_DIR)
  elseif(Python3_EXECUTABLE)
    set(candidates "${Python3_EXECUTABLE}")
  elseif(FACTORISE_BUILT_WITH_TORCH)
    list(PREPEND candidates FACTORISE_BUILT_WITH_TORCH)
  endif()
  set(found "")
  set(seen "")
  set(found_places "")
  set(found_faults "")
  foreach(place IN LISTS candidates)
    if(place STREQUAL "TORCH_DIR" OR place STREQUAL "FACTORISE_BUILT_WITH_TORCH")
      get_filename_component(folder "${${place}}" ABSOLUTE)
    else()
      _factorise_torch_of_python("${place}" folder)
    endif()
    if(NOT folder OR folder IN_LIST seen)
      continue()
    endif()
    list(APPEND seen "${folder}")
    _factorise_torch_fault("${folder}" fault)
    if(NOT fault)
      set(found "${folder}")
      break()
    endif()
    list(APPEND found_places "${place}")
    list(APPEND found_faults "${fault}")
  endforeach()
  set(${root} "${found}" PARENT_SCOPE)
  set(${places} "${found_places}" PARENT_SCOPE)
  set(${faults} "${found_faults}" PARENT_SCOPE)
endfunction()

set(TORCH_DIR "$ENV{TORCH_DIR}" CACHE PATH "LibTorch's folder, the one that holds include/ and lib/")
set(FACTORISE_TORCH_FAULT "")

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  get_filename_component(PROJECT_SOURCE_DIR "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
  _factorise_find_torch(root places faults)
  set(lines "${root}")
  foreach(place fault IN ZIP_LISTS places faults)
    string(APPEND lines "\n${place}: ${fault}")
  endforeach()
  execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "${lines}") # message() would write to stderr
  return()
endif()

if(TARGET torch_cpu AND TARGET c10)
  add_library(factorise::torch INTERFACE IMPORTED GLOBAL)
  target_link_libraries(factorise::torch INTERFACE torch_cpu c10)
  set(FACTORISE_TORCH_VERSION "")
  foreach(target torch torch_cpu c10)
    if(TARGET ${target})
      get_target_property(dirs ${target} INTERFACE_INCLUDE_DIRECTORIES)
      if(dirs)
        target_include_directories(factorise::torch SYSTEM INTERFACE ${dirs})
        foreach(dir IN LISTS dirs)
          if(NOT FACTORISE_TORCH_VERSION)
            _factorise_torch_version("${dir}" FACTORISE_TORCH_VERSION)
          endif()
        endforeach()
      endif()
    endif()
  endforeach()
  set(FACTORISE_TORCH_ROOT "")
  foreach(property IMPORTED_LOCATION IMPORTED_LOCATION_RELEASE)
    get_target_property(location torch_cpu ${property})
    if(location)
      get_filename_component(FACTORISE_TORCH_ROOT "${location}/../.." ABSOLUTE)
    endif()
  endforeach()
else()
  _factorise_find_torch(FACTORISE_TORCH_ROOT places faults)
  if(NOT FACTORISE_TORCH_ROOT)
    list(APPEND faults "none was found")
    list(GET faults 0 fault)
    string(CONCAT FACTORISE_TORCH_FAULT
                  "factorise needs LibTorch 2.7 or later, built with the C++11 ABI, but ${fault}. "
                  "Set TORCH_DIR to a LibTorch folder, or install torch for the python3 on PATH: pip install torch")
    return()
  endif()
  _factorise_torch_version("${FACTORISE_TORCH_ROOT}/include" FACTORISE_TORCH_VERSION)
  foreach(library c10 torch_cpu)
    add_library(factorise::${library} SHARED IMPORTED GLOBAL)
    set_target_properties(factorise::${library} PROPERTIES IMPORTED_LOCATION
                                                           "${FACTORISE_TORCH_ROOT}/lib/lib${library}.so")
  endforeach()
  add_library(factorise::torch INTERFACE IMPORTED GLOBAL)
  target_link_libraries(factorise::torch INTERFACE factorise::torch_cpu factorise::c10)
  target_include_directories(
    factorise::torch SYSTEM INTERFACE "${FACTORISE_TORCH_ROOT}/include"
                                      "${FACTORISE_TORCH_ROOT}/include/torch/csrc/api/include")
endif()
# libtorch_cpu of a CUDA wheel names libraries that its own rpath finds when it runs, not when others link to it.
target_link_options(factorise::torch INTERFACE "LINKER:--allow-shlib-undefined"
                    "LINKER:--unresolved-symbols=ignore-in-shared-libs")
