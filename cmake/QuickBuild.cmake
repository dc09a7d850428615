# How all is built from nothing in half of the time. torch's headers take a compiler 2 s a file and more, of which most
# files use a tenth: files of the library and of the programs are compiled several in one, and those of the tests, whose
# names clash, with precompiled headers. Every file includes what it uses all the same, and is compiled alone without
# this.
#
# A compiler cache makes up for it, and wants small files, so that with one it is left out.
include_guard(GLOBAL)

get_filename_component(_compiler "${CMAKE_CXX_COMPILER}" REALPATH)
if("${CMAKE_CXX_COMPILER_LAUNCHER} ${_compiler}" MATCHES "ccache")
  set(_quick OFF)
else()
  set(_quick ON)
endif()
option(FACTORISE_QUICK_BUILD "Compile several files in one, and precompile headers" ${_quick})

# factorise_compile_together(<target> <how many> [file]...): all but these files, so many in one.
function(factorise_compile_together target count)
  if(FACTORISE_QUICK_BUILD)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${count})
    set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

# factorise_precompile(<target> <header>...)
function(factorise_precompile target)
  if(FACTORISE_QUICK_BUILD)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()
