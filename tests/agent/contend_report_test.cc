#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/contend/reports.h"
#include "agent/report/chart.h"
#include "agent/words.h"

namespace tidelock::agent::contend {
namespace {

using Print = void (*)(std::ostream&, const Settings&, const Comparison&);

class ContendReportTest : public ::testing::Test {
 protected:
  ContendReportTest() {
    Outcome& queue = comparison_.outcomes.emplace_back();
    queue.policy = "queue";
    queue.turns_verified = 600;
    for (const double rate : {100.0, 300.0, 200.0}) {
      queue.rounds.push_back({.operations_per_second = rate, .jain = 0.5});
    }
    queue.faults[0] = {{.recovery = 3, .longest_wait = 9}, {.recovery = 5, .longest_wait = 7}};
    queue.faults[3] = {{.recovery = 1, .longest_wait = 2, .own_turn = 4}};
    Outcome& mutex = comparison_.outcomes.emplace_back();
    mutex.policy = "robust-mutex";
    mutex.rounds.push_back({.operations_per_second = 100});
  }
  std::string printed(Print print) const {
    std::ostringstream out;
    print(out, settings_, comparison_);
    return out.str();
  }
  Settings settings_{.rounds = 3, .seed = 7};
  Comparison comparison_;
};

using ContendReport = ContendReportTest;

TEST_F(ContendReport, GivesMediansAndEveryRoundAsJson) {
  const auto json = nlohmann::json::parse(printed(print_json));
  const auto& queue = json["policies"][0];
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(queue["policy"], "queue");
  EXPECT_EQ(queue["medians"]["operations_per_second"], 200);
  EXPECT_EQ(queue["rounds"].size(), 3u);
  EXPECT_EQ(queue["faults"]["holder_killed"]["recovery_ms"], 4);
  EXPECT_EQ(queue["faults"]["waiter_stopped"]["own_turn_ms"], 4);
  EXPECT_FALSE(queue["faults"].contains("waiter_killed"));
  EXPECT_EQ(queue["exclusive"], true);
}

TEST_F(ContendReport, GivesOneFigureALineAsCsv) {
  std::istringstream csv(printed(print_csv));
  std::string line;
  std::size_t lines = 0;
  while (std::getline(csv, line)) {
    ++lines;
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), 4) << line;
  }
  EXPECT_EQ(lines, 1 + 4 * round_figures().size() + 2 * 2 + 3);
  EXPECT_NE(csv.str().find("queue,round,2,operations_per_second,300\n"), std::string::npos);
  EXPECT_NE(csv.str().find("queue,holder killed,2,recovery_ms,5\n"), std::string::npos);
}

TEST_F(ContendReport, IsAPageThatRefersToNothingOutsideOfIt) {
  const std::string page = printed(print_html);
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(page.ends_with("</body></html>\n"));
  EXPECT_NE(page.find("<svg"), std::string::npos);
  for (const char* reference : {"http:", "https:", "src=", "href=", "@import", "url(", "<script"}) {
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
  }
  for (const char* tag : {"figure", "table", "div", "svg", "p"}) {
    const auto count = [&](const std::string& start) {
      std::size_t found = 0;
      for (std::size_t at = 0; (at = page.find(start, at)) != std::string::npos; ++at) ++found;
      return found;
    };
    const std::string name = tag;
    EXPECT_EQ(count("<" + name + ">") + count("<" + name + " "), count("</" + name + ">")) << tag;
  }
}

TEST_F(ContendReport, ComparesTheQueueWithTheRobustMutexInWords) {
  const std::string table = printed(print_table);
  EXPECT_NE(table.find("queue against robust-mutex: 2.00 times the turns"), std::string::npos)
      << table;
  EXPECT_NE(table.find("Mutual exclusion held: 600 turns verified"), std::string::npos) << table;
}

TEST_F(ContendReport, SaysWhichLockDidNotExclude) {
  comparison_.outcomes[1].problems.push_back("2 < 3 & \"more\"");
  EXPECT_NE(printed(print_table).find("BROKEN robust-mutex: 2 < 3"), std::string::npos);
  EXPECT_EQ(printed(print_table).find("Mutual exclusion held"), std::string::npos);
  EXPECT_NE(printed(print_html).find("2 &lt; 3 &amp; &quot;more&quot;"), std::string::npos);
}

TEST_F(ContendReport, DrawsNothingOfWhatDidNotRun) {
  comparison_.outcomes.clear();
  EXPECT_NE(printed(print_html).find("</body>"), std::string::npos);
  EXPECT_NE(printed(print_table).find("policy"), std::string::npos);
}

TEST(Numbers, AreShownWithThreeDigits) {
  EXPECT_EQ(rounded(1'234'567.4), "1,234,567");
  EXPECT_EQ(rounded(12.34), "12.3");
  EXPECT_EQ(rounded(1.234), "1.23");
  EXPECT_EQ(rounded(0.1234), "0.123");
  EXPECT_EQ(rounded(0.01234), "0.0123");
  EXPECT_EQ(rounded(0), "0.0");
}

}  // namespace
}  // namespace tidelock::agent::contend
