#include "agent/plan/service_news.h"

namespace slash32::agent::plan {

using model::Endpoints;

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
  for (const auto one : {&Endpoints::ready, &Endpoints::ready_here, &Endpoints::leaving, &Endpoints::leaving_here}) {
    const auto of_slice = slice->endpoints.*one;
    found->second.*one += in ? of_slice : 0U - of_slice;  // it was added before
  }
  if (found->second == Endpoints{}) endpoints_.erase(found);
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
