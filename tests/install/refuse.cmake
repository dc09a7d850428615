# A consumer whose TORCH_DIR is of another minor version than the one built with gets a message that says so.
file(REMOVE_RECURSE "${BUILD}")
set(other "${BUILD}/torch")
file(MAKE_DIRECTORY "${other}/include/torch/headeronly")
file(CREATE_LINK "${TORCH}/lib" "${other}/lib" SYMBOLIC)
file(WRITE "${other}/include/torch/headeronly/version.h"
     "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 99\n#define TORCH_VERSION_PATCH 0\n")
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${BUILD}/consumer" -G
                        "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_PREFIX_PATH=${PREFIX}"
                        "-DTORCH_DIR=${other}"
                RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REGEX REPLACE "[ \n]+" " " output "${output}")
if(status EQUAL 0 OR NOT output MATCHES "built with torch [0-9.]+, but [^ ]+ is torch 2.99.0")
  message(FATAL_ERROR "status ${status}: ${output}")
endif()
