// What is measured of a run, and how it is shown.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include "agent/report/fairness.h"
#include "agent/report/interval.h"
#include "agent/report/line_chart.h"
#include "agent/report/live.h"
#include "agent/report/ratios.h"
#include "agent/report/spread.h"
#include "support/temporary_directory.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

TEST(Spread, IsOfASample) {
  const Spread spread = spread_of({4, 2, 8, 6});
  EXPECT_DOUBLE_EQ(spread.average, 5);
  EXPECT_DOUBLE_EQ(spread.minimum, 2);
  EXPECT_DOUBLE_EQ(spread.maximum, 8);
  EXPECT_DOUBLE_EQ(spread.median, 5);
  EXPECT_NEAR(spread.deviation, 2.5820, 1e-4);
  EXPECT_DOUBLE_EQ(spread_of({1, 9, 2}).median, 2);
  EXPECT_DOUBLE_EQ(spread_of({7}).deviation, 0);
  EXPECT_DOUBLE_EQ(spread_of({}).average, 0);
}

TEST(Histogram, LeavesWhatCameSinceAnEarlierTime) {
  Histogram earlier, now, since;
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    const std::uint64_t ns = i * 7919 % 100'003;
    if (i <= 5'000) earlier.record(ns * 10);
    now.record(i <= 5'000 ? ns * 10 : ns);
    if (i > 5'000) since.record(ns);
  }
  now.remove(earlier);
  EXPECT_EQ(now.count(), since.count());
  for (const double quantile : {0.1, 0.5, 0.9}) {
    EXPECT_EQ(now.at_quantile(quantile), since.at_quantile(quantile));
  }
  EXPECT_GE(now.max_ns(), since.max_ns());
  EXPECT_LE(now.max_ns(), since.max_ns() + since.max_ns() / 32);
  now.remove(now);
  EXPECT_EQ(now.count() + now.max_ns(), 0u);
}

TEST(PercentileCurve, EndsWhereOneDurationStandsAlone) {
  Histogram histogram;
  EXPECT_TRUE(percentile_curve_us(histogram).empty());
  for (std::uint64_t us = 1; us <= 1'000; ++us) histogram.record(us * 1'000);
  const std::vector<double> curve = percentile_curve_us(histogram);
  ASSERT_EQ(curve.size(), 3 * kCurveStepsPerNine + 1);
  EXPECT_NEAR(curve[kCurveStepsPerNine], 900, 30);
  EXPECT_NEAR(curve.back(), 999, 1);
  EXPECT_TRUE(std::is_sorted(curve.begin(), curve.end()));
}

// Two clients of one thread.
class SamplerTest : public ::testing::Test {
 protected:
  SamplerTest() { sampler_.begin(kStart, {.cpu_ns = kSecond}); }
  void work(std::uint32_t writer, std::uint64_t count, std::uint64_t each_ns) {
    WriterStats& stats = state_.writers()[writer];
    stats.reads.add(count);
    stats.actions[index_of(Action::kGet)].add(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      stats.latency[index_of(Action::kGet)].record(each_ns);
    }
  }
  static constexpr std::uint64_t kStart = 77 * kSecond;
  RunState state_ = RunState::create({.slots = 2, .writers = 2, .keys = 1}).value();
  Sampler sampler_{state_.writers(), 1, kSecond};
};

TEST_F(SamplerTest, TellsOfEachIntervalWhatHappenedInIt) {
  work(0, 30, 1'000'000);
  work(1, 10, 1'000'000);
  EXPECT_EQ(sampler_.due_ns(), kStart + kSecond);
  sampler_.take(kStart + kSecond, {.cpu_ns = 3 * kSecond, .memory_bytes = 5}, 1);
  work(0, 100, 2'000);
  state_.writers()[1].retries.add(4);
  sampler_.take(kStart + 3 * kSecond, {.cpu_ns = 4 * kSecond}, 3);

  ASSERT_EQ(sampler_.intervals().size(), 2u);
  const Interval& first = sampler_.intervals()[0];
  EXPECT_EQ(first.operations(), 40u);
  EXPECT_DOUBLE_EQ(first.cpu_s, 2);
  EXPECT_DOUBLE_EQ(first.jain, 0.8);
  EXPECT_EQ(first.memory_bytes, 5u);
  const Interval& second = sampler_.intervals()[1];
  EXPECT_DOUBLE_EQ(second.per_second(second.reads), 50);
  EXPECT_DOUBLE_EQ(second.end_s, 3);
  EXPECT_EQ(second.retries, 4u);
  EXPECT_EQ(second.kills, 2u);
  EXPECT_DOUBLE_EQ(second.jain, 0.5);
  EXPECT_NEAR(second.latency_us.max, 2, 0.1);  // not that of the first
  EXPECT_DOUBLE_EQ(second.write_latency_us.max, 0);
}

TEST_F(SamplerTest, SeesInWindowsThatThreadsTakeTurnsAtStandingBack) {
  constexpr std::uint64_t kWindow = Fairness::kWindow;
  Fairness fairness(state_.writers());
  fairness.begin(kStart);
  EXPECT_FALSE(fairness.median());
  for (std::uint32_t window = 1; window <= 4; ++window) {
    EXPECT_EQ(fairness.due_ns(), kStart + window * kWindow);
    work(window % 2, 30, 1'000);
    fairness.look(kStart + window * kWindow);
  }
  EXPECT_EQ(state_.writers()[0].done(), state_.writers()[1].done());
  EXPECT_DOUBLE_EQ(fairness.median().value(), 0.5);
}

TEST_F(SamplerTest, LeavesOutOfTheFairnessWhoHasNothingLeftToDo) {
  Fairness fairness(state_.writers());
  fairness.begin(kStart);
  work(0, 30, 1'000);
  state_.writers()[1].finished_ns.set(kStart + 1);
  fairness.look(kStart + Fairness::kWindow);
  fairness.look(kStart + 2 * Fairness::kWindow);  // nobody did anything
  EXPECT_EQ(fairness.windows(), 1u);
  EXPECT_DOUBLE_EQ(fairness.median().value(), 1);
}

TEST_F(SamplerTest, GoesOnFromNowIfItWasLate) {
  sampler_.take(kStart + 5 * kSecond + 1, {}, 0);
  EXPECT_EQ(sampler_.due_ns(), kStart + 6 * kSecond + 1);
}

TEST_F(SamplerTest, IsShownInSomeLinesOrInOne) {
  work(0, 30, 1'000'000);
  sampler_.take(kStart + kSecond, {.memory_bytes = 3u << 20}, 0);
  const Moment moment{.elapsed_s = 5,
                      .length_s = 10,
                      .operations = 30,
                      .interval = &sampler_.intervals().back(),
                      .clients = sampler_.clients()};
  const std::string view = live_view(moment), line = plain_line(moment);
  EXPECT_TRUE(view.starts_with("[############............] 5.0 s, 5 s left\n")) << view;
  EXPECT_NE(view.find("30 reads/s"), std::string::npos) << view;
  EXPECT_NE(view.find("3.00 MiB of memory"), std::string::npos) << view;
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("30 reads/s"), std::string::npos) << line;
}

TEST(Loading, IsShownWithItsRateAndWhatIsLeft) {
  const Loading loading{.loaded = 25'000, .keys = 100'000, .elapsed_s = 5};
  const std::string line = "preload: 25,000 of 100,000 keys, 5,000 keys/s, 15 s left";
  EXPECT_EQ(plain_line(loading), line);
  EXPECT_EQ(live_view(loading), "[######..................] " + line);
  EXPECT_EQ(plain_line({.loaded = 0, .keys = 7}), "preload: 0 of 7 keys");
}

TEST(Usage, IsKnownOfAKilledProcess) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    while (cpu_ns(::getpid()) < 10'000'000) {
    }
    ::kill(::getpid(), SIGKILL);
  }
  Usage usage;
  int wait_status = 0;
  ASSERT_EQ(usage.reap(pid, wait_status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(wait_status));
  EXPECT_GT(usage.cpu_ns(), 5'000'000u);
  EXPECT_EQ(usage.reap(pid, wait_status, WNOHANG), -1);
}

TEST(Footprint, CountsADirectoryWithAllBelowIt) {
  const test::TemporaryDirectory directory;
  const std::uint64_t empty = allocated_bytes(directory.path()).value();
  std::filesystem::create_directory(directory.file("below"));
  std::ofstream(directory.file("below/file")) << std::string(100'000, 'x') << std::flush;
  EXPECT_GE(allocated_bytes(directory.path()).value(), empty + 100'000);
  EXPECT_EQ(allocated_bytes(directory.file("none")), std::nullopt);
  const pid_t self = ::getpid();
  EXPECT_GT(shared_out_memory({&self, 1}).value_or(1), 0u);
}

TEST(LineChart, DrawsTheExtremesOfManyPoints) {
  LineChart chart{.title = "a <title>", .lines = {{.name = "one", .values = {}}}};
  for (int i = 0; i < 100'000; ++i) {
    chart.x.push_back(i);
    chart.lines[0].values.push_back(i == 54'321 ? 1'000 : 10);
  }
  const std::string svg = draw(chart);
  EXPECT_LT(svg.size(), 20'000u);
  EXPECT_NE(svg.find(" 10L"), std::string::npos) << "the greatest value touches the top";
  EXPECT_NE(svg.find("a &lt;title&gt;"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(draw(LineChart{}).find("nan"), std::string::npos);
}

class RatiosTest : public ::testing::Test {
 protected:
  std::string write(const char* name, const std::string& text) {
    std::ofstream(directory_.file(name)) << text;
    return directory_.file(name);
  }
  static std::string report(int rate, const std::string& more) {
    return R"({"operations": 9, "settings": {}, "ops_per_second": )" + std::to_string(rate) + more +
           "}";
  }
  test::TemporaryDirectory directory_;
};

TEST_F(RatiosTest, AreToTheFirstReport) {
  const std::string a = write("a", report(100, R"(, "jain": 0.5)"));
  const std::string b =
      write("b", report(250, R"(, "jain": null, "actions": {"get": {"latency_us": {"p99": 3}}})"));
  const auto rows = read_figures({{a}, {b}, {a}});
  ASSERT_TRUE(rows) << rows.error().to_string();
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_DOUBLE_EQ((*rows)[0].ratio(1)->medians, 2.5);
  EXPECT_DOUBLE_EQ((*rows)[0].ratio(2)->medians, 1);
  EXPECT_FALSE((*rows)[1].ratio(1));
  EXPECT_EQ((*rows)[2].name, "get p99 us");
  EXPECT_FALSE((*rows)[2].ratio(1));
  std::ostringstream text, json;
  print_ratios(text, {.sides = {{a}, {b}, {a}}}, *rows);
  print_ratios(json, {.sides = {{a}, {b}, {a}}, .json = true}, *rows);
  EXPECT_NE(text.str().find("2.500"), std::string::npos) << text.str();
  EXPECT_NE(json.str().find("2.5"), std::string::npos) << json.str();
}

TEST_F(RatiosTest, AreOfTheMediansOfRunsOfAKind) {
  const std::vector<std::string> a{write("a1", report(100, "")), write("a2", report(500, "")),
                                   write("a3", report(200, R"(, "jain": 0.5)"))};
  const std::vector<std::string> b{write("b1", report(400, "")), write("b2", report(600, ""))};
  const auto rows = read_figures({a, b});
  ASSERT_TRUE(rows) << rows.error().to_string();
  const auto ratio = rows->front().ratio(1).value();
  EXPECT_DOUBLE_EQ(ratio.medians, 2.5);
  EXPECT_DOUBLE_EQ(ratio.least, 0.8);
  EXPECT_DOUBLE_EQ(ratio.greatest, 6);
  std::ostringstream text;
  print_ratios(text, {.sides = {a, b}}, *rows);
  for (const char* shown : {"200 ", "500 ", "2.500", "100-500", "400-600", "0.80-6.00"}) {
    EXPECT_NE((text.str() + " ").find(shown), std::string::npos) << shown << '\n' << text.str();
  }
}

TEST_F(RatiosTest, AreOfReportsOnly) {
  const std::string good = write("good", report(1, ""));
  for (const char* text : {"", "no JSON", "[]", "{}", R"({"operations": "many"})"}) {
    const auto rows = read_figures({{good}, {write("bad", text)}});
    ASSERT_FALSE(rows) << text;
    EXPECT_EQ(rows.error().code(), StatusCode::kInvalid) << text;
  }
  EXPECT_EQ(read_figures({{directory_.file("none")}, {good}}).error().code(), StatusCode::kIo);
  EXPECT_EQ(read_figures({{good, directory_.path()}, {good}}).error().code(), StatusCode::kIo);
}

}  // namespace
}  // namespace tidelock::agent
