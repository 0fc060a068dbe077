#include "agent/journal.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace tidelock::agent {
namespace {

Result<std::uint64_t> begin(Journal& journal, const Step& step, std::uint64_t now_ns) {
  return journal.begin({&step, 1}, now_ns);
}

class JournalTest : public ::testing::Test {
 protected:
  Journal create() { return Journal::create(directory_.path()).value(); }
  test::TemporaryDirectory directory_;
};

using JournalFile = JournalTest;

TEST_F(JournalFile, TellsIntentAndAnswer) {
  Journal journal = create();
  EXPECT_EQ(journal.size(), 0u);
  EXPECT_FALSE(journal.find(0).has_value());

  ASSERT_EQ(begin(journal, {7, OperationKind::kErase}, 100).value(), 0u);
  Operation operation = journal.find(0).value();
  EXPECT_EQ(operation.key, 7u);
  EXPECT_EQ(operation.kind, OperationKind::kErase);
  EXPECT_EQ(operation.outcome, Outcome::kInFlight);
  EXPECT_EQ(operation.begin_ns, 100u);

  journal.end(0, Outcome::kAcknowledged, 200);
  operation = journal.find(0).value();
  EXPECT_EQ(operation.outcome, Outcome::kAcknowledged);
  EXPECT_EQ(operation.end_ns, 200u);
}

TEST_F(JournalFile, MovesTheBeginToTheLastAttempt) {
  Journal journal = create();
  const std::uint64_t counter = begin(journal, {1, OperationKind::kPut}, 100).value();
  journal.begin_again(counter, 150);
  journal.end(counter, Outcome::kRefused, 160);
  EXPECT_EQ(journal.find(counter)->begin_ns, 150u);
  EXPECT_EQ(journal.find(counter)->outcome, Outcome::kRefused);
}

TEST_F(JournalFile, AnswersForAllOfABatchAtOnce) {
  Journal journal = create();
  (void)begin(journal, {9, OperationKind::kPut}, 50);
  const Step steps[] = {{1, OperationKind::kPut}, {2, OperationKind::kErase}};
  ASSERT_EQ(journal.begin(steps, 100).value(), 1u);
  EXPECT_EQ(journal.find(2)->outcome, Outcome::kInFlight);
  journal.end(1, Outcome::kAcknowledged, 200);
  const Operation second = journal.find(2).value();
  EXPECT_EQ(second.kind, OperationKind::kErase);
  EXPECT_EQ(second.outcome, Outcome::kAcknowledged);
  EXPECT_EQ(second.begin_ns, 100u);
  EXPECT_EQ(second.end_ns, 200u);
  EXPECT_EQ(second.batch, 1u);
  EXPECT_EQ(second.batch_size, 2u);
  EXPECT_EQ(journal.find(0)->outcome, Outcome::kInFlight);
}

TEST_F(JournalFile, GrowsBeyondItsFirstAllocation) {
  Journal journal = create();
  constexpr std::uint32_t kMany = 200'000;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(begin(journal, {i, OperationKind::kPut}, i + 1).value(), i);
    journal.end(i, Outcome::kAcknowledged, i + 2);
  }
  EXPECT_EQ(journal.size(), kMany);
  EXPECT_EQ(journal.find(kMany - 1)->key, kMany - 1);
}

TEST_F(JournalFile, IsSeenByOthersAndOutlivesItsKilledWriter) {
  Journal journal = create();
  test::ChildProcess writer([&] {
    for (std::uint32_t i = 0;; ++i) {
      const Result<std::uint64_t> counter = begin(journal, {i, OperationKind::kPut}, i + 1);
      if (!counter) return 1;
      journal.end(*counter, Outcome::kAcknowledged, i + 2);
    }
  });
  while (journal.size() < 100'000) ::sched_yield();
  writer.send(SIGKILL);
  ASSERT_TRUE(test::killed_by(writer.wait(), SIGKILL));

  const std::uint64_t size = journal.size();
  for (std::uint64_t i = 0; i + 1 < size; ++i) {
    ASSERT_EQ(journal.find(i)->outcome, Outcome::kAcknowledged) << i;
    ASSERT_EQ(journal.find(i)->key, i);
  }
  // A successor goes on behind the last entry, whose outcome may have stayed open.
  EXPECT_EQ(begin(journal, {5, OperationKind::kPut}, 1).value(), size);
}

TEST_F(JournalFile, NotesWhenAWriteWasAbandoned) {
  Journal journal = create();
  journal.abandon(5);
  const Step steps[] = {{1, OperationKind::kPut}, {2, OperationKind::kErase}};
  ASSERT_EQ(journal.begin(steps, 10).value(), 0u);
  journal.abandon(20);
  journal.abandon(30);  // dead already
  for (const std::uint64_t counter : {0, 1}) {
    EXPECT_EQ(journal.find(counter)->outcome, Outcome::kInFlight);
    EXPECT_EQ(journal.find(counter)->end_ns, 0u);
    EXPECT_EQ(journal.find(counter)->abandoned_ns, 20u);
    EXPECT_EQ(journal.find(counter)->latest_effect_ns(), UINT64_MAX);
  }
}

TEST_F(JournalFile, AbandonsNothingThatWasAnswered) {
  Journal journal = create();
  ASSERT_EQ(begin(journal, {1, OperationKind::kPut}, 10).value(), 0u);
  journal.end(0, Outcome::kAcknowledged, 20);
  journal.abandon(30);
  EXPECT_EQ(journal.find(0)->outcome, Outcome::kAcknowledged);
  EXPECT_EQ(journal.find(0)->end_ns, 20u);
  EXPECT_EQ(journal.find(0)->abandoned_ns, 0u);
}

TEST_F(JournalFile, HasNoNameToBeLeftBehind) {
  const Journal journal = create();
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  const auto none = Journal::create(directory_.file("none"));
  EXPECT_EQ(none.error().code(), StatusCode::kIo);
  EXPECT_NE(none.error().message().find(directory_.file("none")), std::string::npos);
}

TEST_F(JournalFile, IsSavedUnderANameThatIsFree) {
  Journal journal = create();
  for (std::uint32_t i = 0; i < 3; ++i) {
    ASSERT_EQ(begin(journal, {i, OperationKind::kPut}, i + 1).value(), i);
  }
  const std::string file = directory_.file("saved");
  ASSERT_TRUE(journal.save(file).ok());
  EXPECT_EQ(std::filesystem::file_size(file), 64 + 3 * 24);
  EXPECT_EQ(journal.save(file).code(), StatusCode::kIo);
}

}  // namespace
}  // namespace tidelock::agent
