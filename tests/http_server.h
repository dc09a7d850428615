#pragma once
// A web server on 127.0.0.1 that answers as a test wants it to, and also fails to answer.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "sandbox.h"

namespace factorise::tests {

/// A response with this body. It says that the connection ends with it: wget takes it for kept otherwise, and asks
/// again on it where the end is a moment late.
inline std::string http_response(const std::string& body, const std::string& status = "200 OK",
                                 const std::string& headers = "") {
  return "HTTP/1.0 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

class HttpServer {
 public:
  /// The bytes to send for a path.
  using Answer = std::function<std::string(const std::string& path)>;

  /// What happens once they are sent: the connection ends, stays open in silence, or brings a byte now and then.
  enum class Then { close, silence, trickle };

  explicit HttpServer(Answer answer, Then then = Then::close) : answer_(std::move(answer)), then_(then) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || bind(listener_, plain, size) != 0 || listen(listener_, 8) != 0 ||
        getsockname(listener_, plain, &size) != 0 || pipe2(stop_, O_CLOEXEC) != 0) {
      throw std::runtime_error("no server on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    close(stop_[1]);
    thread_.join();
    close(stop_[0]);
    close(listener_);
  }

  std::string address(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

 private:
  /// Whether the server is to stop within this time (below zero: however long that takes).
  bool stops_within(int milliseconds) const {
    pollfd stop{stop_[0], POLLIN, 0};
    return poll(&stop, 1, milliseconds) != 0;
  }

  void serve() const {
    for (;;) {
      pollfd wanted[] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
      poll(wanted, 2, -1);
      if (wanted[1].revents) return;
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      answer(connection);
      close(connection);
    }
  }

  void answer(int connection) const {
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
      pollfd wanted[] = {{connection, POLLIN, 0}, {stop_[0], POLLIN, 0}};
      poll(wanted, 2, -1);
      char buffer[4096];
      const ssize_t got = wanted[1].revents ? 0 : recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      request.append(buffer, static_cast<size_t>(got));
    }
    const size_t start = request.find(' ') + 1;
    const std::string response = answer_(request.substr(start, request.find(' ', start) - start));
    if (!send_all(connection, response)) return;
    if (then_ == Then::silence) stops_within(-1);
    while (then_ == Then::trickle && !stops_within(20) && send_all(connection, ".")) {
    }
  }

  static bool send_all(int connection, const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t more = send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (more <= 0) return false;
      sent += static_cast<size_t>(more);
    }
    return true;
  }

  Answer answer_;
  Then then_;
  int listener_ = -1, stop_[2] = {-1, -1}, port_ = 0;
  std::thread thread_;
};

/// Keeps a machine's proxy out of requests to 127.0.0.1.
class NoProxy {
 private:
  Variable lower_{"no_proxy", "127.0.0.1"}, upper_{"NO_PROXY", "127.0.0.1"};
};

}  // namespace factorise::tests
