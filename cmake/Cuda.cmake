# The compiler of the CUDA kernels. They are compiled by commands of our own, not by CMake's CUDA language: its test of
# the compiler ends the configuration where the compiler does not suit, and this library builds without one too.
#
# Reads:   FACTORISE_CUDA: AUTO builds the kernels where there is a GPU and nvcc suits, for that GPU alone, as they take
#          minutes each; ON builds them for all GPUs, here or not, and makes an error of it where that cannot be; OFF
#          never does
#          FACTORISE_CUDA_ARCHITECTURES: compute capabilities without their point, 80;90, in place of those
#          CUDACXX, CUDA_HOME, CUDA_PATH (environment): where nvcc is looked for before PATH
# Defines: FACTORISE_CUDA_FAULT, why the kernels cannot be built, or nothing; and where they can
#          FACTORISE_NVCC, FACTORISE_CUDA_VERSION, FACTORISE_CUDART (its static runtime), FACTORISE_CUDA_INCLUDES,
#          FACTORISE_NVCC_FLAGS, FACTORISE_NVCC_TARGETS

set(FACTORISE_CUDA AUTO CACHE STRING "Build the CUDA kernels: AUTO (where there is a GPU and an nvcc), ON or OFF")
set_property(CACHE FACTORISE_CUDA PROPERTY STRINGS AUTO ON OFF)
set(FACTORISE_CUDA_ARCHITECTURES "" CACHE STRING "Compute capabilities to compile for, as in 80;90; empty for a choice")

# The compute capabilities of this machine's GPUs, 80;90, those that the kernels run on; else the fault is why none.
function(factorise_find_gpus nvidia_smi capabilities fault)
  set(${capabilities} "" PARENT_SCOPE)
  set(${fault} "" PARENT_SCOPE)
  set(output "")
  if(nvidia_smi)
    execute_process(COMMAND "${nvidia_smi}" --query-gpu=compute_cap --format=csv,noheader OUTPUT_VARIABLE output
                    ERROR_QUIET)
  endif()
  string(REGEX MATCHALL "[0-9]+\\.[0-9]" found "${output}")
  list(REMOVE_DUPLICATES found)
  set(suitable ${found})
  list(FILTER suitable EXCLUDE REGEX "^[0-7]\\.")
  if(suitable)
    list(TRANSFORM suitable REPLACE "\\." "")
    set(${capabilities} "${suitable}" PARENT_SCOPE)
  elseif(found)
    list(JOIN found ", " found)
    set(${fault} "the GPU has compute capability ${found}, older than 8.0" PARENT_SCOPE)
  else()
    set(${fault} "there is no GPU here; -DFACTORISE_CUDA=ON builds them all the same" PARENT_SCOPE)
  endif()
endfunction()

# The major version of the CUDA that a torch was built with, or nothing: that of the runtime its library needs.
function(factorise_cuda_of_torch root result)
  set(${result} "" PARENT_SCOPE)
  if(NOT EXISTS "${root}/lib/libtorch_cuda.so" OR NOT EXISTS "${root}/lib/libc10_cuda.so")
    return()
  endif()
  # The folder that is unpacked from LibTorch's archive has a runtime of its own, with a hash in its name.
  file(STRINGS "${root}/lib/libc10_cuda.so" needed REGEX "^libcudart[-0-9a-f]*\\.so\\.[0-9]+")
  if(needed MATCHES "\\.so\\.([0-9]+)")
    set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  endif()
endfunction()

# nvcc's version, or nothing.
function(factorise_version_of_nvcc nvcc result)
  execute_process(COMMAND "${nvcc}" --version OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(${result} "" PARENT_SCOPE)
  if(output MATCHES "release ([0-9]+\\.[0-9]+)")
    set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  endif()
endfunction()

# The folder that nvcc takes for CUDA's. It tells itself: the file may be a script that calls it, elsewhere.
function(factorise_toolkit_of_nvcc nvcc source result)
  execute_process(COMMAND "${nvcc}" --dryrun -c "${source}" OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(${result} "" PARENT_SCOPE)
  if(output MATCHES "TOP=([^\n]+)")
    get_filename_component(toolkit "${CMAKE_MATCH_1}" REALPATH)
    set(${result} "${toolkit}" PARENT_SCOPE)
  endif()
endfunction()

# What nvcc needs besides itself, of the system's CUDA or of pip's packages (nvidia-cuda-nvcc, beside torch).
macro(factorise_find_cuda_runtime nvcc)
  set(_source "${PROJECT_BINARY_DIR}/CMakeFiles/try_nvcc.cu")
  file(WRITE "${_source}" "#include <cuda_runtime.h>\n#include <cmath>\n__global__ void kernel() {}\n")
  factorise_toolkit_of_nvcc("${nvcc}" "${_source}" _toolkit)
  set(_folders "${_toolkit}" "${_toolkit}/targets/${CMAKE_SYSTEM_PROCESSOR}-linux")
  unset(FACTORISE_CUDA_INCLUDES)
  unset(FACTORISE_CUDART)
  find_path(FACTORISE_CUDA_INCLUDES cuda_runtime_api.h HINTS ${_folders} PATH_SUFFIXES include NO_CACHE)
  find_library(FACTORISE_CUDART libcudart_static.a HINTS ${_folders} PATH_SUFFIXES lib64 lib NO_CACHE)
  # The compiler's own folders, given again, would change places with those of its library.
  set(FACTORISE_CUDA_INCLUDE_FLAGS "")
  if(FACTORISE_CUDA_INCLUDES AND NOT FACTORISE_CUDA_INCLUDES IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    set(FACTORISE_CUDA_INCLUDE_FLAGS -isystem "${FACTORISE_CUDA_INCLUDES}")
  endif()
endmacro()

# What nvcc says against the C++ compiler or its own headers, the first line, or nothing.
function(factorise_try_nvcc nvcc source result)
  execute_process(COMMAND "${nvcc}" -std=c++20 -ccbin "${FACTORISE_CUDA_HOST}" ${FACTORISE_CUDA_INCLUDE_FLAGS} -c
                          "${source}" -o "${source}.o"
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(${result} "" PARENT_SCOPE)
  if(NOT status EQUAL 0)
    string(REGEX MATCH "[^\n]*([Ee]rror|fatal|unsupported)[^\n]*" line "${output}")
    set(${result} "it cannot compile with ${FACTORISE_CUDA_HOST}: ${line}" PARENT_SCOPE)
  endif()
endfunction()

# Sets FACTORISE_CUDA_FAULT and the rest for this nvcc.
macro(factorise_judge_nvcc nvcc torch_major)
  factorise_version_of_nvcc("${nvcc}" FACTORISE_CUDA_VERSION)
  string(REGEX REPLACE "\\..*" "" _major "${FACTORISE_CUDA_VERSION}")
  factorise_find_cuda_runtime("${nvcc}")
  if(NOT FACTORISE_CUDA_VERSION)
    set(FACTORISE_CUDA_FAULT "${nvcc} does not run")
  elseif(FACTORISE_CUDA_VERSION VERSION_LESS 12.4)
    set(FACTORISE_CUDA_FAULT "${nvcc} is of CUDA ${FACTORISE_CUDA_VERSION}, older than 12.4")
  elseif(NOT _major EQUAL ${torch_major})
    set(FACTORISE_CUDA_FAULT "${nvcc} is of CUDA ${FACTORISE_CUDA_VERSION}, but torch was built with ${torch_major}")
  elseif(NOT FACTORISE_CUDART OR NOT FACTORISE_CUDA_INCLUDES)
    set(FACTORISE_CUDA_FAULT "${nvcc} has no cuda_runtime_api.h and libcudart_static.a beside it")
  else()
    factorise_try_nvcc("${nvcc}" "${_source}" FACTORISE_CUDA_FAULT)
    if(FACTORISE_CUDA_FAULT)
      set(FACTORISE_CUDA_FAULT "${nvcc} does not suit: ${FACTORISE_CUDA_FAULT}")
    endif()
  endif()
endmacro()

# Takes the first nvcc that suits; where none does, says what the first one lacks.
macro(factorise_find_cuda)
  set(FACTORISE_CUDA_FAULT "")
  set(FACTORISE_NVCC "")
  set(_first_fault "")
  # With CXX="ccache g++" the compiler is the second word.
  set(FACTORISE_CUDA_HOST "${CMAKE_CXX_COMPILER}")
  if(CMAKE_CXX_COMPILER_ARG1)
    string(STRIP "${CMAKE_CXX_COMPILER_ARG1}" FACTORISE_CUDA_HOST)
  endif()
  factorise_cuda_of_torch("${FACTORISE_TORCH_ROOT}" _torch_major)
  if(NOT _torch_major)
    set(FACTORISE_CUDA_FAULT "torch in ${FACTORISE_TORCH_ROOT} was built without CUDA")
  else()
    find_program(_nvcc_on_path nvcc NO_CACHE)
    get_filename_component(_site "${FACTORISE_TORCH_ROOT}" DIRECTORY)
    foreach(_nvcc "$ENV{CUDACXX}" "$ENV{CUDA_HOME}/bin/nvcc" "$ENV{CUDA_PATH}/bin/nvcc" "${_nvcc_on_path}"
                  "/usr/local/cuda/bin/nvcc" "/opt/cuda/bin/nvcc" "${_site}/nvidia/cu${_torch_major}/bin/nvcc")
      if(NOT FACTORISE_NVCC AND EXISTS "${_nvcc}")
        factorise_judge_nvcc("${_nvcc}" ${_torch_major})
        if(NOT FACTORISE_CUDA_FAULT)
          set(FACTORISE_NVCC "${_nvcc}")
        elseif(NOT _first_fault)
          set(_first_fault "${FACTORISE_CUDA_FAULT}")
        endif()
      endif()
    endforeach()
    if(NOT FACTORISE_NVCC)
      set(FACTORISE_CUDA_FAULT "${_first_fault}")
      if(NOT FACTORISE_CUDA_FAULT)
        set(FACTORISE_CUDA_FAULT "no nvcc was found")
      endif()
    endif()
  endif()
endmacro()

# Sets FACTORISE_NVCC_FLAGS, how kernels are compiled, and FACTORISE_NVCC_TARGETS, what for. Nothing may contract, flush
# or approximate floating point: the numeric contract's bits are the product.
macro(factorise_set_nvcc_flags)
  set(_architectures ${FACTORISE_CUDA_ARCHITECTURES})
  if(NOT _architectures)
    set(_architectures ${FACTORISE_CUDA_GPUS})
  endif()
  if(NOT _architectures)
    set(_architectures 80 90)
    if(FACTORISE_CUDA_VERSION VERSION_GREATER_EQUAL 12.8)
      list(APPEND _architectures 100)
    endif()
  endif()
  list(SORT _architectures COMPARE NATURAL)
  set(FACTORISE_NVCC_TARGETS "")
  foreach(_architecture IN LISTS _architectures)
    list(APPEND FACTORISE_NVCC_TARGETS "-gencode=arch=compute_${_architecture},code=sm_${_architecture}")
  endforeach()
  # For GPUs that come later: the driver compiles this.
  list(GET _architectures -1 _highest)
  list(APPEND FACTORISE_NVCC_TARGETS "-gencode=arch=compute_${_highest},code=compute_${_highest}")
  set(FACTORISE_NVCC_FLAGS
      -std=c++20 -O3 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true --expt-relaxed-constexpr
      ${FACTORISE_CUDA_INCLUDE_FLAGS} "-I${PROJECT_SOURCE_DIR}/src" -ccbin "${FACTORISE_CUDA_HOST}"
      -Xcompiler=-fPIC,-ffp-contract=off,-Wall,-Wextra)
  if(FACTORISE_WERROR)
    list(APPEND FACTORISE_NVCC_FLAGS -Werror=all-warnings -Xcompiler=-Werror)
  endif()
  list(JOIN _architectures ", " _names)
  message(STATUS "CUDA kernels for compute capabilities ${_names}, with ${FACTORISE_NVCC} ${FACTORISE_CUDA_VERSION}")
endmacro()

# factorise_compile_cuda(<objects> <file.cu>...): nvcc's part of a target: an object of each file, in parallel.
function(factorise_compile_cuda result)
  set(objects "")
  foreach(source IN LISTS ARGN)
    get_filename_component(name "${source}" NAME)
    set(object "${CMAKE_CURRENT_BINARY_DIR}/${name}.o")
    add_custom_command(
      OUTPUT "${object}"
      COMMAND "${FACTORISE_NVCC}" ${FACTORISE_NVCC_FLAGS} ${FACTORISE_NVCC_TARGETS} -MMD -MF "${object}.d" -c
              "${source}" -o "${object}"
      DEPENDS "${source}"
      DEPFILE "${object}.d"
      COMMENT "Building CUDA object ${name}.o"
      VERBATIM)
    list(APPEND objects "${object}")
  endforeach()
  set(${result} ${objects} PARENT_SCOPE)
endfunction()
