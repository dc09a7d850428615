// Downloads from a server on 127.0.0.1, which answers, answers wrongly, stalls or stays silent.

#include "io/download.h"

#include <sys/wait.h>

#include <cerrno>
#include <sstream>

#include "catch.h"
#include "http_server.h"

using namespace factorise;
using namespace factorise::tests;
using namespace std::chrono_literals;

namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Where a program itself lies on PATH; a script in its place (pyenv's) would not run on a PATH of its own.
std::optional<std::filesystem::path> program_on_path(const std::string& name) {
  std::istringstream folders(std::getenv("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = std::filesystem::path(folder) / name;
    std::string start(2, ' ');
    std::ifstream(file, std::ios::binary).read(start.data(), 2);
    if (std::filesystem::exists(file) && start != "#!") return std::filesystem::canonical(file);
  }
  return std::nullopt;
}

bool nothing_to_download_with() {
  for (const char* program : {"curl", "wget", "python3"}) {
    if (program_on_path(program)) return false;
  }
  WARN("skipped: none of curl, wget and python3 is on PATH");
  return true;
}

/// Every byte, so that nothing on the way may take the content for text.
std::string binary(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i % 251 + i / 251);
  return bytes;
}

}  // namespace

TEST_CASE("each of curl, wget and python3 brings the bytes, follows redirects and fails on an error page",
          "[download]") {
  const NoProxy no_proxy;
  const std::string content = binary(1'000'000);
  const HttpServer server([&](const std::string& path) {
    if (path == "/there") return http_response(content);
    if (path == "/moved") return http_response("moved", "302 Found", "Location: /there\r\n");
    return http_response("no such page", "404 Not Found");
  });
  for (const char* name : {"curl", "wget", "python3"}) {
    const auto program = program_on_path(name);
    if (!program) {
      WARN("skipped: " << name << " is not on PATH");
      continue;
    }
    CAPTURE(name);
    const Folder folder("download");
    std::filesystem::create_symlink(*program, folder.path() / name);
    const Variable path("PATH", folder.path().string());

    const Download there = download(server.address("/there"));
    CHECK(there.failure == "");
    CHECK(there.complete);
    CHECK((there.content == content));  // in brackets: not a megabyte in the log
    const Download moved = download(server.address("/moved"));
    CHECK(moved.failure == "");
    CHECK((moved.content == content));
    const Download missing = download(server.address("/missing"));
    CHECK_FALSE(missing.complete);
    CHECK(missing.content.empty());
    CHECK_THAT(missing.failure, contains(std::string(name) + " ended with status "));
  }
}

TEST_CASE("a program that cannot run makes way for the next", "[download]") {
  const auto program = program_on_path("python3");
  if (!program) {
    WARN("skipped: python3 is not on PATH");
    return;
  }
  const NoProxy no_proxy;
  const HttpServer server([](const std::string&) { return http_response("content"); });
  const Folder folder("download");
  namespace fs = std::filesystem;
  const auto all = fs::perms::owner_all;
  fs::permissions(folder.write("curl", "#!/no/such/interpreter\n"), all);
  fs::permissions(folder.write("wget", "#!/bin/sh\nexit 127\n"), all);
  fs::create_symlink(*program, folder.path() / "python3");
  const Variable path("PATH", folder.path().string());
  CHECK(download(server.address("/")).content == "content");
}

TEST_CASE("without curl, wget and python3 nothing is downloaded", "[download]") {
  const Folder folder("download");
  const Variable path("PATH", folder.path().string());
  CHECK(download("http://127.0.0.1:9/").failure == "none of curl, wget and python3 is on PATH and runs");
  const Variable none("PATH", std::nullopt);
  CHECK_FALSE(download("http://127.0.0.1:9/").complete);
}

TEST_CASE("an address is never a command, an option or a file", "[download]") {
  if (nothing_to_download_with()) return;
  const Folder folder("download");
  const auto file = folder.write("secret", "content");
  CHECK_FALSE(download("file://" + file.string()).complete);
  CHECK_FALSE(download("--version").complete);
  CHECK_FALSE(download("http://127.0.0.1:9/;touch " + (folder.path() / "made").string()).complete);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "made"));
}

TEST_CASE("where no server answers it is over in less than 5 seconds", "[download]") {
  if (nothing_to_download_with()) return;
  const NoProxy no_proxy;
  const HttpServer silent([](const std::string&) { return ""; }, HttpServer::Then::silence);
  Download result;
  CHECK(seconds_of([&] { result = download(silent.address("/")); }) < 5);
  CHECK(result.failure == "there was no answer within 4 seconds");
  // Port 9 (discard) refuses. No host's name ends in .invalid (RFC 2606), though some networks answer to any.
  CHECK(seconds_of([&] { result = download("http://127.0.0.1:9/"); }) < 5);
  CHECK_FALSE(result.complete);
  CHECK(seconds_of([&] { result = download("http://ratings.invalid/"); }) < 5);
}

TEST_CASE("a download that stalls, takes too long or is too large is given up", "[download]") {
  if (nothing_to_download_with()) return;
  const NoProxy no_proxy;
  const auto some = [](const std::string&) { return http_response(binary(100'000)).substr(0, 50'000); };
  {
    const HttpServer server(some, HttpServer::Then::silence);
    Download result;
    CHECK(seconds_of([&] { result = download(server.address("/"), {.stall = 300ms}); }) < 5);
    CHECK(result.failure == "it stopped for 0.3 seconds");
    CHECK(result.content.empty());
  }
  {
    const HttpServer server(some, HttpServer::Then::trickle);
    Download result;
    CHECK(seconds_of([&] { result = download(server.address("/"), {.total = 1000ms}); }) < 5);
    CHECK(result.failure == "it was not complete after 1 seconds");
  }
  {
    const HttpServer server([](const std::string&) { return http_response(binary((1 << 20) + 1)); });
    CHECK(download(server.address("/"), {.largest = 1 << 20}).failure == "it is larger than 1 MiB");
    CHECK(download(server.address("/"), {.largest = (1 << 20) + 1}).complete);
  }
}

TEST_CASE("a download that breaks off is not taken for the file", "[download]") {
  if (nothing_to_download_with()) return;
  const NoProxy no_proxy;
  const HttpServer server([](const std::string&) { return http_response(binary(100'000)).substr(0, 50'000); });
  CHECK_FALSE(download(server.address("/")).complete);
}

TEST_CASE("no child is left behind", "[download]") {
  if (nothing_to_download_with()) return;
  const NoProxy no_proxy;
  const HttpServer silent([](const std::string&) { return ""; }, HttpServer::Then::silence);
  CHECK_FALSE(download(silent.address("/"), {.first_byte = 100ms}).complete);
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}
