// Every file that Python wrote (write_files.py) is read back equal, or refused with its sentence; and hand-made files
// of what torch no longer writes.

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <c10/util/StringUtil.h>
#include <factorise/io.h>

#include <chrono>
#include <fstream>
#include <iterator>

#include "catch.h"
#include "io/listing.h"
#include "io/pt_bytes.h"
#include "io/refusal.h"
#include "places.h"
#include "sandbox.h"

namespace factorise {
namespace {

using namespace tests;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The sentence that refuses a file, without the function and the path at its begin.
std::string load_refusal(const std::filesystem::path& path) {
  const std::string sentence = refusal_of([&] { load_pt(path); }), begin = c10::str("[load_pt] ", path.string(), ": ");
  if (sentence.empty()) return "";
  REQUIRE(sentence.starts_with(begin));
  return sentence.substr(begin.size());
}

Tensor matrix() { return at::arange(6, at::kFloat).reshape({2, 3}); }

std::string floats(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += raw(static_cast<float>(i));
  return bytes;
}

}  // namespace

TEST_CASE("Files that Python wrote are read back equal, or refused with a sentence", "[pt_reader]") {
  const auto folder = std::filesystem::path(kOutputFolder) / "pt_files";
  if (!std::filesystem::exists(folder / "matrix_zip2.pt")) {
    WARN("skipped: write_files.py has written no files, because no python3 with torch was found");
    return;
  }
  size_t read = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    auto path = entry.path();
    if (path.extension() != ".pt") continue;
    INFO(path.filename().string());
    auto expected = path;
    if (std::filesystem::exists(expected.replace_extension(".txt"))) {
      CHECK(Listing().of(load_pt(path)) == content_of(expected));
      ++read;
    } else {
      const std::string part = content_of(expected.replace_extension(".refused"));
      const std::string sentence = load_refusal(path);
      INFO(sentence);
      CHECK(holds(sentence, part));
      CHECK(sentence.ends_with('.'));
      ++refused;
    }
  }
  CHECK(read > 300);
  CHECK(refused > 30);
}

TEST_CASE("Tensors have their names, and one can be asked for", "[pt_reader]") {
  Folder folder("pt_names");
  const auto path = folder.write("small.pt", small_zip());
  std::vector<std::string> names;
  for (const auto& named : named_tensors(load_pt(path))) names.push_back(named.name);
  CHECK(names == std::vector<std::string>{"a", "b", "t", "l.1"});
  CHECK(at::equal(load_tensor(path, "a"), matrix()));
  CHECK(at::equal(load_tensor(path, "l.1"), matrix()));
  CHECK(holds(refusal_of([&] { load_tensor(path); }), "holds 4 tensors, so a key must say which: a, b, t, l.1."));
  CHECK(holds(refusal_of([&] { load_tensor(path, "c"); }), "[load_tensor]"));
  CHECK(holds(refusal_of([&] { load_tensor(path, "c"); }), "holds no tensor called c, but a, b, t, l.1."));

  const std::string storage = pickle::storage("FloatStorage", "0", 6);
  const std::string tensor = pickle::tensor(storage, 0, {2, 3}, {3, 1});
  const auto alone = folder.write("alone.pt", zip_file(pickle::begin + tensor + pickle::end, {floats(6)}));
  CHECK(named_tensors(load_pt(alone))[0].name.empty());
  CHECK(at::equal(load_tensor(alone), matrix()));
  CHECK(holds(refusal_of([&] { load_tensor(alone, "a"); }), "one without a name"));
  const auto twice =
      folder.write("twice.pt", zip_file(pickle::begin + "}(" + pickle::text("a.b") + tensor + pickle::text("a") + "}(" +
                                            pickle::text("b") + tensor + "uu" + pickle::end,
                                        {floats(6)}));
  CHECK(holds(refusal_of([&] { load_tensor(twice, "a.b"); }), "holds 2 tensors called a.b"));
  const auto none = folder.write("none.pt", zip_file(pickle::begin + "N" + pickle::end));
  CHECK(holds(refusal_of([&] { load_tensor(none); }), "must hold a tensor, but holds none"));
}

TEST_CASE("Views of one storage share its memory, and writing to a mapped one leaves the file alone", "[pt_reader]") {
  Folder folder("pt_sharing");
  const auto path = folder.write("small.pt", small_zip());
  const auto tensors = named_tensors(load_pt(path));
  tensors[0].tensor.data_ptr<float>()[1] = 42;
  CHECK(tensors[1].tensor.const_data_ptr<float>()[0] == 42);
  CHECK(tensors[3].tensor.const_data_ptr<float>()[1] == 42);

  const auto large = folder.path() / "large.pt";
  save_pt(large, at::arange(1 << 20, at::kInt));
  const std::string before = content_of(large);
  const Tensor mapped = load_tensor(large), again = load_tensor(large);
  mapped.data_ptr<int32_t>()[7] = -1;
  CHECK(again.const_data_ptr<int32_t>()[7] == 7);
  CHECK(content_of(large) == before);
  // The mapping outlives the name.
  std::filesystem::remove(large);
  CHECK(again.const_data_ptr<int32_t>()[(1 << 20) - 1] == (1 << 20) - 1);
}

TEST_CASE("A 40 MB file is open in milliseconds", "[pt_reader]") {
  Folder folder("pt_large");
  const auto path = folder.path() / "large.pt";
  save_pt(path, at::arange(10'000'000, at::kFloat).reshape({1000, 10000}));
  auto fastest = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const Tensor tensor = load_tensor(path);
    fastest = std::min(fastest, std::chrono::steady_clock::now() - start);
    CHECK(tensor.const_data_ptr<float>()[9'999'999] == 9'999'999.0F);
  }
  // Copying alone would take 10 ms; the limit leaves room for sanitizers and busy machines.
  CHECK(std::chrono::duration<double, std::milli>(fastest).count() < 8);
}

TEST_CASE("What old versions of torch wrote is read", "[pt_reader]") {
  using namespace pickle;
  Folder folder("pt_old");
  const auto check = [&](const std::string& content) {
    CHECK(at::equal(load_tensor(folder.write("old.pt", content)), matrix()));
  };
  const std::string sizes = integers({2, 3}), strides = integers({3, 1});
  SECTION("the oldest function, and strings of Python 2") {
    std::string id = "(U" + raw(uint8_t{7}) + "storage" + global("torch", "FloatStorage") + "T" + raw(int32_t{2}) +
                     "77U\x03" + "cpu" + integer(6) + "NtQ";
    check(stream_file(
        begin + global("torch._utils", "_rebuild_tensor") + "(" + id + integer(0) + sizes + strides + "tR" + end,
        {{"77", 6, floats(6)}}));
  }
  SECTION("a storage that is part of another") {
    const std::string part = storage("FloatStorage", "77", 9, "(" + text("78") + integer(2) + integer(7) + "t");
    std::string bytes = floats(9);
    std::string shifted = raw(9.0F) + raw(9.0F) + raw(9.0F) + floats(6);
    check(stream_file(begin + tensor(part, 1, {2, 3}, {3, 1}) + end, {{"77", 9, shifted}}));
    const auto beyond =
        folder.write("beyond.pt", stream_file(begin + tensor(part, 2, {2, 3}, {3, 1}) + end, {{"77", 9, bytes}}));
    CHECK(holds(load_refusal(beyond), "needs 24 bytes from byte 8 of storage 77, which holds 28 bytes"));
  }
  SECTION("a storage class of CUDA, and a device that is not here") {
    std::string id =
        "(" + text("storage") + global("torch.cuda", "FloatStorage") + text("0") + text("cuda:3") + integer(6) + "tQ";
    check(zip_file(begin + tensor(id, 0, {2, 3}, {3, 1}) + end, {floats(6)}));
  }
  SECTION("an archive without byteorder and version") {
    const std::string pickle = begin + tensor(storage("FloatStorage", "0", 6), 0, {2, 3}, {3, 1}) + end;
    check(zip_of({{"a/data.pkl", pickle}, {"a/data/0", floats(6)}}));
  }
}

TEST_CASE("What is no .pt file is refused with a word on what it is", "[pt_reader]") {
  Folder folder("pt_foreign");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "it is empty"},
      {"<!DOCTYPE html><html>Not found</html>", "a web page"},
      {"\n <HTML><body>", "a web page"},
      {"title,year\nHeat,1995\n", "it is a text file"},
      {"\x93NUMPY\x01\x00v", "NumPy .npy file"},
      {"\x1f\x8b\x08\x00", "compressed by gzip"},
      {std::string(5000, '\0'), "begins with zeros"},
      {"\x7f\x45LF\x02\x01\x01", "of no kind that is known here"},
      {zip_of({{"x.npy", "abc"}, {"y.npy", "abc"}}), "NumPy .npz archive"},
      {zip_of({{"word/document.xml", "abc"}}), "a zip archive without data.pkl"},
      {"\x80\x02K\x05.", "a pickle, but not one of torch.save; nothing in a file is run"},
      {stream_file("\x80\x02N.", {}, false), "big-endian machine"},
      {zip_of({{"m/data.pkl", "\x80\x02N."}, {"m/byteorder", "big"}}), "big-endian machine"},
      {zip_of({{"m/data.pkl", "\x80\x02N."}, {"m/version", "11\n"}}), "a newer torch may have written it"},
  };
  for (const auto& [content, part] : cases) {
    const std::string sentence = load_refusal(folder.write("foreign.pt", content));
    INFO(sentence);
    CHECK(holds(sentence, part));
  }
}

TEST_CASE("A file that cannot be opened is refused with a word on why", "[pt_reader]") {
  Folder folder("pt_missing");
  CHECK(load_refusal(folder.path() / "none.pt") == "there must be such a file, but there is none.");
  CHECK(load_refusal(folder.path()) == "must be a file, but is a folder.");
  CHECK(load_refusal("/dev/null") == "must be a file, but is something else.");
  const auto file = folder.write("file.pt", small_zip());
  CHECK(load_refusal(file / "below.pt") == "there must be such a file, but there is none.");
}

TEST_CASE("A refusal says where and what", "[pt_reader]") {
  Folder folder("pt_sentence");
  const std::string tensor = pickle::tensor(pickle::storage("FloatStorage", "0", 6), 2, {2, 5}, {5, 1});
  const std::string value = pickle::begin + tensor + pickle::end;
  const auto path = folder.write("ratings.pt", zip_file(value, {floats(6)}));
  CHECK(load_refusal(path) == c10::str("data.pkl at byte ", value.size() - 2,
                                       ": the tensor of sizes [2, 5] and strides [5, 1] needs 40 bytes from byte 8 of "
                                       "storage 0, which holds 24 bytes."));
}

}  // namespace factorise
