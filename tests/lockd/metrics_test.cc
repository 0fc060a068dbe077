#include "lockd/metrics.h"

#include <gtest/gtest.h>

#include "lockd/metrics_format.h"

namespace tidelock::lockd {
namespace {

TEST(LabelValue, EscapesWhatWouldEndIt) {
  EXPECT_EQ(escape_label("/var/lib/db"), "/var/lib/db");
  EXPECT_EQ(escape_label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
}

TEST(LabelValue, IsAlwaysUtf8) {
  EXPECT_EQ(escape_label("gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x8c\x8a"),
            "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x8c\x8a");
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(escape_label("\xff"), replacement);
  EXPECT_EQ(escape_label("a\xc3"), "a" + replacement);
  EXPECT_EQ(escape_label("\xc0\xaf"), replacement + replacement);
  EXPECT_EQ(escape_label("\xed\xa0\x80"), replacement + replacement + replacement);
}

TEST(Metrics, AreWellFormedForAnyPath) {
  KeeperCounts counts;
  counts.deaths = 3;
  LockInfo lock;
  lock.totals = {
      .acquired = 12'345'678'901, .hand_overs = 2, .lapses = 1, .evictions = 0, .recoveries = 1};
  lock.held_for = std::chrono::milliseconds(1'500);
  lock.waiters.emplace_back().waiting_for = std::chrono::milliseconds(250);
  Stats stats;
  stats.levels = {{.level = 0, .tables = 2, .bytes = 10}, {.level = 1, .tables = 1, .bytes = 7}};
  const DatabaseFacts open{
      .directory = "/a \"b\"\n\\", .lock = lock, .stats = stats, .counts = &counts};
  const DatabaseFacts closed{.directory = "/c", .lock = {}, .stats = {}, .counts = &counts};
  const auto metrics = test::parse_metrics(metrics_text({open, closed}));
  EXPECT_TRUE(metrics.faults.empty()) << metrics.faults.front();
  const std::string label = "{database=\"/a \\\"b\\\"\\n\\\\\"}";
  EXPECT_EQ(metrics.samples.at("tidelock_lock_acquisitions_total" + label), 12'345'678'901.0);
  EXPECT_EQ(metrics.samples.at("tidelock_lock_held_seconds" + label), 1.5);
  EXPECT_EQ(metrics.samples.at("tidelock_lock_longest_wait_seconds" + label), 0.25);
  EXPECT_EQ(metrics.samples.at("tidelock_lockd_deaths_total{database=\"/c\"}"), 3.0);
  EXPECT_EQ(metrics.samples.at("tidelock_lockd_up{database=\"/c\"}"), 0.0);
  EXPECT_EQ(metrics.samples.count("tidelock_members{database=\"/c\"}"), 0u);
  EXPECT_EQ(metrics.samples.at("tidelock_tables{database=\"/a \\\"b\\\"\\n\\\\\",level=\"1\"}"),
            1.0);
}

TEST(Metrics, OfNoDatabaseAreWellFormed) {
  EXPECT_TRUE(test::parse_metrics(metrics_text({})).faults.empty());
}

}  // namespace
}  // namespace tidelock::lockd
