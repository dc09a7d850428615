# The targets that find_package(Torch) makes, as far as a consumer sees them: that itself needs the CUDA toolkit where
# the torch is built for CUDA.
foreach(library c10 torch_cpu torch)
  add_library(${library} SHARED IMPORTED)
  set_target_properties(${library} PROPERTIES IMPORTED_LOCATION_RELEASE "${OWN_TORCH}/lib/lib${library}.so"
                                              IMPORTED_CONFIGURATIONS RELEASE INTERFACE_INCLUDE_DIRECTORIES
                                              "${OWN_TORCH}/include")
endforeach()
set_target_properties(torch_cpu PROPERTIES INTERFACE_LINK_LIBRARIES c10)
set_target_properties(
  torch PROPERTIES INTERFACE_LINK_LIBRARIES torch_cpu INTERFACE_INCLUDE_DIRECTORIES
                   "${OWN_TORCH}/include;${OWN_TORCH}/include/torch/csrc/api/include" CXX_STANDARD 17)
