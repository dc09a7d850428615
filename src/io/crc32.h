#pragma once
// The checksum of zip files: CRC-32 of ISO 3309 (polynomial 0x04C11DB7, reflected).

#include <cstdint>
#include <span>

namespace factorise {

uint32_t crc32_of(std::span<const uint8_t> bytes);

}  // namespace factorise
