// Every kind of file is known by its bytes, and what is not read is named, with what to do.

#include "io/file_kind.h"

#include <initializer_list>
#include <utility>
#include <vector>

#include "catch.h"
#include "io/pt_bytes.h"
#include "io/refusal.h"
#include "sandbox.h"

namespace factorise {
namespace {

using namespace tests;
using namespace std::literals;

struct Known {
  std::string bytes;
  FileKind kind;
};

/// A file's first bytes as its writer makes them, padded like a file.
std::string binary(const std::string& begin) {
  std::string file = begin;
  file.append(600, '\1');
  return file;
}

/// Not by +, of which GCC 12 warns in so long a list (its bug 105651).
std::string joined(std::initializer_list<std::string> parts) {
  std::string all;
  for (const std::string& part : parts) all.append(part);
  return all;
}

std::vector<Known> known_files() {
  return {
      {"", FileKind::empty},
      {small_zip(), FileKind::pt},
      {small_stream(), FileKind::pt_stream},
      {zip_of({{"m/constants.pkl", "x"}, {"m/data.pkl", "x"}}), FileKind::pt},
      {zip_of({{"readme.txt", "x"}, {"m/data.pkl", "x"}}), FileKind::pt},
      {"\x80\x04\x95\x0c\0\0\0\0\0\0\0\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s, FileKind::pt_stream},
      {"\x80\x04\x95\x0c\0\0\0\0\0\0\0]."s, FileKind::pickle},
      {"(lp0\nI1\na.", FileKind::pickle},
      {binary("\x93NUMPY\x01\0"s), FileKind::npy},
      {zip_of({{"arr_0.npy", "x"}}), FileKind::npz},
      {zip_of({{"ml-1m/ratings.dat", "x"}}), FileKind::zip},
      {zip_of({{"[Content_Types].xml", "x"}, {"xl/workbook.xml", "x"}}), FileKind::excel},
      {"%%MatrixMarket matrix coordinate real general\n", FileKind::matrix_market},
      {"%%matrixmarket MATRIX array", FileKind::matrix_market},
      {"1::1193::5::978300760\n", FileKind::text},
      {"\xef\xbb\xbfuserId,movieId,rating\n", FileKind::text},
      {"title\nAm\xe9lie\n", FileKind::text},                                // Latin-1
      {"Ирония судьбы\n", FileKind::text},                                   // more high bytes than ASCII
      {joined({std::string(kTellingBytes - 1, 'a'), "é"}), FileKind::text},  // a character across the border
      {"PAR1,BZh9,1\n", FileKind::text},
      {"1\r2\r3\r", FileKind::text},
      {"\xff\xfe\x31\0\x2c\0"s, FileKind::utf16},
      {"\xfe\xff\0\x31\0\x2c"s, FileKind::utf16},
      {"1\0,\0002\0,\0003\0\n\0"s, FileKind::utf16},
      {"<!DOCTYPE html><p>", FileKind::web_page},
      {" <HTML>", FileKind::web_page},
      {binary("\x1f\x8b\x08\0"s), FileKind::gzip},
      {binary("BZh91AY&SY"), FileKind::bzip2},
      {binary("\xfd"
              "7zXZ\0"s),
       FileKind::xz},
      {binary("\x28\xb5\x2f\xfd"), FileKind::zstd},
      {binary("PAR1\x15\x04"), FileKind::parquet},
      {binary("ARROW1\0\0"s), FileKind::arrow},
      {"\x40\0\0\0\0\0\0\0{\"weight\":{\"dtype\":\"F32\"}}"s, FileKind::safetensors},
      {binary("MATLAB 5.0 MAT-file, Platform: GLNXA64"), FileKind::mat},
      {binary("MATLAB 7.3 MAT-file, Platform: GLNXA64"), FileKind::hdf5},
      {binary("\x89HDF\r\n\x1a\n"), FileKind::hdf5},
      {joined({std::string(512, '\2'), "\x89HDF\r\n\x1a\n"}), FileKind::hdf5},
      {binary("SQLite format 3\0"s), FileKind::sqlite},
      {binary("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), FileKind::excel},
      {joined({"a.csv", std::string(252, '\0'), "ustar", std::string(300, '\0')}), FileKind::tar},
      {std::string(5000, '\0'), FileKind::zeros},
      {binary("\x7f"
              "ELF\x02"),
       FileKind::unknown},
  };
}

}  // namespace

TEST_CASE("a file is what its bytes say, whatever its name", "[file_kind]") {
  const Folder folder("file_kind");
  for (const auto& [bytes, kind] : known_files()) {
    INFO(name_of(kind) << ": " << bytes.substr(0, 40));
    CHECK(kind_of_file("load", folder.write("data.txt", bytes)) == kind);
  }
}

TEST_CASE("a beginning of any length is some kind", "[file_kind]") {
  for (const auto& [bytes, kind] : known_files()) {
    for (size_t size = 0; size <= std::min<size_t>(bytes.size(), 64); ++size) {
      CHECK_FALSE(name_of(kind_of(std::string_view(bytes).substr(0, size))).empty());
    }
  }
}

TEST_CASE("what is no text is refused by its name, with what to do", "[file_kind]") {
  const Folder folder("file_kind_text");
  for (const auto& [bytes, kind] : known_files()) {
    const auto file = folder.write("ratings.csv", bytes);
    std::string content = bytes;
    const std::string sentence = refusal_of([&] { content = read_text("load_csv", file); });
    CHECK(content == bytes);
    INFO(sentence);
    const bool readable = kind == FileKind::text || kind == FileKind::matrix_market || kind == FileKind::empty ||
                          kind == FileKind::unknown;
    CHECK(sentence.empty() == readable);
    const std::string is = kind == FileKind::gzip ? "must " : "must be a text file, but is " + name_of(kind);
    if (!readable) CHECK(holds(sentence, "ratings.csv: " + is));
  }
  CHECK(
      holds(name_and_advice(FileKind::parquet, "a/r.parquet"),
            "python -c \"import pandas; pandas.read_parquet('a/r.parquet').to_csv('a/r.parquet.csv', index=False)\""));
  // A name that a shell or Python would read is left to the reader.
  CHECK(holds(name_and_advice(FileKind::parquet, "r';import os"), "read_parquet('FILE')"));
  CHECK(holds(refusal_of([&] { kind_of_file("load", folder.path() / "none"); }), "there is none."));
  CHECK(holds(refusal_of([&] { kind_of_file("load", folder.path()); }), "is a folder."));
}

}  // namespace factorise
