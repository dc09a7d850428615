// TorchScript archives as LibTorch itself writes them: what torch::save makes of tensors, of lists and of modules is
// read as data. (torch::save is OutputArchive and save_to, without torch's large header.)

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <factorise/io.h>
#include <torch/serialize/output-archive.h>

#include "catch.h"
#include "io/pt_bytes.h"
#include "io/refusal.h"
#include "sandbox.h"

namespace factorise {
namespace {

using namespace tests;
using torch::serialize::OutputArchive;

Tensor matrix() { return at::arange(6, at::kFloat).reshape({2, 3}); }

std::filesystem::path saved(const Folder& folder, OutputArchive& archive) {
  const auto path = folder.path() / "saved.pt";
  archive.save_to(path.string());
  return path;
}

const PtValue& item(const PtValue& dict, const std::string& name) {
  for (const auto& [key, value] : std::get<PtValue::Dict>(dict.value).items) {
    if (std::get<std::string>(key.value) == name) return value;
  }
  throw std::runtime_error("no " + name);
}

}  // namespace

TEST_CASE("a tensor that torch::save wrote is that tensor", "[archive]") {
  const Folder folder("archive_tensor");
  for (const bool needs_grad : {false, true}) {
    OutputArchive archive;
    archive.write("0", matrix().requires_grad_(needs_grad));
    const Tensor tensor = load_tensor(saved(folder, archive));
    CHECK(at::equal(tensor, matrix()));
    CHECK_FALSE(tensor.requires_grad());
  }
}

TEST_CASE("tensors that torch::save wrote are their list", "[archive]") {
  const Folder folder("archive_list");
  OutputArchive archive;
  for (int i = 0; i < 12; ++i) archive.write(std::to_string(i), i == 1 ? matrix().t() : at::ones({i}, at::kLong));
  const PtValue value = load_pt(saved(folder, archive));
  const auto& items = std::get<PtValue::List>(value.value).items;
  REQUIRE(items.size() == 12);
  CHECK(at::equal(items[1].tensor(), matrix().t()));
  CHECK(items[11].tensor().size(0) == 11);
}

TEST_CASE("a module that torch::save wrote is its parameters, buffers and modules by name", "[archive]") {
  const Folder folder("archive_module");
  OutputArchive module, child;
  child.write("weight", matrix());
  child.write("bias", at::ones({2}));
  module.write("U", matrix());
  module.write("seen", at::ones({3}, at::kLong), /*is_buffer=*/true);
  module.write("step", c10::IValue(int64_t{7}));
  module.write("0", child);
  const auto path = saved(folder, module);
  CHECK(at::equal(load_tensor(path, "U"), matrix()));
  CHECK(at::equal(load_tensor(path, "0.weight"), matrix()));
  CHECK(at::equal(load_tensor(path, "0.bias"), at::ones({2})));
  CHECK(load_tensor(path, "seen").scalar_type() == at::kLong);
  CHECK(std::get<int64_t>(item(load_pt(path), "step").value) == 7);
  CHECK(named_tensors(load_pt(path)).size() == 4);
}

TEST_CASE("a module without tensors, and one whose only module is called 0, stay dicts", "[archive]") {
  const Folder folder("archive_dict");
  OutputArchive empty;
  CHECK(std::get<PtValue::Dict>(load_pt(saved(folder, empty)).value).items.empty());
  OutputArchive sequential, layer;
  layer.write("weight", matrix());
  sequential.write("0", layer);
  CHECK(at::equal(item(item(load_pt(saved(folder, sequential)), "0"), "weight").tensor(), matrix()));
}

TEST_CASE("code that is compressed beside the tensors does not matter", "[archive]") {
  const Folder folder("archive_code");
  const auto path = folder.write("script.pt", small_script());
  CHECK(at::equal(load_tensor(path, "fc.weight"), matrix()));
  const PtValue script = load_pt(path);
  const auto& names = std::get<PtValue::List>(item(script, "names").value).items;
  CHECK(std::get<std::string>(names.at(1).value) == "b");
}

}  // namespace factorise
