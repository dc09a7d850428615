# What is said of an nvcc or a torch that does not suit: cmake -DSOURCE=... -DFOLDER=... -P find_nvcc.cmake.
# The compilers here are scripts that answer as such ones do.
cmake_minimum_required(VERSION 3.25)
set(PROJECT_SOURCE_DIR "${SOURCE}")
set(PROJECT_BINARY_DIR "${FOLDER}")
set(FACTORISE_CUDA_HOST "no-such-compiler")
include("${SOURCE}/cmake/Cuda.cmake")
file(REMOVE_RECURSE "${FOLDER}")

# fake_nvcc(<folder> <version> <runtime>): it has a release, a folder, and compiles nothing.
function(fake_nvcc folder version runtime)
  file(WRITE "${folder}/bin/nvcc" "#!/bin/sh\n\
case $1 in\n\
  --version) echo 'Cuda compilation tools, release ${version}, V${version}.0' ;;\n\
  --dryrun) echo '#$ TOP=${folder}/bin/..' ;;\n\
  *) echo 'host_config.h:5:2: error: unsupported GNU version!'; exit 1 ;;\n\
esac\n")
  file(CHMOD "${folder}/bin/nvcc" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  if(runtime)
    file(WRITE "${folder}/include/cuda_runtime_api.h" "")
    file(WRITE "${folder}/lib/libcudart_static.a" "")
  endif()
endfunction()

# says(<nvcc> <CUDA that torch was built with> <pattern>)
function(says nvcc torch_major pattern)
  factorise_judge_nvcc("${nvcc}" ${torch_major})
  if(NOT FACTORISE_CUDA_FAULT MATCHES "${pattern}")
    message(SEND_ERROR "of ${nvcc}: '${FACTORISE_CUDA_FAULT}' in place of '${pattern}'")
  endif()
endfunction()

set(CMAKE_FIND_USE_CMAKE_SYSTEM_PATH OFF)
set(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)
file(WRITE "${FOLDER}/broken/bin/nvcc" "not a program\n")
fake_nvcc("${FOLDER}/old" 12.3 yes)
fake_nvcc("${FOLDER}/twelve" 12.9 yes)
fake_nvcc("${FOLDER}/bare" 13.0 no)
fake_nvcc("${FOLDER}/particular" 13.0 yes)
says("${FOLDER}/broken/bin/nvcc" 13 "/broken/bin/nvcc does not run$")
says("${FOLDER}/old/bin/nvcc" 12 "/old/bin/nvcc is of CUDA 12.3, older than 12.4$")
says("${FOLDER}/twelve/bin/nvcc" 13 "/twelve/bin/nvcc is of CUDA 12.9, but torch was built with 13$")
says("${FOLDER}/bare/bin/nvcc" 13 "/bare/bin/nvcc has no cuda_runtime_api.h and libcudart_static.a beside it$")
says("${FOLDER}/particular/bin/nvcc" 13
     "cannot compile with no-such-compiler: host_config.h:5:2: error: unsupported GNU version!$")

# GPUs are found by what nvidia-smi prints, whose errors go to stdout.
function(gpus_are output capabilities pattern)
  file(WRITE "${FOLDER}/nvidia-smi" "#!/bin/sh\nprintf '${output}'\n")
  file(CHMOD "${FOLDER}/nvidia-smi" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  factorise_find_gpus("${FOLDER}/nvidia-smi" found fault)
  if(NOT "${found}" STREQUAL "${capabilities}" OR NOT "${fault}" MATCHES "${pattern}")
    message(SEND_ERROR "of '${output}': '${found}' and '${fault}' in place of '${capabilities}' and '${pattern}'")
  endif()
endfunction()

gpus_are("9.0\\n" "90" "^$")
gpus_are("8.6\\n8.0\\n8.6\\n12.0\\n" "86;80;120" "^$")
gpus_are("7.5\\n8.9\\n" "89" "^$")
gpus_are("7.5\\n" "" "^the GPU has compute capability 7.5, older than 8.0$")
gpus_are("No devices were found\\n" "" "^there is no GPU here")
gpus_are("NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.\\n" "" "^there is no GPU here")
factorise_find_gpus("" found fault)
if(found OR NOT fault MATCHES "^there is no GPU here")
  message(SEND_ERROR "without nvidia-smi: '${found}' and '${fault}'")
endif()

# The CUDA of a torch is found by what its library needs, in both spellings, and by what is not there.
function(torch_has_cuda folder expected)
  factorise_cuda_of_torch("${folder}" major)
  if(NOT "${major}" STREQUAL "${expected}")
    message(SEND_ERROR "the torch in ${folder} is said to be of CUDA '${major}' in place of '${expected}'")
  endif()
endfunction()

string(ASCII 1 separator)
foreach(needed libcudart.so.13 libcudart-0d58a7da.so.12)
  file(WRITE "${FOLDER}/${needed}/lib/libtorch_cuda.so" "")
  file(WRITE "${FOLDER}/${needed}/lib/libc10_cuda.so" "libc10.so${separator}${needed}${separator}libstdc++.so.6")
endforeach()
torch_has_cuda("${FOLDER}/libcudart.so.13" 13)
torch_has_cuda("${FOLDER}/libcudart-0d58a7da.so.12" 12)
torch_has_cuda("${FOLDER}/none" "")
