#include "lockd/metrics_server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace tidelock::lockd {

namespace {

constexpr int kThreads = 2;
constexpr std::chrono::seconds kPatience{5};  // with a slow client
constexpr std::chrono::microseconds kBriefly{100};
constexpr std::size_t kRequestBodyMax = 1024;
constexpr mode_t kSocketMode = 0660;

// Whether somebody listens there.
bool is_alive(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool alive =
      fd >= 0 && (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ||
                  errno == EAGAIN);
  ::close(fd);
  return alive;
}

// Only a socket is ever removed, and only one that nobody listens at.
void remove_dead_socket(const std::string& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0 || !S_ISSOCK(facts.st_mode) || is_alive(path)) return;
  ::unlink(path.c_str());
}

// Unlike the library's own choice it does not let two servers share a port.
void set_socket_options(socket_t fd) {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

}  // namespace

struct MetricsServer::Http {
  httplib::Server server;
  std::atomic<bool> ended{false};  // nobody listens any more
  std::thread thread;

  // Until it can be told to stop, which does nothing while it does not listen yet.
  void listen() {
    thread = std::thread([this] {
      server.listen_after_bind();
      ended = true;
    });
    while (!server.is_running() && !ended) std::this_thread::sleep_for(kBriefly);
  }
};

MetricsServer::MetricsServer() : http_(std::make_unique<Http>()) {}

MetricsServer::~MetricsServer() {
  if (http_->thread.joinable()) {
    http_->server.stop();
    http_->thread.join();
  }
  if (!socket_.empty()) ::unlink(socket_.c_str());
}

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(const MetricsAddress& address,
                                                            std::function<std::string()> text) {
  std::unique_ptr<MetricsServer> made(new MetricsServer());
  httplib::Server& server = made->http_->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_socket_options(set_socket_options);
  server.set_read_timeout(kPatience);
  server.set_write_timeout(kPatience);
  server.set_payload_max_length(kRequestBodyMax);
  server.set_keep_alive_max_count(1);
  server.Get("/metrics", [text = std::move(text)](const auto&, httplib::Response& response) {
    response.set_content(text(), "text/plain; version=0.0.4; charset=utf-8");
  });
  server.Get("/", [](const auto&, httplib::Response& response) {
    response.set_content("tidelock-lockd: see /metrics\n", "text/plain");
  });

  made->where_ = address.unix_socket ? "unix:" + address.host : address.host;
  errno = 0;
  int port = -1;
  if (address.unix_socket) {
    remove_dead_socket(address.host);
    server.set_address_family(AF_UNIX);
    port = server.bind_to_port(address.host, 1) ? 1 : -1;
  } else if (address.port == 0) {
    port = server.bind_to_any_port(address.host);
  } else {
    port = server.bind_to_port(address.host, address.port) ? address.port : -1;
  }
  if (port < 0) {
    return Status(StatusCode::kIo, "serve metrics at " + made->where_ + ": " +
                                       std::strerror(errno == 0 ? EADDRNOTAVAIL : errno));
  }
  if (address.unix_socket) {
    made->socket_ = address.host;
    (void)::chmod(address.host.c_str(), kSocketMode);
  } else {
    made->where_ += ":" + std::to_string(port);
  }
  made->http_->listen();
  return made;
}

}  // namespace tidelock::lockd
