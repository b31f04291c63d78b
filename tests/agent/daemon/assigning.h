// The holder of the lease beside an API that answers as it is told, and a clock that stands still.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/assigner.h"
#include "agent/world_store.h"

namespace slash32::agent::test {

using model::Kind;
using nlohmann::json;
using std::chrono_literals::operator""s;

inline json pool(const std::string& addresses) {
  return {{"metadata", {{"name", "public"}, {"resourceVersion", "1"}}}, {"spec", {{"addresses", {addresses}}}}};
}

inline json service(const std::string& name, int version, const std::string& created = "2026-01-01T00:00:00Z") {
  return {{"metadata",
           {{"name", name},
            {"namespace", "default"},
            {"resourceVersion", std::to_string(version)},
            {"creationTimestamp", created}}},
          {"spec",
           {{"type", "LoadBalancer"}, {"clusterIP", "10.96.0.9"}, {"ports", {{{"port", 80}, {"protocol", "TCP"}}}}}}};
}

class Assigning : public testing::Test {
 protected:
  void put(Kind kind, const std::string& key, const json& object) {
    objects_[key] = object;
    if (!store_.put(kind, key, object)) return;
    if (kind == Kind::Service)
      assigner_.service_changed(store_.world());
    else
      assigner_.changed();
  }
  /// A plan takes `plan_takes_`.
  std::optional<kube::Request> next() {
    bool planned = false;
    const auto clock = [&] {
      if (std::exchange(planned, true)) {
        ++plans_;
        now_ += plan_takes_;
      }
      return now_;
    };
    return assigner_.next(store_.world(), clock, "2026-01-01T00:00:00Z");
  }
  Assigner::Answer refuse(int status, std::optional<Seconds> wait = {}) {
    return assigner_.answered(kube::Response{{status, wait}, R"({"message": "no"})"}, now_);
  }
  /// Answers as the API does, and puts a Service into the world as the shell does; of a pool the watch tells.
  void accept(const kube::Request& request) {
    const auto patch = json::parse(request.body);
    const bool of_pool = request.target.find("ippools") != std::string::npos;
    const auto parts = request.target.substr(0, request.target.rfind('/'));
    const auto key = of_pool ? "public" : "default/" + parts.substr(parts.rfind('/') + 1);
    auto& object = objects_.at(key);
    if (of_pool)
      object["status"] = patch[0]["value"];
    else
      object.merge_patch(patch);
    const auto answer = assigner_.answered(kube::Response{{200, {}}, object.dump()}, now_);
    ASSERT_EQ(answer.object.has_value(), !of_pool);
    if (of_pool)
      store_.put(Kind::IpPool, key, object);
    else
      store_.put_answer(key, answer.version, *answer.object);
  }
  void settle() {
    for (auto request = next(); request; request = next()) accept(*request);
  }
  std::vector<std::string> addresses(const std::string& name) {
    std::vector<std::string> out;
    for (const auto& address : store_.world().services.at({"default", name}).ingress)
      out.push_back(address.to_string());
    return out;
  }

  Instant now_{1000s};
  Milliseconds plan_takes_{0};
  int plans_ = 0;
  WorldStore store_{"n1"};
  Assigner assigner_;
  std::map<std::string, json> objects_;
};

}  // namespace slash32::agent::test
