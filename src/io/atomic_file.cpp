// The temporary file, its sync and its rename (open(2), linkat(2), fsync(2), rename(2)).

#include "io/atomic_file.h"

#include <c10/util/StringUtil.h>
#include <factorise/io.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "io/contents.h"

namespace factorise {
namespace {

constexpr mode_t kMode = 0666;  // less the process's umask, as every new file
constexpr int kAttempts = 100;

/// The first name beside the target that `take` can have; empty, with errno, where it can have none.
template <class Take>
std::string take_name(const std::filesystem::path& folder, const std::filesystem::path& target, Take take) {
  static std::atomic<unsigned> count{0};
  // The name must not become longer than a file system allows.
  const std::string stem = target.filename().string().substr(0, 200);
  for (int i = 0; i < kAttempts; ++i) {
    const std::string name = (folder / c10::str(".", stem, ".", ::getpid(), "-", count++)).string();
    if (take(name.c_str())) return name;
    if (errno != EEXIST) break;
  }
  return "";
}

}  // namespace

AtomicFile::AtomicFile(const char* function, const std::filesystem::path& target)
    : function_(function), given_(target), target_(target) {
  std::error_code error;
  if (std::filesystem::is_symlink(target_, error)) {
    const auto resolved = std::filesystem::weakly_canonical(target_, error);
    if (!error) target_ = resolved;
  }
  struct stat status {};
  const bool there = ::stat(target_.c_str(), &status) == 0;
  if (target_.filename().empty() || (there && S_ISDIR(status.st_mode))) {
    refuse_file(c10::str("[", function_, "] ", given_.string(), ": must be a file, but is a folder."));
  }
  direct_ = there && !S_ISREG(status.st_mode);
  if (direct_) {
    fd_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) refuse(errno);
  } else if (!open_unnamed() && !open_named()) {
    refuse(errno);
  } else if (there) {
    ::fchmod(fd_, status.st_mode & 07777);  // what was made private stays private, as far as this file system knows it
  }
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

std::filesystem::path AtomicFile::folder() const {
  return target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
}

/// A file that has no name yet. It gets one through /proc, so that must be there.
bool AtomicFile::open_unnamed() {
#ifdef O_TMPFILE
  if (::access("/proc/self/fd", X_OK) != 0) return false;
  fd_ = ::open(folder().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kMode);
#endif
  return fd_ >= 0;
}

bool AtomicFile::open_named() {
  temporary_ = take_name(folder(), target_, [this](const char* name) {
    fd_ = ::open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, kMode);
    return fd_ >= 0;
  });
  return fd_ >= 0;
}

bool AtomicFile::give_name() {
  const std::string self = c10::str("/proc/self/fd/", fd_);
  temporary_ = take_name(folder(), target_, [&](const char* name) {
    return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
  });
  return !temporary_.empty();
}

void AtomicFile::refuse(int error) const {
  std::error_code ignored;
  const auto reason = [&]() -> std::string {
    if (error == ENOSPC || error == EDQUOT) return "its disk must have room for it, but is full";
    if (error == EFBIG) return "it would be larger than files may be here";
    if (!direct_ && (error == EACCES || error == EPERM))
      return c10::str("its folder ", folder().string(), " must be writable, but is not");
    if (error == EROFS) return "its file system must be writable, but is read-only";
    if (error == ENAMETOOLONG) return "its name is too long";
    if ((error == ENOENT || error == ENOTDIR) && !std::filesystem::is_directory(folder(), ignored)) {
      return c10::str("its folder ", folder().string(), " must exist, but does not");
    }
    return std::generic_category().message(error);
  };
  refuse_file(c10::str("[", function_, "] ", given_.string(), ": cannot be written: ", reason(), "."));
}

void AtomicFile::write(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) refuse(errno);
    bytes = bytes.subspan(static_cast<size_t>(done));
    written_ += static_cast<uint64_t>(done);
  }
}

void AtomicFile::commit() {
  if (!direct_ && ::fsync(fd_) != 0) refuse(errno);
  if (!direct_ && temporary_.empty() && !give_name()) refuse(errno);
  if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) refuse(errno);
  if (direct_) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) refuse(errno);
  temporary_.clear();
  // So that the name survives a power cut too; some file systems cannot, and then there is nothing to do.
  const int folder_fd = ::open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0) return;
  ::fsync(folder_fd);
  ::close(folder_fd);
}

void save_text(const std::filesystem::path& path, const std::string& text) {
  AtomicFile file("save_text", path);
  file.write(text);
  file.commit();
}

}  // namespace factorise
