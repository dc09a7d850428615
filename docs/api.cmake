# Makes the API reference of the public headers with Doxygen: OUTPUT/html/index.html. A warning is an error.
# cmake -DSOURCE=<this project> -DOUTPUT=<folder> -DVERSION=<version> -P docs/api.cmake
find_program(doxygen doxygen)
if(NOT doxygen)
  message(FATAL_ERROR "skipped: doxygen is not installed; Debian and Ubuntu have it as the package doxygen")
endif()
configure_file("${SOURCE}/docs/Doxyfile.in" "${OUTPUT}/Doxyfile" @ONLY)
execute_process(COMMAND "${doxygen}" "${OUTPUT}/Doxyfile" WORKING_DIRECTORY "${SOURCE}" RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the API reference has faults; they are listed above")
endif()
message(STATUS "The API reference is ${OUTPUT}/html/index.html")
