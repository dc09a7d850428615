# The header libraries that the kernels, the programs and the tests use: found where they are installed, else fetched.
#
# cmake [-DFACTORISE_TESTS=ON] -P Dependencies.cmake prints Debian's packages of those that are not installed, and last
# zlib's, for ./labs, which asks the system's package manager for them.
include_guard(GLOBAL)

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  cmake_minimum_required(VERSION 3.25)
  set(packages libhwy-dev libfmt-dev libcli11-dev nlohmann-json3-dev)
  if(FACTORISE_TESTS)
    list(APPEND packages catch2)
  endif()
  list(APPEND packages zlib1g-dev)
  set(libhwy-dev hwy/foreach_target.h)
  set(libfmt-dev fmt/format.h)
  set(libcli11-dev CLI/CLI.hpp)
  set(nlohmann-json3-dev nlohmann/json.hpp)
  set(catch2 catch2/catch.hpp catch2/catch_all.hpp) # versions 2 and 3
  set(zlib1g-dev zlib.h)
  set(missing "")
  foreach(package IN LISTS packages)
    find_path(${package}_found NAMES ${${package}} PATHS /usr/local /usr PATH_SUFFIXES include)
    if(NOT ${package}_found)
      list(APPEND missing ${package})
    endif()
  endforeach()
  list(JOIN missing " " missing)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "${missing}")
  return()
endif()
include(FetchContent)

# They are parts of our programs, so nothing of theirs is installed with ours.
set(FMT_INSTALL OFF)
set(CLI11_INSTALL OFF)
set(JSON_Install OFF)

# find_or_fetch(<package> <repository> <tag>): a system package of any version that is there, else this one.
macro(find_or_fetch package repository tag)
  find_package(${package} QUIET CONFIG)
  if(NOT ${package}_FOUND)
    message(STATUS "${package} is not installed: fetching ${tag}")
    FetchContent_Declare(${package} GIT_REPOSITORY "${repository}" GIT_TAG "${tag}" GIT_SHALLOW ON SYSTEM)
    FetchContent_MakeAvailable(${package})
  endif()
endmacro()

# Highway's headers alone: the kernels choose their target themselves (src/cpu/isa.h), so nothing of it is linked.
macro(factorise_find_highway)
  find_path(FACTORISE_HIGHWAY_INCLUDE hwy/foreach_target.h)
  if(NOT FACTORISE_HIGHWAY_INCLUDE)
    message(STATUS "Highway is not installed: fetching 1.2.0")
    FetchContent_Declare(highway GIT_REPOSITORY https://github.com/google/highway GIT_TAG 1.2.0 GIT_SHALLOW ON
                         SOURCE_SUBDIR hwy/no_build)
    FetchContent_MakeAvailable(highway)
    set(FACTORISE_HIGHWAY_INCLUDE "${highway_SOURCE_DIR}" CACHE PATH "The folder that holds hwy/" FORCE)
  endif()
endmacro()

macro(factorise_find_program_dependencies)
  find_or_fetch(fmt https://github.com/fmtlib/fmt 11.2.0)
  find_or_fetch(CLI11 https://github.com/CLIUtils/CLI11 v2.5.0)
  find_or_fetch(nlohmann_json https://github.com/nlohmann/json v3.12.0)
endmacro()

macro(factorise_find_test_dependencies)
  find_or_fetch(Catch2 https://github.com/catchorg/Catch2 v3.8.1)
endmacro()
