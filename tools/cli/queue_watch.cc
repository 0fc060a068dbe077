#include "cli/queue_watch.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

namespace tidelock::cli {
namespace {

constexpr const char* kEnter = "\033[?1049h\033[?25l\033[?7l";  // other screen, no cursor, no wrap
constexpr const char* kLeave = "\033[?7h\033[?25h\033[?1049l";
constexpr const char* kHome = "\033[H";
constexpr const char* kEndOfLine = "\033[K\r\n";
constexpr const char* kClearBelow = "\033[J";

void write_out(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::size_t rows_of_terminal() {
  struct winsize size {};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return known ? size.ws_row : 24;
}

// The terminal, taken for the scope: another screen, and keys that come at once, unseen.
class Screen {
 public:
  Screen() { enter(); }
  ~Screen() { leave(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void enter() {
    struct termios now {};
    if (::tcgetattr(STDIN_FILENO, &now) == 0) {
      before_ = now;
      now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      ::tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    write_out(kEnter);
  }
  void leave() {
    write_out(kLeave);
    if (before_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
  }
  [[nodiscard]] bool has_keys() const { return before_.has_value(); }

  static void draw(const std::string& text) {
    std::string out = kHome;
    std::size_t rows = rows_of_terminal();
    for (std::size_t at = 0; at < text.size() && rows > 0;) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      // No newline behind the last row: it would scroll.
      out += text.substr(at, end - at) + (--rows == 0 ? "\033[K" : kEndOfLine);
      at = end + 1;
    }
    write_out(out + (rows == 0 ? "" : kClearBelow));
  }

 private:
  std::optional<struct termios> before_;
};

// Signals that would leave the terminal as it is, read like keys for the scope.
class Signals {
 public:
  Signals() {
    sigset_t awaited;
    ::sigemptyset(&awaited);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) {
      ::sigaddset(&awaited, number);
    }
    ::sigprocmask(SIG_BLOCK, &awaited, &before_);
    descriptor_ = ::signalfd(-1, &awaited, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() {
    ::close(descriptor_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  // 0: none has come.
  [[nodiscard]] int next() const {
    signalfd_siginfo facts{};
    const bool came = ::read(descriptor_, &facts, sizeof facts) == sizeof facts;
    return came ? static_cast<int>(facts.ssi_signo) : 0;
  }

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

enum class Next { kDraw, kQuit };

// Until the interval is over, a key says so, or a signal; that one is put into `deadly` if it shall
// end the program.
Next rest(std::chrono::milliseconds interval, Screen& screen, const Signals& signals, int& deadly) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + interval;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return Next::kDraw;
    std::array<struct pollfd, 2> sources{
        {{signals.descriptor(), POLLIN, 0}, {screen.has_keys() ? STDIN_FILENO : -1, POLLIN, 0}}};
    if (::poll(sources.data(), sources.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
      return Next::kQuit;
    }
    if (sources[1].revents != 0) {
      char key = 'q';  // what the end of the input means too
      if (::read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q') return Next::kQuit;
    }
    switch (const int signal = signals.next()) {
      case 0:
        break;
      case SIGWINCH:
        return Next::kDraw;
      case SIGTSTP:
        screen.leave();
        ::raise(SIGSTOP);
        screen.enter();
        return Next::kDraw;
      default:
        if (signal != SIGINT) deadly = signal;
        return Next::kQuit;
    }
  }
}

}  // namespace

Status watch(std::chrono::milliseconds interval, const Picture& picture) {
  Status failed;
  int deadly = 0;
  {
    const Signals signals;
    Screen screen;
    do {
      const Result<std::string> text = picture();
      if (!text) {
        failed = text.error();
        break;
      }
      Screen::draw(*text);
    } while (rest(interval, screen, signals, deadly) == Next::kDraw);
  }
  if (deadly != 0) ::raise(deadly);
  return failed;
}

}  // namespace tidelock::cli
