#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lockd/settings.h"
#include "tidelock/status.h"

namespace tidelock::lockd {

// Answers GET /metrics over HTTP in threads of its own. Only this machine can reach it.
class MetricsServer {
 public:
  // kIo if the address cannot be had: in use by a living server, or not permitted. The socket of
  // one that died is taken over. `text` is called by any thread, while the server exists.
  [[nodiscard]] static Result<std::unique_ptr<MetricsServer>> start(
      const MetricsAddress& address, std::function<std::string()> text);
  ~MetricsServer();

  // "127.0.0.1:9464", "unix:/run/..."; with the port that was found where any would do.
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  struct Http;
  MetricsServer();
  std::unique_ptr<Http> http_;
  std::string socket_;  // removed at the end
  std::string where_;
};

}  // namespace tidelock::lockd
