// Eight tables, eight bytes a step (Kounavis and Berry, "A systematic approach to building high performance
// software-based CRC generators", 2005).

#include "io/crc32.h"

#include <array>

namespace factorise {
namespace {

using Tables = std::array<std::array<uint32_t, 256>, 8>;

/// tables[k][b]: what byte b adds to the checksum when k more bytes follow it.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t value = b;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xEDB88320U : 0U);
    tables[0][b] = value;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t b = 0; b < 256; ++b) {
      const uint32_t before = tables[k - 1][b];
      tables[k][b] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

uint32_t crc32_of(std::span<const uint8_t> bytes) {
  uint32_t crc = 0xFFFFFFFFU;
  while (bytes.size() >= 8) {
    uint32_t next = 0;
    for (size_t k = 0; k < 4; ++k) next ^= kTables[7 - k][bytes[k] ^ (crc >> (8 * k) & 0xFF)];
    for (size_t k = 4; k < 8; ++k) next ^= kTables[7 - k][bytes[k]];
    crc = next;
    bytes = bytes.subspan(8);
  }
  for (const uint8_t byte : bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ byte) & 0xFF];
  return ~crc;
}

}  // namespace factorise
