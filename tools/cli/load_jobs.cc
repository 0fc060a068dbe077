#include "cli/load_jobs.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace tidelock::cli {
namespace {

// What goes down a socket: this, then `size` bytes. Both ends are one program, forked.
struct BlockHeader {
  std::uint64_t first_line = 0;
  std::uint64_t size = 0;
};

bool send_all(int socket, const void* data, std::size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool receive_all(int socket, void* data, std::size_t size) {
  char* bytes = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = ::recv(socket, bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

// --- in the child ---

Status store_what_comes(int socket, Loader& loader) {
  for (BlockHeader header; receive_all(socket, &header, sizeof header);) {
    Block block{std::string(header.size, '\0'), header.first_line};
    if (!receive_all(socket, block.bytes.data(), block.bytes.size())) break;
    if (const Status status = loader.store(block); !status.ok()) return status;
  }
  return Status();
}

LoadOutcome load_from(int socket, const Settings& settings, const LoadPlan& plan) {
  auto db = Db::open(settings.path, settings.open);
  if (!db) return {0, db.error()};
  Loader loader(*db, plan);
  Status status = store_what_comes(socket, loader);
  const Status closed = db->close();
  return {loader.stored(), status.ok() ? closed : status};
}

// All of the outcome, up to the end of the stream. CBOR: messages and labels may be any bytes.
std::vector<std::uint8_t> to_bytes(const LoadOutcome& outcome) {
  Json json{{"stored", outcome.stored},
            {"code", outcome.status.code()},
            {"message", outcome.status.message()}};
  if (const BusyInfo* busy = outcome.status.busy()) {
    json["busy"] = {{"reason", busy->reason},
                    {"holder_pid", busy->holder_pid},
                    {"holder_label", busy->holder_label},
                    {"held_ns", busy->held_for.count()},
                    {"queue_place", busy->queue_place},
                    {"waiters", busy->waiters}};
  }
  return Json::to_cbor(json);
}

// --- in the parent ---

BusyInfo parse_busy(const Json& json) {
  return {.reason = json["reason"].get<BusyReason>(),
          .holder_pid = json["holder_pid"].get<std::int32_t>(),
          .holder_label = json["holder_label"].get<std::string>(),
          .held_for = std::chrono::nanoseconds(json["held_ns"].get<std::int64_t>()),
          .queue_place = json["queue_place"].get<std::uint32_t>(),
          .waiters = json["waiters"].get<std::uint32_t>()};
}

// What to_bytes made; nullopt if its end is missing.
std::optional<LoadOutcome> parse_outcome(const std::vector<std::uint8_t>& bytes) {
  const Json json = Json::from_cbor(bytes, true, false);
  if (!json.is_object()) return std::nullopt;
  const auto code = json["code"].get<StatusCode>();
  std::string message = json["message"].get<std::string>();
  const auto stored = json["stored"].get<std::uint64_t>();
  if (!json.contains("busy")) return LoadOutcome{stored, Status(code, std::move(message))};
  return LoadOutcome{stored, Status(code, std::move(message), parse_busy(json["busy"]))};
}

class Jobs {
 public:
  ~Jobs() {
    for (const Job& job : jobs_) ::close(job.socket);
  }

  // Adds one child.
  Status start(const Settings& settings, const LoadPlan& plan);
  // Gives the block to a child that has room. False once a child has ended.
  bool hand_out(const Block& block);
  // Ends the input of all, waits for them, adds up.
  LoadOutcome finish();

 private:
  struct Job {
    pid_t pid = 0;
    int socket = -1;
  };

  [[noreturn]] void become_child(int socket, const Settings& settings, const LoadPlan& plan);
  int wait_for_room();
  static LoadOutcome outcome_of(const Job& job);

  std::vector<Job> jobs_;
  std::size_t turn_ = 0;
};

Status Jobs::start(const Settings& settings, const LoadPlan& plan) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Status(StatusCode::kIo,
                  std::string("socketpair for a loading process: ") + std::strerror(errno));
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    become_child(ends[1], settings, plan);
  }
  const int fork_error = errno;
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return Status(StatusCode::kIo,
                  std::string("fork a loading process: ") + std::strerror(fork_error));
  }
  jobs_.push_back({pid, ends[0]});
  return Status();
}

void Jobs::become_child(int socket, const Settings& settings, const LoadPlan& plan) {
  // The parent's ends of the other sockets: while one is open here, its child never sees the end.
  for (const Job& job : jobs_) ::close(job.socket);
  const std::vector<std::uint8_t> bytes = to_bytes(load_from(socket, settings, plan));
  send_all(socket, bytes.data(), bytes.size());
  ::_exit(0);
}

bool Jobs::hand_out(const Block& block) {
  const int socket = wait_for_room();
  const BlockHeader header{block.first_line, block.bytes.size()};
  return socket >= 0 && send_all(socket, &header, sizeof header) &&
         send_all(socket, block.bytes.data(), block.bytes.size());
}

// A child that can be read from, or has hung up, has ended before its input did: -1.
int Jobs::wait_for_room() {
  std::vector<pollfd> polled;
  for (const Job& job : jobs_) polled.push_back({job.socket, POLLIN | POLLOUT, 0});
  while (::poll(polled.data(), polled.size(), -1) < 0) {
    if (errno != EINTR) return -1;
  }
  for (const pollfd& one : polled) {
    if ((one.revents & ~POLLOUT) != 0) return -1;
  }
  for (;;) {
    turn_ = (turn_ + 1) % polled.size();
    if ((polled[turn_].revents & POLLOUT) != 0) return polled[turn_].fd;
  }
}

LoadOutcome Jobs::finish() {
  LoadOutcome all;
  for (const Job& job : jobs_) ::shutdown(job.socket, SHUT_WR);
  for (const Job& job : jobs_) {
    LoadOutcome one = outcome_of(job);
    all.stored += one.stored;
    if (all.status.ok()) all.status = std::move(one.status);
  }
  return all;
}

LoadOutcome Jobs::outcome_of(const Job& job) {
  std::vector<std::uint8_t> bytes;
  for (std::uint8_t byte = 0; receive_all(job.socket, &byte, 1);) bytes.push_back(byte);
  int status = 0;
  while (::waitpid(job.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) {
    if (auto outcome = parse_outcome(bytes)) return *std::move(outcome);
  }
  std::string cause = "ended early";
  if (WIFSIGNALED(status)) cause = "was killed by signal " + std::to_string(WTERMSIG(status));
  return {0, Status(StatusCode::kIo, "loading process " + std::to_string(job.pid) + " " + cause)};
}

}  // namespace

LoadOutcome load_in_jobs(const Settings& settings, const LoadPlan& plan, std::uint32_t jobs,
                         InputBlocks& input, Progress& progress) {
  Jobs running;
  Status failure;
  for (std::uint32_t i = 0; i < jobs && failure.ok(); ++i) failure = running.start(settings, plan);
  for (std::uint64_t done = 0; failure.ok();) {
    const auto block = input.next();
    if (!block) failure = block.error();
    if (!block || !block->has_value() || !running.hand_out(**block)) break;
    progress.update(done += (*block)->bytes.size());
  }
  LoadOutcome outcome = running.finish();
  if (!failure.ok()) outcome.status = std::move(failure);
  return outcome;
}

}  // namespace tidelock::cli
