// The temporary file, its sync and its rename (the recipe of fsync(2) and rename(2)).

#include "io/atomic_file.h"

#include <c10/util/StringUtil.h>
#include <factorise/io.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "io/contents.h"

namespace factorise {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
}

/// The mode that open() would give a new file. umask can only be read by setting it.
mode_t mode_of_new_files() {
  const mode_t mask = umask(022);
  umask(mask);
  return 0666 & ~mask;
}

}  // namespace

AtomicFile::AtomicFile(const char* function, const std::filesystem::path& target) : function_(function) {
  // Where the target is a link, what it points to is replaced, not the link.
  std::error_code error;
  target_ = std::filesystem::is_symlink(target, error) ? std::filesystem::weakly_canonical(target, error) : target;
  if (target_.empty()) target_ = target;
  if (std::filesystem::is_directory(target_, error)) {
    refuse_file(c10::str("[", function_, "] ", target.string(), ": is a folder, not a file."));
  }
  temporary_ = (folder_of(target_) / c10::str(".", target_.filename().string(), ".XXXXXX")).string();
  fd_ = mkostemp(temporary_.data(), O_CLOEXEC);
  if (fd_ < 0) {
    const int reason = errno;
    temporary_.clear();
    refuse_file(c10::str("[", function_, "] ", target_.string(), ": cannot be written: ",
                         reason == ENOENT ? c10::str("there is no folder ", folder_of(target_).string())
                                          : std::string(std::strerror(reason)),
                         "."));
  }
}

AtomicFile::~AtomicFile() { remove_temporary(); }

void AtomicFile::remove_temporary() noexcept {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  fd_ = -1;
  temporary_.clear();
}

void AtomicFile::refuse(const char* what) const {
  refuse_file(c10::str("[", function_, "] ", target_.string(), ": ", what, ": ", std::strerror(errno), "."));
}

void AtomicFile::write(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) refuse("cannot be written");
    bytes = bytes.subspan(static_cast<size_t>(done));
    written_ += static_cast<uint64_t>(done);
  }
}

void AtomicFile::commit() {
  struct stat before {};
  const mode_t mode = ::stat(target_.c_str(), &before) == 0 ? before.st_mode & 07777 : mode_of_new_files();
  if (::fchmod(fd_, mode) != 0 || ::fsync(fd_) != 0) refuse("cannot be written");
  const int closed = ::close(fd_);
  fd_ = -1;
  if (closed != 0) refuse("cannot be written");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) refuse("cannot be put in its place");
  temporary_.clear();
  // So that the name survives a power cut too; some file systems cannot, and then there is nothing to do.
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

void save_text(const std::filesystem::path& path, const std::string& text) {
  AtomicFile file("save_text", path);
  file.write(text);
  file.commit();
}

}  // namespace factorise
