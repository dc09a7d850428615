// mmap, with a sentence for everything that cannot be mapped.

#include "io/mapped_file.h"

#include <c10/util/StringUtil.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/contents.h"

namespace factorise {

std::shared_ptr<MappedFile> MappedFile::open(const char* function, const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& reason) {
    refuse_file(c10::str("[", function, "] ", path.string(), ": ", reason, "."));
  };
  // Not blocking: a FIFO without a writer would wait for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    refuse(c10::str("there must be such a file, but ", errno == ENOENT || errno == ENOTDIR
                                                           ? "there is none"
                                                           : c10::str("opening it failed: ", std::strerror(errno))));
  }
  struct stat status {};
  const bool known = fstat(fd, &status) == 0;
  const bool regular = known && S_ISREG(status.st_mode), folder = known && S_ISDIR(status.st_mode);
  const auto size = static_cast<size_t>(regular ? status.st_size : 0);
  void* data = MAP_FAILED;
  // A private mapping counts as memory that might be wanted, however large the file, unless it is said not to.
  if (size > 0) data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
  const int error = errno;
  ::close(fd);
  if (!regular) refuse(c10::str("must be a file, but is ", folder ? "a folder" : "something else"));
  if (size == 0) refuse("is not a .pt file: it is empty");
  if (data == MAP_FAILED) refuse(c10::str("must be readable, but mapping it failed: ", std::strerror(error)));
  return std::shared_ptr<MappedFile>(new MappedFile(static_cast<uint8_t*>(data), size));
}

MappedFile::~MappedFile() { munmap(data_, size_); }

}  // namespace factorise
