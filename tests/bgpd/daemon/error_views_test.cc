// Errors as the control interface shows them.
#include "bgpd/error_views.h"

#include <gtest/gtest.h>

#include "bgpd/wire/notification.h"

namespace slash32::bgp {
namespace {

const ViewTime kTime{Instant{Seconds{1000}}, std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + Seconds{100}};

template <class T>
std::shared_ptr<const T> share(T value) {
  return std::make_shared<const T>(std::move(value));
}

TEST(ErrorViews, WithoutErrorsEveryKindIsNull) {
  EXPECT_EQ(errors_view({}, kTime, ErrorDetail::Messages).dump(),
            R"({"sent":null,"received":null,"malformedUpdate":null})");
}

TEST(ErrorViews, ANotificationHasNamesTimeAndTheMessageItIsAbout) {
  LastErrors errors;
  errors.sent = share(NotedNotification{notification(ErrorCode::UpdateMessage, 11, {0x40, 0x02}),
                                        kTime.now - Seconds{90}, KeptMessage{{0xff, 0x13}, 5000}});
  EXPECT_EQ(errors_view(errors, kTime, ErrorDetail::Messages)["sent"].dump(),
            R"({"time":"2026-11-22T00:00:10Z","code":3,"subcode":11,"name":"UPDATE Message Error/Malformed AS_PATH",)"
            R"("data":"4002","message":{"octets":5000,"hex":"ff13","truncated":true}})");
}

TEST(ErrorViews, AListLeavesOutWhatIsLong) {
  LastErrors errors;
  errors.received = share(NotedNotification{cease_with_text(cease::kAdministrativeReset, "new line card"), kTime.now,
                                            KeptMessage{{1, 2, 3}, 3}});
  errors.malformed =
      share(NotedUpdate{Verdict::AttributeDiscard, "odd", {.attribute = 4, .offset = 30}, kTime.now, {}});
  const auto view = errors_view(errors, kTime, ErrorDetail::Summary);
  EXPECT_EQ(view["received"].dump(), R"({"time":"2026-11-22T00:01:40Z","code":6,"subcode":4,)"
                                     R"("name":"Cease/Administrative Reset","text":"new line card"})");
  EXPECT_EQ(view["malformedUpdate"].dump(),
            R"({"time":"2026-11-22T00:01:40Z","treatment":"attributeDiscard",)"
            R"("why":"odd","attribute":4,"attributeName":"MULTI_EXIT_DISC","offset":30})");
}

TEST(ErrorViews, AHardResetShowsItsCauseAndThatOnesText) {
  LastErrors errors;
  errors.received = share(
      NotedNotification{hard_reset(cease_with_text(cease::kAdministrativeShutdown, "bye")), kTime.now, std::nullopt});
  const auto view = errors_view(errors, kTime, ErrorDetail::Summary)["received"];
  EXPECT_EQ(view["name"], "Cease/Hard Reset");
  EXPECT_EQ(view["cause"]["name"], "Cease/Administrative Shutdown");
  EXPECT_EQ(view["cause"]["text"], "bye");
}

}  // namespace
}  // namespace slash32::bgp
