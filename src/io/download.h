#pragma once
// Fetches a file over HTTP with the machine's own curl, wget or python3: they know its proxies and certificates, and
// the library needs no network code. The limits are kept here, whatever the tool does.

#include <chrono>
#include <cstdint>
#include <string>

namespace factorise {

/// When to give up. With the defaults a machine without a network waits 4 seconds, and a slow network is waited for.
struct DownloadLimits {
  std::chrono::milliseconds first_byte{4'000};  ///< no byte of the file by then: there is no way to it
  std::chrono::milliseconds stall{10'000};      ///< the longest pause between two bytes
  std::chrono::milliseconds total{300'000};     ///< the longest download
  int64_t largest = int64_t{64} << 20;          ///< bytes
};

struct Download {
  bool complete = false;
  std::string content;  ///< the file, where complete
  std::string failure;  ///< where not, the second half of a sentence: "http://... could not be fetched: <failure>"
};

/// Fetches an http or https address into memory (nothing to clean up if the process is killed), following redirects.
/// Uses the first of curl, wget and python3 on PATH that runs, without a shell and without a word on the terminal.
Download download(const std::string& address, const DownloadLimits& limits = {});

}  // namespace factorise
