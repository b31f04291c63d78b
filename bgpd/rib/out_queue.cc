#include "bgpd/rib/out_queue.h"

#include <utility>

namespace slash32::bgp {

void OutQueue::push(const OutTables& tables, std::size_t family, PrefixId id, const OutState& told, bool urgent,
                    bool again) {
  const auto [entry, made] = pending_[family].insert(id);
  if (made) {
    entry->told = {tables.sets->add_reference(told.set), told.from};
    ++(*tables.prefixes)[family].node(id).held;
  }
  if (again && !std::exchange(entry->again, true)) ++again_[family];
  bool& queued = urgent ? entry->urgent : entry->ordinary;
  if (queued) return;
  queued = true;
  IdFifo& queue = line(family, urgent);
  // A prefix served by the other line leaves its number here; many flaps must not make the line outgrow the table.
  if (queue.size() > kSlack + 2 * pending_[family].size())
    queue.retain([&](PrefixId queued_id) {
      const Pending* other = pending_[family].find(queued_id);
      return other != nullptr && queued_id != id && (urgent ? other->urgent : other->ordinary);
    });
  queue.push(id);
}

OutQueue::Taken OutQueue::take(std::size_t family, bool urgent) {
  const PrefixId id = line(family, urgent).pop();
  Pending* const entry = pending_[family].find(id);
  // The other line was first and took the entry; a new entry of the same id says by its flag whether it stands here.
  if (entry == nullptr || !(urgent ? entry->urgent : entry->ordinary)) return {};
  const Taken taken{id, *entry, true};
  if (taken.entry.again) --again_[family];
  pending_[family].erase(entry);
  return taken;
}

void OutQueue::copy_from(const OutTables& tables, const OutQueue& other) {
  for (std::size_t family = 0; family < kFamilies; ++family)
    other.pending_[family].for_each(
        [&](PrefixId id, const Pending& entry) { push(tables, family, id, entry.told, entry.urgent, entry.again); });
}

void OutQueue::clear(const OutTables& tables) {
  for (std::size_t family = 0; family < kFamilies; ++family) {
    pending_[family].for_each([&](PrefixId id, const Pending& entry) {
      tables.sets->release(entry.told.set);
      --(*tables.prefixes)[family].node(id).held;
      (*tables.prefixes)[family].forget_if_unused(id);
    });
    pending_[family].clear();
    urgent_[family] = {};
    ordinary_[family] = {};
    again_[family] = 0;
  }
}

}  // namespace slash32::bgp
