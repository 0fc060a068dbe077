#include "model/crew.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "state/shared_state.h"

namespace tidelock::test {

Crew::Crew(std::size_t members, std::string path, Options options, const Trace& trace, Board& board)
    : path_(std::move(path)), options_(std::move(options)), trace_(trace), board_(board) {
  while (members_.size() < members) members_.push_back(recruit());
}

Crew::Member::~Member() {
  ::close(socket);
}

std::unique_ptr<Crew::Member> Crew::recruit() const {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  ChildProcess process([this, &ends] {
    ::close(ends[0]);
    return obey(ends[1]);
  });
  ::close(ends[1]);
  return std::unique_ptr<Member>(new Member{ends[0], std::move(process)});
}

// In the member: what it is told, until nobody is there to tell.
int Crew::obey(int socket) const {
  DbPlayer player(options_);
  for (Order order{}; ::recv(socket, &order, sizeof order, 0) > 0;) {
    Status status;
    switch (order.kind) {
      case Order::Kind::kOpen:
        status = player.open(path_ + std::to_string(order.begin));
        break;
      case Order::Kind::kClose:
        status = player.close();
        break;
      case Order::Kind::kAnswer:
        for (std::uint32_t i = order.begin; i < order.end; ++i) {
          const Answer answer = player.answer(trace_[i]);
          board_.answers[i] = Record(answer.text());
          if (trace_[i].kind != Operation::Kind::kRefused) write_down(answer.trouble());
        }
        break;
      case Order::Kind::kFollow:
        player.follow(trace_[order.begin]);
        break;
    }
    report(player, status);
    const char done = status.ok() ? 1 : 0;
    if (::send(socket, &done, 1, MSG_NOSIGNAL) != 1) return 1;
  }
  return 0;
}

void Crew::report(DbPlayer& player, const Status& status) const {
  state::raise_to(board_.rolls, player.seen().rolls);
  state::raise_to(board_.flushes, player.seen().flushes);
  state::raise_to(board_.compactions, player.seen().compactions);
  board_.repeats += player.take_repeats();
  if (!status.ok()) write_down(status.to_string());
}

void Crew::write_down(const std::string& trouble) const {
  std::memcpy(board_.trouble.data(), trouble.data(),
              std::min(trouble.size(), board_.trouble.size() - 1));
}

bool Crew::tell(const Member& member, const Order& order) {
  char done = 0;
  return ::send(member.socket, &order, sizeof order, MSG_NOSIGNAL) == sizeof order &&
         ::recv(member.socket, &done, 1, 0) == 1 && done == 1;
}

bool Crew::reopen(std::size_t member) {
  return tell(*members_[member], {Order::Kind::kClose, 0, 0}) &&
         tell(*members_[member], {Order::Kind::kOpen, place_, 0});
}

bool Crew::open_all() {
  return std::ranges::all_of(members_, [this](const auto& member) {
    return tell(*member, {Order::Kind::kOpen, place_, 0});
  });
}

bool Crew::close_all() {
  return std::ranges::all_of(members_, [](const auto& member) {
    return tell(*member, {Order::Kind::kClose, 0, 0});
  });
}

bool Crew::answer(std::size_t member, std::size_t begin, std::size_t end) {
  return tell(*members_[member], {Order::Kind::kAnswer, static_cast<std::uint32_t>(begin),
                                  static_cast<std::uint32_t>(end)});
}

bool Crew::follow(std::size_t member, std::size_t operation) {
  for (std::size_t other = 0; other < members_.size(); ++other) {
    const Order order{Order::Kind::kFollow, static_cast<std::uint32_t>(operation), 0};
    if (other != member && !tell(*members_[other], order)) return false;
  }
  return true;
}

bool Crew::kill(std::size_t member) {
  members_[member].reset();
  members_[member] = recruit();
  return tell(*members_[member], {Order::Kind::kOpen, place_, 0});
}

}  // namespace tidelock::test
