# Configures, builds and runs the consumer against the package in PREFIX. TORCH_TARGETS: it brings its own of torch.
file(REMOVE_RECURSE "${BUILD}")
if(TORCH_TARGETS)
  set(torch "-DOWN_TORCH=${TORCH}")
else()
  set(torch "-DTORCH_DIR=${TORCH}")
endif()
set(flags "")
if(SANITIZE)
  set(flags "-DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE}")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer" -B "${BUILD}" -G "${GENERATOR}"
                        "-DCMAKE_CXX_COMPILER=${CXX}" -DCMAKE_BUILD_TYPE=Release "-DCMAKE_PREFIX_PATH=${PREFIX}"
                        ${torch} ${flags}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BUILD}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${BUILD}/consumer" OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
message("${output}")
# The rank 1 matrix is found again, so the squared error is that of rounding.
if(NOT output MATCHES "squared error ([0-9.e+-]+)" OR CMAKE_MATCH_1 GREATER 1e-6)
  message(FATAL_ERROR "the consumer did not factorise its matrix")
endif()
