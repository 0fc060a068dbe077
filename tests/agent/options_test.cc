#include "agent/options.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace tidelock::agent {
namespace {

using namespace std::chrono_literals;

Request parse_words(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tidelock-agent");
  // What the parser prints is not of interest here.
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  auto result = parse_command_line(static_cast<int>(arguments.size()), arguments.data());
  testing::internal::GetCapturedStdout();
  testing::internal::GetCapturedStderr();
  return result;
}

Request parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"run", "db"});
  return parse_words(std::move(arguments));
}

Request parse_contend(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "contend");
  return parse_words(std::move(arguments));
}

Settings settings_of(const std::vector<const char*>& arguments) {
  return std::get<Settings>(parse(arguments));
}

void expect_usage_error(const std::vector<const char*>& arguments) {
  const auto result = parse(arguments);
  ASSERT_TRUE(std::holds_alternative<int>(result));
  EXPECT_EQ(std::get<int>(result), 2);
}

TEST(CommandLine, FailsFastWithFullJitterUnlessToldOtherwise) {
  const Settings settings = settings_of({});
  EXPECT_EQ(settings.directory, "db");
  EXPECT_EQ(settings.wait, Wait::Policy::kFailFast);
  ASSERT_TRUE(settings.backoff.has_value());
  EXPECT_EQ(settings.backoff->jitter, Backoff::Jitter::kFull);
  EXPECT_EQ(settings.backoff->base, 100us);
  EXPECT_EQ(settings.backoff->cap, 100ms);
  EXPECT_EQ(settings.deadline, 10s);
  EXPECT_EQ(settings.kill_every, 0ms);
}

TEST(CommandLine, SetsWhatItSays) {
  const Settings settings = settings_of({"--processes",
                                         "16",
                                         "--threads",
                                         "2",
                                         "--ops",
                                         "1000",
                                         "--read-percent",
                                         "70",
                                         "--erase-percent",
                                         "0",
                                         "--keys",
                                         "zipfian",
                                         "--key-count",
                                         "12",
                                         "--preload",
                                         "--value-size",
                                         "24",
                                         "--durability",
                                         "durable",
                                         "--wait",
                                         "queue",
                                         "--handover",
                                         "strict",
                                         "--tries",
                                         "3",
                                         "--kill-every",
                                         "50",
                                         "--seed",
                                         "7",
                                         "--json"});
  EXPECT_EQ(settings.processes, 16u);
  EXPECT_EQ(settings.threads, 2u);
  EXPECT_EQ(settings.writers(), 32u);
  EXPECT_EQ(settings.operations, 1'000u);
  EXPECT_EQ(settings.workload.mix.to_string(), "get=70,put=30");
  EXPECT_EQ(settings.workload.keys.order, KeyOrder::kZipfian);
  EXPECT_EQ(settings.workload.key_count, 12u);
  EXPECT_TRUE(settings.preload);
  EXPECT_EQ(settings.workload.values.sizes.text(), "24");
  EXPECT_EQ(settings.durability, Durability::kDurable);
  EXPECT_EQ(settings.wait, Wait::Policy::kQueue);
  EXPECT_EQ(settings.handover, Handover::kStrict);
  EXPECT_EQ(settings.tries, 3u);
  EXPECT_EQ(settings.kill_every, 50ms);
  EXPECT_EQ(settings.seed, 7u);
  EXPECT_TRUE(settings.json);
}

TEST(CommandLine, SaysHowClientsLiveAndDie) {
  const Settings settings = settings_of({"--kill-every",
                                         "50",
                                         "--spare",
                                         "2",
                                         "--kill-all-every",
                                         "4",
                                         "--lose-state",
                                         "--aim-percent",
                                         "60",
                                         "--churn",
                                         "300",
                                         "--batch-percent",
                                         "40",
                                         "--durable-percent",
                                         "5",
                                         "--snapshot-percent",
                                         "10",
                                         "--memtable-size",
                                         "1048576",
                                         "--verify"});
  EXPECT_EQ(settings.spared, 2u);
  EXPECT_EQ(settings.kill_all_every, 4u);
  EXPECT_TRUE(settings.lose_state);
  EXPECT_EQ(settings.aim_percent, 60u);
  EXPECT_EQ(settings.churn_every, 300u);
  EXPECT_EQ(settings.workload.mix.to_string(), "get=45,view=5,put=28.5,delete=1.5,batch=20");
  EXPECT_EQ(settings.durable_percent, 5u);
  EXPECT_EQ(settings.memtable_size, 1'048'576u);
  EXPECT_EQ(settings.verify, Verify::kHistory);
  expect_usage_error({"--churn", "300", "--threads", "2"});
}

TEST(CommandLine, SharesTheTargetOfYcsbOutToTheThreadsThatTheStoreGets) {
  for (const StoreKind& kind : store_kinds()) {
    const Settings settings = settings_of(
        {"--store", kind.name, "--threads", "8", "--workload", "a", "-p", "target=800"});
    const std::string each = std::to_string(800.0 / settings.writers());
    EXPECT_EQ(settings.pace.text(), each) << kind.name;
    EXPECT_EQ(settings.writers(), kind.many_processes ? 32u : 8u) << kind.name;
  }
}

TEST(CommandLine, TakesAWorkloadOfYcsbAndOptionsThatChangeIt) {
  const Settings settings =
      settings_of({"--workload", "d", "-p", "recordcount=5000", "--value-size", "uniform:24-48",
                   "--keys", "hotspot", "--hot-keys", "5", "--verify=none", "--latency-sample",
                   "16", "-p", "operationcount=77"});
  const Workload& workload = settings.workload;
  EXPECT_EQ(workload.name, "YCSB d");
  EXPECT_EQ(workload.mix.to_string(), "get=95,insert=5");
  EXPECT_EQ(workload.key_count, 5'000u);
  EXPECT_EQ(workload.keys.order, KeyOrder::kHotspot);
  EXPECT_EQ(workload.keys.hot_keys, 0.05);
  EXPECT_EQ(workload.values.sizes.text(), "uniform:24-48");
  EXPECT_EQ(settings.operations, 77u);
  EXPECT_TRUE(settings.preload);
  EXPECT_EQ(settings.insert_room, 77u) << "no more can be inserted";
  EXPECT_EQ(settings.verify, Verify::kNone);
  EXPECT_FALSE(settings_of({"--workload", "d", "--no-preload"}).preload);
}

TEST(CommandLine, LooksAtTheWholeHistoryWhenClientsAreKilled) {
  EXPECT_EQ(settings_of({}).verify, Verify::kValues);
  EXPECT_EQ(settings_of({"--kill-every", "50"}).verify, Verify::kHistory);
  for (const char* rough : {"--stop-every", "--disk-size", "--churn", "--visit-ops"}) {
    EXPECT_EQ(settings_of({rough, "100000000"}).verify, Verify::kHistory) << rough;
  }
  EXPECT_EQ(settings_of({"--kill-every", "50", "--verify=values"}).verify, Verify::kValues);
}

TEST(CommandLine, TakesTimesWithAndWithoutAUnit) {
  const Settings settings =
      settings_of({"--backoff-base", "50", "--backoff-cap", "2ms", "--deadline", "3s"});
  EXPECT_EQ(settings.backoff->base, 50us);
  EXPECT_EQ(settings.backoff->cap, 2ms);
  EXPECT_EQ(settings.deadline, 3s);
  EXPECT_EQ(settings_of({"--deadline", "200"}).deadline, 200ms);
  EXPECT_EQ(settings_of({"--deadline", "2m"}).deadline, 120s);
  EXPECT_EQ(settings_of({"--deadline", "0"}).deadline, 0ms) << "not at all";
  EXPECT_EQ(settings_of({"--deadline", "forever"}).deadline, Wait::kForEver);
}

TEST(CommandLine, KnowsEveryBackoff) {
  EXPECT_FALSE(settings_of({"--backoff", "off"}).backoff.has_value());
  const std::pair<const char*, Backoff::Jitter> backoffs[] = {
      {"exponential", Backoff::Jitter::kNone},
      {"full-jitter", Backoff::Jitter::kFull},
      {"equal-jitter", Backoff::Jitter::kEqual},
      {"decorrelated-jitter", Backoff::Jitter::kDecorrelated}};
  for (const auto& [name, jitter] : backoffs) {
    EXPECT_EQ(settings_of({"--backoff", name}).backoff->jitter, jitter) << name;
  }
}

TEST(CommandLine, DrawsADifferentSeedEachTime) {
  EXPECT_NE(settings_of({}).seed, settings_of({}).seed);
}

TEST(CommandLine, RefusesWhatMakesNoSense) {
  expect_usage_error({"--value-size", "23"});
  expect_usage_error({"--processes", "0"});
  expect_usage_error({"--processes", "4000", "--threads", "4000"});
  expect_usage_error({"--read-percent", "101"});
  expect_usage_error({"--keys", "newest"});
  expect_usage_error({"--keys", "weighted"});
  expect_usage_error({"--mix", "fly=1"});
  expect_usage_error({"--mix", "get=1", "--read-percent", "50"});
  expect_usage_error({"--workload", "g"});
  expect_usage_error({"-p", "recordcount=few"});
  expect_usage_error({"-p", "readproportion=1"});  // of which records?
  expect_usage_error({"-P", "/no/such/file"});
  expect_usage_error({"--verify=twice"});
  expect_usage_error({"--latency-sample", "16"});
  expect_usage_error({"--ops", "5", "--seconds", "5"});
  for (const char* time : {"5 weeks", "-3", "", "3us", "99999999999999999999s", "300000m"}) {
    expect_usage_error({"--deadline", time});
  }
  expect_usage_error({"--backoff-base", "2ms", "--backoff-cap", "1ms"});
  expect_usage_error({"--backoff-base", "forever"});
  expect_usage_error({"--no-such-option"});
  expect_usage_error({"another-argument"});
}

TEST(CommandLine, RefusesWhatMeansNothingWithoutAnother) {
  const std::pair<std::vector<const char*>, std::vector<const char*>> needs[] = {
      {{"--hold-view", "50"}, {"--snapshot-percent", "5"}},
      {{"--scan-length", "5"}, {"--workload", "e"}},
      {{"--hot-keys", "5"}, {"--keys", "hotspot"}},
      {{"--hot-operations", "5"}, {"--keys", "hotspot"}},
      {{"--stop-for", "5"}, {"--stop-every", "50"}},
      {{"--spare", "1"}, {"--kill-every", "50"}},
      {{"--aim-percent", "1"}, {"--kill-every", "50"}},
      {{"--kill-all-every", "1"}, {"--kill-every", "50"}},
      {{"--lose-state"}, {"--kill-every", "50", "--kill-all-every", "4"}},
      {{"--slow-think", "1"}, {"--slow", "1"}},
      {{"--replay-timing", "fast"}, {"--replay", "trace"}},
      {{"--slow", "99"}, {"--processes", "99"}}};
  for (auto [option, other] : needs) {
    expect_usage_error(option);
    other.insert(other.end(), option.begin(), option.end());
    EXPECT_TRUE(std::holds_alternative<Settings>(parse(other))) << option.front();
  }
  for (const char* option : {"--backoff=off", "--backoff-base=1ms", "--backoff-cap=1ms"}) {
    expect_usage_error({option, "--wait", "queue"});
  }
  expect_usage_error({"--workload", "a", "--mix", "get=1"});
  for (const char* option : {"--seed", "--ops", "--visit-ops"}) expect_usage_error({option, "-5"});
}

TEST(CommandLine, AnswersACallForHelpWithSuccess) {
  EXPECT_EQ(std::get<int>(parse({"--help"})), 0);
}

using Sides = std::vector<std::vector<std::string>>;

TEST(CompareCommandLine, PutsWhatStandsBetweenTwoDashesOnOneSide) {
  const auto sides = [](std::vector<const char*> words) {
    words.insert(words.begin(), "compare");
    return std::get<CompareSettings>(parse_words(std::move(words))).sides;
  };
  EXPECT_EQ(sides({"a", "b", "c"}), (Sides{{"a"}, {"b"}, {"c"}}));
  EXPECT_EQ(sides({"a", "b", "--", "c", "--", "d"}), (Sides{{"a", "b"}, {"c"}, {"d"}}));
  for (const std::vector<const char*>& words :
       {std::vector{"compare", "a"}, {"compare", "a", "--"}, {"compare", "--", "a", "b"}}) {
    EXPECT_EQ(std::get<int>(parse_words(words)), 2) << words.size();
  }
}

std::string help_of(const std::string& command) {
  const char* words[] = {"tidelock-agent", command.c_str(), "--help"};
  testing::internal::CaptureStdout();
  (void)parse_command_line(3, words);
  return testing::internal::GetCapturedStdout();
}

// The section of the manual page, as it is read.
std::string manual(const std::string& section) {
  std::ifstream file(TIDELOCK_AGENT_MANUAL);
  std::string text, line;
  bool within = false;
  while (std::getline(file, line)) {
    if (line.starts_with(".SH ")) within = line == ".SH " + section;
    if (within) text += line + " \n";
  }
  std::erase(text, '\\');
  return text;
}

TEST(Manual, DescribesEveryOption) {
  const std::regex option("\n  (--?[A-Za-z-]+)");
  const std::pair<const char*, const char*> sections[] = {
      {"run", "OPTIONS"},       {"compare", "COMPARE"},       {"contend", "CONTEND"},
      {"shootout", "SHOOTOUT"}, {"compaction", "COMPACTION"}, {"generate", "GENERATE"}};
  for (const auto& [command, section] : sections) {
    const std::string help = help_of(command), text = manual(section);
    std::size_t options = 0;
    for (std::sregex_iterator it(help.begin(), help.end(), option), end; it != end; ++it) {
      const std::string name = (*it)[1];
      if (name == "-h") continue;
      ++options;
      EXPECT_TRUE(std::regex_search(text, std::regex("[ \"\n]" + name + "[ \"]")))
          << command << " " << name;
    }
    EXPECT_GE(options, 1u) << command;
  }
}

std::vector<contend::Policy> policies_of(const char* list) {
  return std::get<contend::Settings>(parse_contend({"--policies", list})).policies;
}

TEST(ContendCommandLine, ComparesAllPoliciesUnlessToldOtherwise) {
  const auto settings = std::get<contend::Settings>(parse_contend({}));
  EXPECT_EQ(settings.policies.size(), contend::kPolicyNames.size());
  EXPECT_EQ(settings.processes, 16u);
  EXPECT_EQ(settings.critical_ns, 350u);
  EXPECT_EQ(settings.think_us, 0u);
}

TEST(ContendCommandLine, TakesPoliciesInTheOrderGivenAndEachOnce) {
  using contend::Policy;
  EXPECT_EQ(policies_of("robust-mutex,queue,robust-mutex"),
            (std::vector{Policy::kRobustMutex, Policy::kQueue}));
  EXPECT_EQ(policies_of("fail-fast").size(), 5u);
  EXPECT_EQ(policies_of("flock,all").front(), Policy::kFlock);
  EXPECT_EQ(policies_of("flock,all").size(), contend::kPolicyNames.size());
}

TEST(ContendCommandLine, RefusesWhatMakesNoSense) {
  using Words = std::vector<const char*>;
  for (const Words& words :
       {Words{"--policies", "queue,spinlock"}, Words{"--policies", ""}, Words{"--processes", "0"},
        Words{"--processes", "4001"}, Words{"--rounds", "0"}, Words{"--json", "-", "--csv", "-"},
        Words{"--backoff-base", "2ms", "--backoff-cap", "1ms"}, Words{"--seconds", "0"},
        Words{"--backoff-cap", "11s"}, Words{"--processes", "16", "--critical-ns", "700000000"}}) {
    const Request request = parse_contend(words);
    ASSERT_TRUE(std::holds_alternative<int>(request)) << words[1];
    EXPECT_EQ(std::get<int>(request), 2) << words[1];
  }
}

}  // namespace
}  // namespace tidelock::agent
