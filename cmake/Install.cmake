# cmake --install, and the package that find_package(factorise) finds.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/factorise")
install(TARGETS factorise EXPORT factoriseTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET factorise_cuda)
  install(TARGETS factorise_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/factorise" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT factoriseTargets NAMESPACE factorise:: DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/factoriseConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/factoriseConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/factoriseConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/factoriseConfig.cmake" "${PROJECT_BINARY_DIR}/factoriseConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/LibTorch.cmake" DESTINATION "${package_dir}")
