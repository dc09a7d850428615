// `factorise show`, and the looking at files behind it.

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "io/pt_leaves.h"
#include "programs/show.h"

#include "catch.h"
#include "process.h"
#include "schema.h"

using namespace factorise;
using namespace factorise::programs;
using namespace factorise::tests;
using nlohmann::ordered_json;

namespace {

PtValue of_tensor(const Tensor& tensor) { return {tensor}; }
PtValue of_text(const std::string& text) { return {text}; }
PtValue of_whole(int64_t number) { return {number}; }

ProcessResult show(const std::string& folder, const std::vector<std::string>& arguments, ProcessOptions options = {}) {
  return program_in(folder, {"factorise", "show"}, arguments, std::move(options));
}

Schema show_schema() {
  return Schema::object({{"file", Schema::text()},
                         {"tensors", Schema::list(Schema::object({{"name", Schema::text()},
                                                                  {"type", Schema::text()},
                                                                  {"shape", Schema::list(Schema::whole())},
                                                                  {"entries", Schema::whole().or_null()},
                                                                  {"zeros", Schema::whole()},
                                                                  {"nan", Schema::whole()},
                                                                  {"min", Schema::number().or_null()},
                                                                  {"max", Schema::number().or_null()},
                                                                  {"mean", Schema::number().or_null()},
                                                                  {"corner", Schema::anything()}}))},
                         {"values", Schema::anything()}});
}

}  // namespace

TEST_CASE("the leaves of a nested file are named as named_tensors names them", "[show]") {
  PtValue::List list{{of_tensor(at::zeros({1})), of_whole(7), of_tensor(at::zeros({2}))}, true};
  PtValue::Dict inner{{{of_text("weight"), of_tensor(at::zeros({3}))},
                       {of_whole(5), {list}},
                       {{PtValue::List{{of_text("a"), of_whole(1)}, true}}, of_tensor(at::zeros({4}))}}};
  PtValue file{PtValue::Dict{
      {{of_text("model"), {inner}}, {of_text("epoch"), of_whole(3)}, {of_text("empty"), {PtValue::List{}}}}}};
  std::vector<std::string> all, tensors;
  for (const Leaf& leaf : leaves(file)) {
    all.push_back(leaf.name);
    if (leaf.value.is_tensor()) tensors.push_back(leaf.name);
  }
  CHECK(all == std::vector<std::string>{"model.weight", "model.5.0", "model.5.1", "model.5.2", "model.(a, 1)", "epoch",
                                        "empty"});
  std::vector<std::string> expected;
  for (const auto& named : named_tensors(file)) expected.push_back(named.name);
  CHECK(tensors == expected);
  CHECK(leaves(of_tensor(at::zeros({1})))[0].name == "");
}

TEST_CASE("statistics of tensors of every kind", "[show]") {
  const Statistics some = statistics(at::tensor({0.0, -2.0, std::nan(""), 5.0, 0.0}));
  CHECK(some.elements == 5);
  CHECK(some.zeros == 2);
  CHECK(some.nan == 1);
  CHECK(*some.min == -2);
  CHECK(*some.max == 5);
  CHECK(*some.mean == 0.75);
  for (const auto type :
       {at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16, at::kFloat}) {
    const Statistics counts = statistics(at::arange(7).to(type));
    CHECK(counts.zeros == 1);
    CHECK(*counts.max == 6);
    CHECK(*counts.mean == 3);
  }
  CHECK(statistics(at::tensor({1, 0, 1}).to(at::kBool)).zeros == 1);
  CHECK_FALSE(statistics(at::empty({0, 3})).mean);
  CHECK_FALSE(statistics(at::full({2}, std::nan(""))).min);
  CHECK(*statistics(at::full({}, 4)).mean == 4);
  CHECK(*statistics(at::full({2}, -std::numeric_limits<double>::infinity())).min < 0);
}

TEST_CASE("statistics of views are those of what is seen", "[show]") {
  const Tensor t = at::arange(24).view({4, 6});
  CHECK(*statistics(t.t()).mean == 11.5);
  CHECK(*statistics(t.slice(1, 0, 6, 2)).max == 22);
  CHECK(statistics(at::zeros({1}).expand({1000, 1000})).zeros == 1000000);
  CHECK(statistics(at::arange(3000000).fmod(3)).zeros == 1000000);  // several pieces
}

TEST_CASE("a corner shows the first entries and what is left out", "[show]") {
  CHECK(corner(at::arange(4).view({2, 2})) == "  0  1\n  2  3");
  CHECK(corner(at::full({}, 7)) == "  7");
  CHECK(corner(at::arange(10)) == "  0  1  2  3  4  5  6  7  …");
  CHECK(corner(at::arange(8).view({8, 1})) == "  0\n  1\n  2\n  3\n  4\n  5\n  …");
  CHECK(corner(at::arange(8).view({2, 2, 2})) == "  0  1\n  2  3");
  CHECK(corner(at::empty({0, 5})) == "  (no elements)");
  CHECK(corner(at::empty({0, 2, 2})) == "  (no elements)");
  CHECK(corner(at::tensor({0.5, std::nan(""), 1e30})) == "    0.5    nan  1e+30");
  CHECK(corner(at::full({2}, std::numeric_limits<int64_t>::max())).find("9223372036854775807") != std::string::npos);
}

TEST_CASE("show prints a file's tensors and values", "[show]") {
  const std::string folder = empty_folder("show");
  save_pt(folder + "/F.pt", {{"U", at::arange(6).view({3, 2}).to(at::kFloat)},
                             {"lr", 0.01},
                             {"method", std::string("sgd")},
                             {"rank", int64_t{2}},
                             {"ok", true}});
  const ProcessResult result = show(folder, {"F.pt"});
  INFO(result.out);
  CHECK(result.status == 0);
  CHECK(result.err == "");
  for (const char* text :
       {"F.pt: 1 tensor, 4 other values", "float32", "3 x 2", "16.7 %", "sgd", "0.01", "True", "  4  5"}) {
    INFO(text);
    CHECK(result.out.find(text) != std::string::npos);
  }
  const ProcessResult json_result = show(folder, {"F.pt", "--json", "-"});
  const auto json = ordered_json::parse(json_result.out);
  CHECK(show_schema().violation(json) == "");
  CHECK(json["tensors"][0]["shape"] == ordered_json::array({3, 2}));
  CHECK(json["tensors"][0]["zeros"] == 1);
  CHECK(json["tensors"][0]["corner"][2][1] == 5);
  CHECK(json["values"] == ordered_json({{"lr", 0.01}, {"method", "sgd"}, {"rank", 2}, {"ok", true}}));
}

TEST_CASE("show --key picks one thing, or says what there is", "[show]") {
  const std::string folder = empty_folder("show_key");
  save_pt(folder + "/F.pt", {{"U", at::zeros({2, 2})}, {"V", at::zeros({3, 2})}, {"seed", int64_t{1}}});
  const ProcessResult one = show(folder, {"--key", "V", "F.pt"});
  CHECK(one.status == 0);
  CHECK(one.out.find("3 x 2") != std::string::npos);
  CHECK(one.out.find("2 x 2") == std::string::npos);
  const ProcessResult none = show(folder, {"F.pt", "--key", "W"});
  CHECK(none.status == 1);
  CHECK(none.out == "");
  CHECK(none.err == "factorise: F.pt holds nothing called 'W'; it holds U, V, seed.\n");
  CHECK(show(folder, {"none.pt"}).status == 1);
  CHECK(show(folder, {}).status == 2);
}

TEST_CASE("a file of many long names stays within 100 columns", "[show]") {
  const std::string folder = empty_folder("show_wide");
  std::vector<std::pair<std::string, PtEntry>> dict;
  for (int i = 0; i < 30; ++i) {
    dict.emplace_back("model.encoder.layers." + std::to_string(i) + ".self_attention.output.dense.weight",
                      at::full({64, 128}, -1.23456e-7 * (i + 1)));
  }
  dict.emplace_back("note", std::string(180, 'n'));
  save_pt(folder + "/model.pt", dict);
  const ProcessResult result = show(folder, {"model.pt"});
  REQUIRE(result.status == 0);
  size_t longest = 0, columns = 0;
  for (const char c : result.out) {
    columns = c == '\n' ? 0 : columns + ((c & 0xc0) != 0x80);
    longest = std::max(longest, columns);
  }
  CHECK(longest <= 100);
  CHECK(result.out.find("Values of 24 more tensors: --key NAME.") != std::string::npos);
}
