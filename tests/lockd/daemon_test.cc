// The program tidelock-lockd from outside: start, reload, stop, what it serves and what it says.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "lockd/kept_database.h"

namespace tidelock {
namespace {

class LockdDaemonTest : public test::KeptDatabaseTest {
 protected:
  std::string write_config(const std::vector<std::string>& lines) const {
    const std::string path = directory_.file("conf");
    std::ofstream file(path, std::ios::trunc);
    for (const std::string& line : lines) file << line << "\n";
    return path;
  }
  void make(const std::string& name) const {
    Options options;
    options.mode = OpenMode::kCreate;
    EXPECT_TRUE(Db::open(directory_.file(name), options).has_value());
  }
};

TEST_F(LockdDaemonTest, EndsInOrderWhenToldTo) {
  { const Db db = open(); }
  for (const int signal : {SIGTERM, SIGINT}) {
    test::Lockd lockd = keep();
    lockd.send(signal);
    EXPECT_EQ(lockd.wait(), 0);
    EXPECT_TRUE(lockd.says("closed database=" + path()));
  }
  EXPECT_TRUE(open().check()->problems.empty());
}

// Told so before its first instruction, with nothing to do that would delay it.
TEST_F(LockdDaemonTest, EndsInOrderHoweverEarlyItIsToldTo) {
  const std::string conf = write_config({});
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  for (int round = 0; round < 5; ++round) {
    ::sigprocmask(SIG_BLOCK, &blocked, &before);
    test::Lockd lockd({"--config", conf, "--metrics", "unix:" + socket()});
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    lockd.send(SIGTERM);
    ASSERT_TRUE(lockd.ends()) << round << "\n" << lockd.log();
    EXPECT_EQ(lockd.wait(), 0) << lockd.log();
    EXPECT_FALSE(std::filesystem::exists(socket()));
  }
}

TEST_F(LockdDaemonTest, ServesMetricsAtAUnixSocket) {
  Db db = open(client());
  test::Lockd lockd = keep_with_metrics();
  ASSERT_TRUE(db.put("k", "v").ok());
  const std::string answer = test::http_get(socket(), "/metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4"), std::string::npos) << answer;
  const auto metrics = test::parse_metrics(answer.substr(answer.find("\r\n\r\n") + 4));
  EXPECT_TRUE(metrics.faults.empty()) << metrics.faults.front();
  EXPECT_EQ(metric("tidelock_lockd_up"), 1);
  EXPECT_EQ(metric("tidelock_members"), 2);
  EXPECT_EQ(metric("tidelock_operations_total"), 1);
  EXPECT_GE(metric("tidelock_lock_acquisitions_total"), 1);
  EXPECT_GT(metric("tidelock_disk_bytes"), 0);
  EXPECT_TRUE(test::http_get(socket(), "/other").starts_with("HTTP/1.1 404"));
  EXPECT_EQ(lockd.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(LockdDaemonTest, TakesOverTheSocketOfADeadOneAndNotOfALivingOne) {
  { const Db db = open(); }
  { const test::Lockd killed = keep_with_metrics(); }
  EXPECT_TRUE(std::filesystem::exists(socket()));
  test::Lockd lockd = keep_with_metrics();
  EXPECT_EQ(metric("tidelock_lockd_up"), 1);
  test::Lockd second({"--metrics", "unix:" + socket(), path()});
  EXPECT_EQ(second.wait(), 5);
  EXPECT_TRUE(second.says("cannot serve metrics")) << second.log();
  EXPECT_EQ(metric("tidelock_lockd_up"), 1);
}

TEST_F(LockdDaemonTest, ServesMetricsAtALoopbackAddress) {
  { const Db db = open(); }
  const test::Lockd lockd = keep({"--metrics", "127.0.0.1:0"});
  EXPECT_TRUE(lockd.says("serving metrics address=127.0.0.1:"));
  EXPECT_EQ(lockd.log().find("address=127.0.0.1:0"), std::string::npos) << lockd.log();
}

TEST_F(LockdDaemonTest, ReadsItsFileAnewWhenAskedTo) {
  make("one");
  make("two");
  const std::string conf = write_config({"database = " + directory_.file("one")});
  test::Lockd lockd({"--config", conf});
  EXPECT_TRUE(lockd.says("opened database=" + directory_.file("one")));
  write_config({"database = " + directory_.file("two")});
  lockd.send(SIGHUP);
  EXPECT_TRUE(lockd.says("opened database=" + directory_.file("two")));
  EXPECT_TRUE(lockd.says("closed database=" + directory_.file("one")));
  write_config({"nonsense"});
  lockd.send(SIGHUP);
  EXPECT_TRUE(lockd.says("cannot reload: going on as before cause=\"" + conf + ": "));
  EXPECT_EQ(lockd.log().find("closed database=" + directory_.file("two")), std::string::npos);
  EXPECT_EQ(lockd.stop(), 0);
}

TEST_F(LockdDaemonTest, SaysWhenItsFileAsksForWhatOnlyAStartChanges) {
  const std::string conf = write_config({});
  const test::Lockd lockd({"--config", conf});
  EXPECT_TRUE(lockd.says("ready"));
  const std::string lines[] = {"allow-unsafe-file-system = true", "sync-period = 1s",
                               "log-format = json", "metrics = unix:" + socket()};
  int times = 0;
  for (const std::string& line : lines) {
    write_config({line});
    lockd.send(SIGHUP);
    EXPECT_TRUE(lockd.says("some settings change with the next start only", ++times)) << line;
  }
}

TEST_F(LockdDaemonTest, WaitsForDatabasesThatComeAndGo) {
  const test::Lockd lockd({path()});
  EXPECT_TRUE(lockd.says("cannot open database=" + path()));
  { const Db db = open(); }
  EXPECT_TRUE(lockd.says("opened database=" + path()));
  std::filesystem::remove_all(path());
  EXPECT_TRUE(lockd.says("lost database=" + path())) << lockd.log();
  EXPECT_FALSE(std::filesystem::exists(path())) << "it never makes one";
  { const Db db = open(); }
  EXPECT_TRUE(lockd.says("opened database=" + path(), 2));
}

TEST_F(LockdDaemonTest, WritesItsLogAsObjectsIfAskedTo) {
  { const Db db = open(); }
  test::Lockd lockd({"--config", write_config({}), "--log-format", "json", "--log-level", "debug",
                     path(), directory_.file("no \"such\"\\\xff")});
  EXPECT_TRUE(lockd.says("\"opened\""));
  EXPECT_TRUE(lockd.says("\"cannot open\""));
  write_config({"nonsense"});
  lockd.send(SIGHUP);
  EXPECT_TRUE(lockd.says("nonsense"));
  EXPECT_EQ(lockd.stop(), 0);
  std::istringstream lines(lockd.log());
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(object.is_object()) << line;
    EXPECT_TRUE(object.contains("time") && object.contains("level")) << line;
    events.push_back(object.at("event"));
    if (events.back() == "opened") {
      EXPECT_EQ(object.at("database"), path());
    }
  }
  EXPECT_GE(events.size(), 5u);
}

TEST_F(LockdDaemonTest, TellsTheServiceManagerHowItIsDoing) {
  { const Db db = open(); }
  const std::string name = directory_.file("notify");
  const int inbox = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, name.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(inbox, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const auto receive = [inbox] {
    char bytes[256];
    const ssize_t n = ::recv(inbox, bytes, sizeof bytes, 0);
    return std::string(bytes, n > 0 ? static_cast<std::size_t>(n) : 0);
  };
  const auto receive_until = [&](const std::string& wanted) {
    for (;;) {
      const std::string got = receive();
      if (got == wanted) return true;
      if (got != "WATCHDOG=1") return false;
    }
  };
  test::Lockd lockd({path()}, {{"NOTIFY_SOCKET", name}, {"WATCHDOG_USEC", "100000"}});
  EXPECT_EQ(receive(), "READY=1");
  EXPECT_EQ(receive(), "WATCHDOG=1");
  EXPECT_EQ(receive(), "WATCHDOG=1");
  lockd.send(SIGHUP);
  std::string got = receive();
  while (got == "WATCHDOG=1") got = receive();
  EXPECT_TRUE(got.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << got;
  EXPECT_TRUE(receive_until("READY=1"));
  lockd.send(SIGTERM);
  EXPECT_TRUE(receive_until("STOPPING=1"));
  EXPECT_EQ(lockd.wait(), 0);
  ::close(inbox);
}

}  // namespace
}  // namespace tidelock
