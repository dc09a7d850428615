// What is written can be read: by ourselves here, by Python in read_back.py, which reads the files that the first case
// leaves. And a file appears whole or not at all.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <c10/util/StringUtil.h>
#include <factorise/io.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <limits>

#include "catch.h"
#include "io/atomic_file.h"
#include "io/listing.h"
#include "io/refusal.h"
#include "io/zip_archive.h"
#include "io/zip_writer.h"
#include "places.h"
#include "sandbox.h"

namespace factorise {
namespace {

using namespace tests;
using Dict = std::vector<std::pair<std::string, PtEntry>>;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

/// A dict of everything that can be written.
Dict everything() {
  const Tensor x = at::arange(24, at::kFloat).reshape({4, 6}) / 7;
  Dict dict = {{"matrix", x},
               {"transposed", x.t()},
               {"expanded", x.select(1, 0).unsqueeze(1).expand({4, 5})},
               {"scalar", x.select(0, 1).select(0, 2)},
               {"empty", at::empty({0, 3})},
               {"with grad", x.clone().requires_grad_()},
               {"large", at::arange(1 << 20, at::kInt)}};
  for (const auto type : {at::kHalf, at::kBFloat16, at::kDouble, at::kBool, at::kByte, at::kChar, at::kShort, at::kInt,
                          at::kLong, at::kUInt16, at::kUInt32, at::kUInt64}) {
    dict.emplace_back(c10::str("as ", type), at::arange(3, at::kFloat).to(type));
  }
  for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{255}, int64_t{1} << 31, INT64_MIN, INT64_MAX}) {
    dict.emplace_back(c10::str("integer ", value), value);
  }
  for (const double value : {0.0, -0.0, 0.1, 1e300, std::numeric_limits<double>::infinity()}) {
    dict.emplace_back(c10::str("real ", value, dict.size()), value);
  }
  dict.emplace_back("yes", true);
  dict.emplace_back("no", false);
  dict.emplace_back("text", std::string("映画 \0 \U0001f3ac", 13));
  dict.emplace_back("", std::string());
  dict.emplace_back("texts", std::vector<std::string>{"034545104X", "", "007", "映画"});
  dict.emplace_back("no texts", std::vector<std::string>());
  return dict;
}

/// Runs `action` in a child that may not write files beyond so many bytes; whether it was refused.
template <class Action>
bool refused_beyond(rlim_t bytes, Action action) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(holds(refusal_of(action), "it would be larger than files may be here") ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("What is written is read back equal", "[pt_writer]") {
  const auto folder = std::filesystem::path(kOutputFolder) / "pt_written";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto keep = [&](const std::string& name, const PtValue& expected) {
    // Sharing, strides and offsets are not kept, so what came back is listed, and compared by its values.
    const PtValue value = load_pt(folder / (name + ".pt"));
    std::ofstream(folder / (name + ".txt")) << Listing().of(value);
    CHECK(Listing().of(value) == Listing().of(expected));
  };
  const Dict dict = everything();
  save_pt(folder / "everything.pt", dict);
  PtValue::Dict expected;
  for (const auto& [key, entry] : dict) {
    PtValue value;
    if (const auto* tensor = std::get_if<Tensor>(&entry)) {
      value.value = tensor->detach().clone(at::MemoryFormat::Contiguous);
    } else if (const auto* texts = std::get_if<std::vector<std::string>>(&entry)) {
      PtValue::List list;
      for (const std::string& text : *texts) list.items.push_back({text});
      value.value = list;
    } else {
      std::visit(
          [&](const auto& held) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(held)>, std::vector<std::string>>) value.value = held;
          },
          entry);
    }
    expected.items.push_back({PtValue{key}, value});
  }
  keep("everything", {expected});
  save_pt(folder / "tensor.pt", at::arange(6).reshape({2, 3}));
  keep("tensor", {at::arange(6).reshape({2, 3})});
  const Tensor sparse = at::arange(6, at::kDouble).reshape({2, 3}).to_sparse();
  save_pt(folder / "sparse.pt", sparse);
  keep("sparse", {sparse});
  save_pt(folder / "compressed.pt", {{"csr", sparse.to_sparse_csr()}, {"csc", sparse.to_sparse_csc()}});
  const Tensor by_columns = sparse.t().coalesce();
  const Tensor csc = at::_sparse_coo_tensor_unsafe(by_columns._indices().flip(0), by_columns._values(), {2, 3});
  PtValue::Dict compressed;
  compressed.items.push_back({PtValue{std::string("csr")}, PtValue{sparse}});
  compressed.items.push_back({PtValue{std::string("csc")}, PtValue{csc}});
  keep("compressed", {compressed});
  save_pt(folder / "empty.pt", Dict());
  keep("empty", {PtValue::Dict()});
}

TEST_CASE("Equal values are equal files, and storages lie at multiples of 64 bytes", "[pt_writer]") {
  Folder folder("pt_equal");
  save_pt(folder.path() / "a.pt", everything());
  save_pt(folder.path() / "b.pt", everything());
  const std::string content = content_of(folder.path() / "a.pt");
  CHECK(content == content_of(folder.path() / "b.pt"));
  const ZipArchive zip({reinterpret_cast<const uint8_t*>(content.data()), content.size()}, "");
  CHECK(zip.entries().size() == 3 + 19);
  for (const auto& entry : zip.entries()) CHECK(entry.offset % 64 == 0);
}

TEST_CASE("A zip's 64-bit fields are read back", "[pt_writer]") {
  Folder folder("pt_wide");
  // As if everything above 1000 bytes were beyond 4 GiB.
  const auto path = std::filesystem::path(kOutputFolder) / "pt_written" / "wide.zip";
  std::filesystem::create_directories(path.parent_path());
  AtomicFile file("test", path);
  ZipWriter writer(file, 1000);
  const std::vector<std::string> contents = {"small", std::string(2000, 'x'), "behind it"};
  for (size_t i = 0; i < contents.size(); ++i) writer.add(c10::str("a/", i), contents[i]);
  writer.finish();
  file.commit();
  const std::string content = content_of(path);
  const ZipArchive zip({reinterpret_cast<const uint8_t*>(content.data()), content.size()}, "");
  for (size_t i = 0; i < contents.size(); ++i) {
    const ZipEntry* entry = zip.find(c10::str("a/", i));
    REQUIRE(entry);
    CHECK(content.substr(entry->offset, entry->size) == contents[i]);
  }
}

TEST_CASE("What cannot be written is refused, and leaves nothing", "[pt_writer]") {
  Folder folder("pt_refused");
  const auto path = folder.path() / "a.pt";
  const Tensor x = at::ones({2, 3});
  const auto sentence = [&](const Dict& dict) { return refusal_of([&] { save_pt(path, dict); }); };
  CHECK(holds(sentence({{"a", Tensor()}}), "a tensor must be defined"));
  CHECK(holds(sentence({{"a", x.to_sparse_bsr({1, 1})}}), "as COO, CSR or CSC, to be written, but one is SparseBsr"));
  CHECK(holds(sentence({{"a", x.to(at::kComplexFloat)}}), "real type"));
  CHECK(holds(sentence({{"a", x.to(at::kFloat8_e4m3fn)}}), "real type"));
  CHECK(holds(sentence({{"a", x.to(at::kMeta)}}), "without values"));
  CHECK(holds(sentence({{"a", x}, {"a", x}}), "every key must be there once, but a is there twice"));
  CHECK(holds(sentence({{"\xff", x}}), "UTF-8"));
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("A target that cannot be written to is refused with a word on why", "[pt_writer]") {
  Folder folder("pt_target");
  const auto sentence = [](const std::filesystem::path& path) { return refusal_of([&] { save_text(path, "text"); }); };
  const std::string missing = sentence(folder.path() / "none" / "a.txt");
  CHECK(holds(missing, c10::str("its folder ", (folder.path() / "none").string(), " must exist, but does not.")));
  CHECK(holds(sentence(folder.path()), "must be a file, but is a folder."));
  CHECK(holds(sentence(folder.path() / ""), "must be a file, but is a folder."));
  folder.write("file", "");
  CHECK(holds(sentence(folder.path() / "file" / "a.txt"), "must exist, but does not."));
  CHECK(holds(sentence(folder.path() / std::string(300, 'a')), "its name is too long"));
  CHECK(holds(sentence("/dev/full"), "its disk must have room for it, but is full."));
  CHECK(sentence("/dev/null").empty());
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("A file has a new file's permissions, and a link stays a link", "[pt_writer]") {
  Folder folder("pt_mode");
  const mode_t before = umask(027);
  save_text(folder.path() / "new", "1");
  umask(before);
  struct stat status {};
  REQUIRE(stat((folder.path() / "new").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  std::filesystem::create_symlink("new", folder.path() / "link");
  save_text(folder.path() / "link", "2");
  CHECK(std::filesystem::is_symlink(folder.path() / "link"));
  CHECK(content_of(folder.path() / "new") == "2");
  // What was made private stays private.
  REQUIRE(chmod((folder.path() / "new").c_str(), 0600) == 0);
  save_text(folder.path() / "new", "3");
  REQUIRE(stat((folder.path() / "new").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(names_in(folder.path()).size() == 2);
}

TEST_CASE("A disk that is full in the middle leaves no file, or the one that was there", "[pt_writer]") {
  Folder folder("pt_full");
  const auto path = folder.path() / "a.pt";
  const Tensor x = at::rand({1000});
  for (const rlim_t limit : {rlim_t{0}, rlim_t{10}, rlim_t{300}, rlim_t{4000}}) {
    CHECK(refused_beyond(limit, [&] { save_pt(path, x); }));
    CHECK(names_in(folder.path()).empty());
  }
  save_pt(path, x);
  const std::string before = content_of(path);
  CHECK(refused_beyond(2000, [&] { save_pt(path, at::ones({1000})); }));
  CHECK(refused_beyond(0, [&] { save_text(path, "text"); }));
  CHECK(names_in(folder.path()) == std::vector<std::string>{"a.pt"});
  CHECK(content_of(path) == before);
}

TEST_CASE("A kill while writing leaves no file, or the one that was there", "[pt_writer]") {
  Folder folder("pt_kill");
  const auto path = folder.path() / "a.txt";
  for (const bool there : {false, true}) {
    if (there) save_text(path, "before");
    const pid_t child = fork();
    if (child == 0) {
      AtomicFile file("test", path);
      file.write(std::string(100'000, 'x'));
      raise(SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    CHECK(std::filesystem::exists(path) == there);
    if (there) CHECK(content_of(path) == "before");
  }
}

}  // namespace factorise
