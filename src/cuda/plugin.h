#pragma once
// What libfactorise finds by name in libfactorise_cuda.so when it opens it. Plain C, so that also a library that was
// built from other sources can be asked what it is.

extern "C" {

/// What it was built for: "factorise 0.1.0 for torch 2.11.0".
const char* factorise_cuda_built_as();

/// Why its kernels cannot run on CUDA device number `device`, as the end of a sentence; empty where they can. It holds
/// until this thread asks again.
const char* factorise_cuda_device_fault(int device);
}
