#include "agent/plan/service_news.h"

namespace slash32::agent::plan {

void ServiceNews::service(const model::ObjectKey& key) {
  if (all_) return;
  touched_.insert(key);
  if (touched_.size() <= kMost) return;
  all_ = true;
  touched_.clear();
}

void ServiceNews::slice(const model::EndpointSlice* before, const model::EndpointSlice* after) {
  count(before, false);
  count(after, true);
}

void ServiceNews::count(const model::EndpointSlice* slice, bool in) {
  if (slice == nullptr || slice->fqdn || slice->service.name.empty()) return;
  service(slice->service);
  const auto found = endpoints_.try_emplace({slice->service, slice->family}).first;
  auto& [ready, ready_here] = found->second;
  ready = in ? ready + slice->ready : ready - slice->ready;
  ready_here = in ? ready_here + slice->ready_here : ready_here - slice->ready_here;
  if (ready == 0 && ready_here == 0) endpoints_.erase(found);
}

void ServiceNews::forget_slices() {
  endpoints_.clear();
  all_ = true;
}

Endpoints ServiceNews::endpoints(const model::ObjectKey& service, AddressFamily family) const {
  const auto found = endpoints_.find({service, family});
  return found == endpoints_.end() ? Endpoints{} : found->second;
}

ServiceNews::Touched ServiceNews::take() {
  Touched out{.all = std::exchange(all_, false), .services = std::exchange(touched_, {})};
  if (out.all) out.services.clear();
  return out;
}

}  // namespace slash32::agent::plan
