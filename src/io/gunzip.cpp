// zlib's inflate in pieces, so that no more is made than is allowed.

#include "io/gunzip.h"

#include <c10/util/StringUtil.h>
#include "io/contents.h"

#ifdef FACTORISE_ZLIB

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <climits>

namespace factorise {
namespace {

constexpr int kGzip = 16 + MAX_WBITS, kRaw = -MAX_WBITS;  // inflateInit2's formats

/// A stream that reads from a text.
class Inflation {
 public:
  Inflation(std::string_view bytes, int format) : left_(bytes), is_gzip_(format == kGzip) {
    is_ready_ = inflateInit2(&stream_, format) == Z_OK;
  }
  Inflation(const Inflation&) = delete;
  Inflation& operator=(const Inflation&) = delete;
  ~Inflation() {
    if (is_ready_) inflateEnd(&stream_);
  }

  /// Adds up to `most` bytes to the contents. Z_OK: there may be more; Z_STREAM_END: a member ended; else an error,
  /// Z_BUF_ERROR where the bytes end too early.
  int read(std::string& contents, size_t most) {
    if (!is_ready_) return Z_MEM_ERROR;
    const size_t before = contents.size();
    contents.resize(before + std::min<size_t>(most, UINT_MAX));
    stream_.next_out = reinterpret_cast<Bytef*>(contents.data() + before);
    stream_.avail_out = static_cast<uInt>(contents.size() - before);
    if (stream_.avail_in == 0) {
      stream_.avail_in = static_cast<uInt>(std::min<size_t>(left_.size(), UINT_MAX));
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(left_.data()));
      left_.remove_prefix(stream_.avail_in);
    }
    const int status = inflate(&stream_, Z_NO_FLUSH);
    contents.resize(contents.size() - stream_.avail_out);
    return status == Z_BUF_ERROR && (contents.size() > before || !left_.empty()) ? Z_OK : status;
  }

  /// Whether another member follows, which is then read; zeros behind the last, as tapes have them, are none.
  bool begin_next() {
    const std::string_view here(reinterpret_cast<const char*>(stream_.next_in), stream_.avail_in);
    const bool is_padding = here.find_first_not_of('\0') == std::string_view::npos &&
                            left_.find_first_not_of('\0') == std::string_view::npos;
    return !is_padding && is_gzip_ && inflateReset(&stream_) == Z_OK;
  }

  const char* message() const { return stream_.msg; }

 private:
  z_stream stream_ = {};
  std::string_view left_;
  bool is_gzip_, is_ready_ = false;
};

/// All that it gives.
std::string all_of(Inflation& stream, const std::string& where, size_t packed) {
  constexpr size_t kPiece = size_t{1} << 24;
  const size_t most = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) / 2 * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::string contents;
  for (;;) {
    // Doubled, as appending in pieces of one size would copy all again and again.
    const size_t piece = std::min(std::max(kPiece, contents.size()), most + 1 - contents.size());
    const int status = stream.read(contents, piece);
    if (status == Z_STREAM_END && !stream.begin_next()) return contents;
    if (contents.size() > most) {
      refuse_file(c10::str(where, ": its ", packed, " bytes are more than ", most / 1'000'000'000,
                           " GB unpacked, half of this machine's memory."));
    }
    if (status == Z_OK || status == Z_STREAM_END) continue;
    refuse_file(
        c10::str(where, status == Z_BUF_ERROR
                            ? std::string(": must be whole, but what is compressed in it is cut off: get it anew.")
                            : c10::str(": must be sound, but what is compressed in it is damaged (",
                                       stream.message() ? stream.message() : "zlib", "): get it anew.")));
  }
}

}  // namespace

std::string gunzip(const char* function, const std::filesystem::path& path, std::string_view bytes) {
  Inflation stream(bytes, kGzip);
  return all_of(stream, c10::str("[", function, "] ", path.string()), bytes.size());
}

std::string gunzip_head(std::string_view bytes, size_t most) {
  Inflation stream(bytes, kGzip);
  std::string contents;
  while (contents.size() < most && stream.read(contents, most - contents.size()) == Z_OK) continue;
  return contents;
}

std::string inflated(const std::string& where, std::string_view bytes) {
  Inflation stream(bytes, kRaw);
  return all_of(stream, where, bytes.size());
}

}  // namespace factorise

#else

namespace factorise {

std::string gunzip(const char* function, const std::filesystem::path& path, std::string_view) {
  refuse_file(c10::str("[", function, "] ", path.string(),
                       ": must not be compressed, as this build has no zlib, but is: unpack it by gunzip."));
}

std::string gunzip_head(std::string_view, size_t) { return ""; }

std::string inflated(const std::string& where, std::string_view) {
  refuse_file(
      c10::str(where, ": must not be compressed, as this build has no zlib, but is: numpy.savez writes it so."));
}

}  // namespace factorise

#endif
