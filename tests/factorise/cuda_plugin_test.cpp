// What is said where the CUDA kernels cannot be had. None of it needs a GPU.

#include "core/cuda_plugin.h"

#include <dlfcn.h>
#include <factorise/device.h>
#include <factorise/version.h>

#include <fstream>
#include <thread>
#include <vector>

#include "catch.h"
#include "cuda/plugin.h"
#include "places.h"

using namespace factorise;
namespace fs = std::filesystem;

namespace {

/// What opening a file says. A file that is refused is not open.
std::string refusal_of(const fs::path& file) {
  void* handle = &handle;
  const std::string refusal = open_cuda_plugin(file, handle);
  CHECK(refusal.empty() == (handle != nullptr));
  return refusal;
}

bool contains(const std::string& sentence, const std::string& words) {
  return sentence.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("the kernels are looked for beside the library", "[cuda_plugin]") {
  CHECK(cuda_plugin_file().filename() == "libfactorise_cuda.so");
  CHECK(cuda_plugin_file().is_absolute());
  CHECK(fs::exists(cuda_plugin_file().replace_filename("libfactorise.so")));
}

TEST_CASE("kernels that are not there are said to be missing, and how to get them", "[cuda_plugin]") {
  CHECK(refusal_of("/nowhere/libfactorise_cuda.so") ==
        "factorise was built without its CUDA kernels (there is no /nowhere/libfactorise_cuda.so); build it where "
        "there is an nvcc of the CUDA that torch was built with");
}

TEST_CASE("a file that is no library is refused", "[cuda_plugin]") {
  const fs::path file = fs::path(factorise::tests::kOutputFolder) / "no_library.so";
  std::ofstream(file) << "not an ELF file\n";
  const std::string refusal = refusal_of(file);
  INFO(refusal);
  CHECK(contains(refusal, "the CUDA kernels cannot be loaded: "));
  CHECK(contains(refusal, "no_library.so"));
}

TEST_CASE("kernels of another version are refused, with both versions", "[cuda_plugin]") {
  CHECK(refusal_of(factorise::tests::kOtherPlugin) ==
        std::string("the CUDA kernels in ") + factorise::tests::kOtherPlugin +
            " are factorise 0.0.1 for torch 1.0.0, but this library is factorise " + version() + " for torch " +
            torch_version() + "; build both from the same sources");
}

TEST_CASE("a library that is not of kernels is refused", "[cuda_plugin]") {
  const std::string refusal = refusal_of(cuda_plugin_file().replace_filename("libfactorise.so"));
  INFO(refusal);
  CHECK(contains(refusal, " are of an unknown version, but this library is factorise " + version()));
}

TEST_CASE("the kernels that were built with this library open, and judge the device", "[cuda_plugin]") {
  if (!fs::exists(cuda_plugin_file())) return;  // built without nvcc
  void* plugin = nullptr;
  REQUIRE(open_cuda_plugin(cuda_plugin_file(), plugin) == "");
  auto* fault = reinterpret_cast<decltype(factorise_cuda_device_fault)*>(dlsym(plugin, "factorise_cuda_device_fault"));
  REQUIRE(fault);
  const std::string without_gpu = load_cuda();
  if (without_gpu.find("no NVIDIA driver") == 0) CHECK(fault(0) == std::string("no NVIDIA driver is installed"));
  if (!without_gpu.empty()) CHECK(fault(0) != std::string());
  // A device that no machine has.
  CHECK(fault(1000) != std::string());
}

TEST_CASE("where CUDA is missing, so are its kernels, for the same reason and every thread", "[cuda_plugin]") {
  const std::string missing = load_cuda();
  if (missing.empty()) return;
  std::vector<std::string> said(8);
  std::vector<std::thread> threads;
  for (std::string& sentence : said) threads.emplace_back([&sentence] { sentence = load_cuda_kernels(); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& sentence : said) CHECK(sentence == missing);
}
