#include "lockd/options.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace tidelock::lockd {
namespace {

using std::chrono::milliseconds;

std::variant<Settings, Answer> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "tidelock-lockd");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

Settings settings_of(const std::vector<std::string>& words) {
  const auto parsed = parse(words);
  EXPECT_TRUE(std::holds_alternative<Settings>(parsed));
  return std::holds_alternative<Settings>(parsed) ? std::get<Settings>(parsed) : Settings();
}

// Empty if it is content.
std::string complaint_about(const std::vector<std::string>& words) {
  const auto parsed = parse(words);
  const auto* const answer = std::get_if<Answer>(&parsed);
  return answer != nullptr && answer->exit_code == ExitCode::kUsage ? answer->text : "";
}

bool refuses(const std::vector<std::string>& words) {
  return !complaint_about(words).empty();
}

class ConfigFileTest : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    std::ofstream(directory_.file("conf")) << text;
    return directory_.file("conf");
  }
  test::TemporaryDirectory directory_;
};

TEST(CommandLine, NamesDirectoriesOnceAndAbsolutely) {
  const Settings settings = settings_of({"/a/b/", "/a/./b", "/c", "d"});
  ASSERT_EQ(settings.directories.size(), 3u);
  EXPECT_EQ(settings.directories[0], "/a/b");
  EXPECT_EQ(settings.directories[1], "/c");
  EXPECT_TRUE(settings.directories[2].starts_with("/"));
}

TEST(CommandLine, TakesTimesWithAndWithoutUnits) {
  const Settings settings = settings_of(
      {"/a", "--warn-held-after", "250ms", "--kill-stuck-after", "2m", "--sync-period", "3"});
  EXPECT_EQ(settings.warn_held_after, milliseconds(250));
  EXPECT_EQ(settings.kill_stuck_after, milliseconds(120'000));
  EXPECT_EQ(settings.sync_period, milliseconds(3'000));
  EXPECT_FALSE(settings_of({"/a"}).kill_stuck_after) << "nobody is killed unless asked for";
}

TEST(CommandLine, ServesThisMachineAlone) {
  EXPECT_EQ(settings_of({"/a", "--metrics", "127.0.0.1:9464"}).metrics,
            (MetricsAddress{.host = "127.0.0.1", .port = 9464, .unix_socket = false}));
  EXPECT_EQ(settings_of({"/a", "--metrics", "[::1]:1"}).metrics,
            (MetricsAddress{.host = "::1", .port = 1, .unix_socket = false}));
  EXPECT_EQ(settings_of({"/a", "--metrics", "unix:/run/x"}).metrics,
            (MetricsAddress{.host = "/run/x", .port = 0, .unix_socket = true}));
  for (const char* address : {"0.0.0.0:9464", "9464", "example.org:80", "127.evil.org:80",
                              "unix:", "127.0.0.1:", "127.0.0.1:99999", "192.168.0.1:1"}) {
    EXPECT_TRUE(refuses({"/a", "--metrics", address})) << address;
  }
}

TEST(CommandLine, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(refuses({}));
  EXPECT_TRUE(refuses({""}));
  EXPECT_TRUE(refuses({"/a", "--kill-stuck-after", "0"}));
  EXPECT_TRUE(refuses({"/a", "--sync-period", "soon"}));
  EXPECT_TRUE(refuses({"/a", "--log-level", "loud"}));
  EXPECT_TRUE(refuses({"/a", "--config", "/nonexistent/file"}));
}

TEST(CommandLine, IsAnsweredWithWhatItAsksFor) {
  for (const char* question : {"--help", "--version"}) {
    const auto parsed = parse({question});
    ASSERT_TRUE(std::holds_alternative<Answer>(parsed));
    EXPECT_EQ(std::get<Answer>(parsed).exit_code, ExitCode::kOk);
    EXPECT_NE(std::get<Answer>(parsed).text.find("tidelock-lockd"), std::string::npos);
  }
}

TEST_F(ConfigFileTest, HoldsTheSameOptionsAsTheCommandLine) {
  const std::string file = write(
      "# what to keep\n"
      "database = /a\n"
      "database = \"/with blank\"\n"
      "warn-held-after = 3s\n"
      "log-format = json\n"
      "metrics = unix:/run/x\n");
  const Settings settings = settings_of({"--config", file});
  EXPECT_EQ(settings.directories, (std::vector<std::string>{"/a", "/with blank"}));
  EXPECT_EQ(settings.warn_held_after, milliseconds(3'000));
  EXPECT_EQ(settings.log_format, LogFormat::kJson);
  EXPECT_EQ(settings.metrics->host, "/run/x");
}

TEST_F(ConfigFileTest, YieldsToTheCommandLine) {
  const std::string file = write("database = /a\nwarn-held-after = 3s\n");
  const Settings settings = settings_of({"--config", file, "/b", "--warn-held-after", "1s"});
  EXPECT_EQ(settings.directories, std::vector<std::string>{"/b"});
  EXPECT_EQ(settings.warn_held_after, milliseconds(1'000));
}

TEST_F(ConfigFileTest, MayNameNoDatabaseYet) {
  EXPECT_TRUE(settings_of({"--config", write("log-level = error\n")}).directories.empty());
}

TEST_F(ConfigFileTest, IsRefusedIfItSaysWhatNobodyUnderstands) {
  EXPECT_TRUE(refuses({"--config", write("databse = /a\n")}));
  EXPECT_TRUE(refuses({"--config", write("database = /a\nsync-period = -1\n")}));
}

TEST_F(ConfigFileTest, IsNamedByComplaintsAboutIt) {
  for (const char* text : {"databse = /a\n", "sync-period = -1\n", "database = \"\"\n"}) {
    const std::string file = write(text);
    EXPECT_TRUE(complaint_about({"--config", file}).starts_with(file + ": ")) << text;
  }
  const std::string file = write("database = /a\n");
  for (const char* word : {"--databse", "--sync-period=-1", "--database="}) {
    const std::string complaint = complaint_about({"--config", file, word});
    EXPECT_FALSE(complaint.empty()) << word;
    EXPECT_EQ(complaint.find(file), std::string::npos) << complaint;
  }
  const std::string missing = directory_.file("missing");
  EXPECT_NE(complaint_about({"--config", missing}).find(missing), std::string::npos);
  EXPECT_FALSE(complaint_about({"--config", write(""), "--once"}).empty());
}

}  // namespace
}  // namespace tidelock::lockd
