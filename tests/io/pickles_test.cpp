// Pickles that no torch.save wrote: that ask for code to be run, that loop, nest and swell, that break the machine.
// Each is refused with a sentence, without a crash and without much memory.

#include "io/corpus.h"

namespace factorise {
namespace {

using namespace tests;
using namespace tests::pickle;

}  // namespace

TEST_CASE("pickles of strangers are refused, and nothing in them is run", "[pickles]") {
  Corpus corpus("pickles");
  const Folder folder("strangers");
  const std::string mark = (folder.path() / "ran").string();
  for (const auto& [module, name] :
       std::vector<std::pair<std::string, std::string>>{{"os", "system"},
                                                        {"posix", "system"},
                                                        {"nt", "system"},
                                                        {"builtins", "eval"},
                                                        {"__builtin__", "eval"},
                                                        {"builtins", "exec"},
                                                        {"builtins", "getattr"},
                                                        {"subprocess", "Popen"},
                                                        {"torch", "load"},
                                                        {"torch.storage", "_load_from_bytes"},
                                                        {"torch.hub", "load"},
                                                        {"numpy.core.multiarray", "_reconstruct"},
                                                        {"_codecs", "encode"},
                                                        {"copyreg", "_reconstructor"},
                                                        {"collections", "Counter"},
                                                        {"torch", ""},
                                                        {"", ""},
                                                        {"torch._utils", "_rebuild_nested_tensor"},
                                                        {"torch._utils", "_rebuild_qtensor"},
                                                        {"torch", "QInt8Storage"},
                                                        {"torch", "ComplexFloatStorage"},
                                                        {"torch", "float8_e5m2"},
                                                        {"torch.nn.modules.linear", "Linear"},
                                                        {"__main__", "Model"},
                                                        {"os\xff", "\x1b[31m"}}) {
    const std::string call = global(module, name) + "(" + text("touch " + mark) + "tR";
    const std::string stack_global = text(module) + text(name) + "\x93(" + text("touch " + mark) + "tR";
    for (const std::string& body : {call, stack_global}) {
      for (const std::string& file : {in_zip(body), in_stream(body)}) {
        corpus.refused(file, module + "." + name, ": the file ");
      }
      corpus.refused(pickled(body), module + "." + name, "a pickle, but not one of torch.save");
    }
  }
  const std::string command = "(" + text("touch " + mark) + "tR";
  corpus.refused(in_zip(global("os", "system") + command), "os.system",
                 "the file asks for os.system, but nothing in a file is run");
  corpus.refused(in_zip(global("torch._tensor", "_rebuild_from_type_v2") + command), "a call by way of torch",
                 "made in a way that torch.save does not write");
  const std::string escape = corpus.read(in_zip(global("os", "\x1b[31m") + command));
  CHECK_FALSE(holds(escape, "\x1b"));
  CHECK_FALSE(std::filesystem::exists(mark));
  CHECK(corpus.read_so_far() >= 150);
}

TEST_CASE("pickles that loop, nest, swell or break the machine are refused", "[pickles]") {
  Corpus corpus("pickles");
  const auto memo = [](const char* op, int index) { return op + std::string(1, static_cast<char>(index)); };
  std::string laughs = "(]" + memo("q", 0);
  for (int i = 1; i < 60; ++i) {
    laughs += "]" + memo("q", i) + "(";
    for (int k = 0; k < 10; ++k) laughs += memo("h", i - 1);
    laughs += "e";
  }
  laughs += "t";
  const std::string zero(1, '\0');
  const std::string no_parts = "type, key, device and size";
  struct Body {
    std::string why, body, words;
  };
  const std::vector<Body> bodies{
      {"a list in itself", "]q" + zero + "h" + zero + "a", "contains itself"},
      {"a dict in itself", "}q" + zero + text("k") + "h" + zero + "s", "contains itself"},
      {"a list in a tuple in itself", "]q" + zero + "h" + zero + "\x85" + "a", "contains itself"},
      {"two lists in each other", "]q" + zero + "]q\x01h" + zero + "aa", "contains itself"},
      {"lists that double", laughs, "far more memory"},
      {"nested lists", std::string(1'000, ']') + std::string(999, 'a'), "nested deeper than 100"},
      {"deeply nested lists", std::string(100'000, ']') + std::string(99'999, 'a'), ""},
      {"nested tuples", ")" + std::string(1'000, '\x85'), "nested deeper than 100"},
      {"many marks", std::string(100'000, '('), ""},
      {"a key twice", "}" + text("k") + "Ns" + text("k") + "Ns", "the key k twice"},
      {"a list as a key", "}]Ns", "a dict's key must be"},
      {"a tensor as a key", "}" + six() + "Ns", "a dict's key must be"},
      {"a missing value", "}(" + text("k") + "u", "key has no value"},
      {"a missing mark", "]e", "a mark is missing"},
      {"a mark as an operand", "](a", "an operand is missing"},
      {"an empty stack", "a", "an operand is missing"},
      {"two objects", "NN", "something left"},
      {"no object", "", "something left"},
      {"a mark alone", "(", "something left"},
      {"items to no list", "NNa", "what is no list"},
      {"items to no dict", "]NNs", "what is no dict"},
      {"a memo never written", "h\x05", "memo 5 is read, but was never written"},
      {"a memo far away", "Nr" + raw(uint32_t{0xFFFFFFFF}), "before that many"},
      {"a long memo far away", "j" + raw(uint32_t{0xFFFFFFFF}), "never written"},
      {"a huge integer", "\x8b" + raw(int32_t{0x7FFFFFFF}), "cut off or damaged"},
      {"a negative size", "\x8b" + raw(int32_t{-1}), "negative"},
      {"a negative string", "T" + raw(int32_t{-1}), "negative"},
      {"an integer of 11 bytes", "\x8a\x0b" + std::string(11, '\x7f'), "64 bits"},
      {"a string of 4 GiB", "X" + raw(uint32_t{0xFFFFFFFF}), "cut off or damaged"},
      {"a string of 2^63", "\x8d" + raw(uint64_t{1} << 63), "too long"},
      {"bytes of 2^64 - 1", "\x8e" + raw(~uint64_t{0}), "too long"},
      {"a string that is not UTF-8", text("\xc0\x80"), "UTF-8"},
      {"a frame of 2^63", "\x95" + raw(uint64_t{1} << 63) + "N", "cut off or damaged"},
      {"raw bytes", "C\x02xy", "raw bytes"},
      {"a protocol of the future", "\x80\x06N", "2 to 5, but is 6"},
      {"a protocol of the past", "\x80\x01N", "2 to 5, but is 1"},
      {"a name without an end", "cos", "a name has no end"},
      {"a name that is no string", "NN\x93", "a name is no string"},
      {"a call of no name", "N)R", "names no function"},
      {"a call with no tuple", global("collections", "OrderedDict") + "NR", "no tuple"},
      {"a dict from no list", global("collections", "OrderedDict") + "N\x85R", "torch.save does not write"},
      {"a dict from no pairs", global("collections", "OrderedDict") + "]Na\x85R", "torch.save does not write"},
      {"a tensor of nothing", global("torch._utils", "_rebuild_tensor_v2") + ")R", "described by a storage"},
      {"a tensor of no storage", global("torch._utils", "_rebuild_tensor_v2") + "(N" + integer(0) + "))tR", "storage"},
      {"a parameter of nothing", global("torch._utils", "_rebuild_parameter") + ")R", "a Parameter holds no tensor"},
      {"a size of nothing", global("torch", "Size") + ")R", "a torch.Size holds no tuple"},
      {"a storage that is called", global("torch", "FloatStorage") + ")R", "which torch.save does not write"},
      {"a storage alone", storage("FloatStorage", "0", 6), "a storage without a tensor"},
      {"a storage's id that is no tuple", "NQ", "something other than a tuple"},
      {"a storage without parts", global("torch._utils", "_rebuild_tensor") + "()Q" + integer(0) + "))tR", no_parts},
      {"a storage of no type",
       tensor("(" + text("storage") + "N" + text("0") + text("cpu") + integer(6) + "tQ", 0, {1}, {1}), no_parts},
      {"a storage of no key", tensor("(" + text("storage") + global("torch", "FloatStorage") + "NNNtQ", 0, {1}, {1}),
       no_parts},
      {"attributes for a list", "]}b", "what is no OrderedDict"},
      {"an instance", "(i", "opcode 105"},
      {"an object of no script", global("torch", "Size") + ")\x81", "none of TorchScript's"},
      {"an object of a stranger", text("os") + text("system") + "\x93)\x81", "asks for os.system"},
      {"an object from values", global("__torch__", "M") + "N\x85\x81", "made from values"},
      {"an object's own state", global("__torch__", "M") + ")\x81Nb", "torch::pickle_save or factorise::save_pt"},
      {"an object's half state", global("__torch__", "M") + ")\x81}(Nub", "key has no value"},
      {"an object in itself", global("__torch__", "M") + ")\x81q" + zero + "}" + text("k") + "h" + zero + "sb",
       "contains itself"},
      {"an object as a key", "}" + global("__torch__", "M") + ")\x81Ns", "a dict's key must be"},
      {"a script's class that is called", global("__torch__", "M") + ")R", "which torch.save does not write"},
      {"a script's value of another kind", global("torch.jit._pickle", "build_tensor_from_id") + "N\x85R",
       "torch::pickle_save"},
      {"a script's value of nothing", global("torch.jit._pickle", "restore_type_tag") + ")R", "is not there"},
      {"a class of C++", global("torch.classes.a", "B") + ")\x81", "an object of a C++ class"},
      {"a layout of nothing", global("torch.serialization", "_get_layout") + ")R", "a layout has no name"},
      {"a dict from triples", global("collections", "OrderedDict") + "](](NNNee\x85R", "torch.save does not write"},
      {"an integer of 20 digits", "I99999999999999999999\n", "at most 64 bits"},
      {"an integer of letters", "Ix\n", "in decimal digits"},
      {"a dict in itself, from pairs", "]q" + zero + "(](" + text("k") + "h" + zero + "ee" + "0", "opcode 48"},
      {"an extension", "\x82\x01", "opcode 130"},
      {"a persistent id as text", "P0\n", "opcode 80"},
      {"an unknown opcode", "\xff", "opcode 255"},
      {"sizes that are no integers",
       global("torch._utils", "_rebuild_tensor") + "(" + storage("FloatStorage", "0", 6) + integer(0) + "N\x85N\x85tR",
       "integers from 0"},
  };
  for (const auto& [why, body, words] : bodies) {
    corpus.refused(in_zip(body), why, words);
    corpus.refused(stream_file(pickled(body)), why, words);
  }
  // One tuple, used again for many storages: small in the file, and no copy each.
  const std::string id = storage("FloatStorage", "0", 6);
  std::string many = id.substr(0, id.size() - 1) + "q" + zero + "0](";
  for (int i = 0; i < 5000; ++i) many += "h" + zero + "Q";
  corpus.refused(in_zip(many + "e"), "one id for many storages");
}

}  // namespace factorise
