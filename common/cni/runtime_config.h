// What a runtime hands in beside the configuration: capabilities (`runtimeConfig`), `args.cni`, the valid attachments
// of GC. Keys of runtimeConfig are compared without regard to case: containerd sends "HostPort" where CRI-O sends
// "hostPort", as Go decoders do not care. Those of `args` are people's, who write what CONVENTIONS.md has: exactly.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/cni/result.h"
#include "common/ip.h"
#include "common/json_field.h"
#include "common/result.h"

namespace slash32::cni {

/// The child whose key equals `key` but for case (ASCII); an exact match wins. Nothing when there is none or it is
/// null.
std::optional<JsonField> find_ignoring_case(const JsonField& object, std::string_view key);

/// The capability by which runtimes hand in a pod's annotations (containerd, CRI-O).
inline constexpr std::string_view kPodAnnotations = "io.kubernetes.cri.pod-annotations";
/// The annotation that asks for addresses: "10.244.1.7" or "10.244.1.7,fd00:10:244:1::7".
inline constexpr std::string_view kIpAnnotation = "slash32.io/ip";

/// Addresses asked for by name: capability `ips` beats `args.cni.ips` beats CNI_ARGS `IP` (CNI CONVENTIONS.md) beats
/// the pod's annotation `slash32.io/ip`; the first that names any counts alone. Each may carry a length
/// ("10.0.0.7/24"), which is dropped. At most one of each family. CNI code 7 (4 for CNI_ARGS).
Result<std::vector<IpAddress>> requested_addresses(const JsonField& config,
                                                   const std::map<std::string, std::string>& cni_args);

/// A MAC asked for: capability `mac` beats `args.cni.mac` beats CNI_ARGS `MAC`. As lower-case "02:42:ac:11:00:02"; a
/// group address is refused. CNI code 7 (4 for CNI_ARGS).
Result<std::optional<std::string>> requested_mac(const JsonField& config,
                                                 const std::map<std::string, std::string>& cni_args);

/// Capability `dns` {servers, searches, options} (CNI CONVENTIONS.md); empty when it is not given. CNI code 7.
Result<Dns> requested_dns(const JsonField& config);

/// What GC must keep.
struct Attachment {
  std::string container_id;
  std::string ifname;
  auto operator<=>(const Attachment&) const = default;
};

/// `cni.dev/valid-attachments`, or `cni.dev/attachments` as the tag spec-v1.1.0 called it; both given: everything in
/// either. null is an empty list (a Go nil slice). Nothing when neither key is there: nobody said what is in use, so
/// nothing may be released. CNI code 7 when a list is not one.
Result<std::optional<std::vector<Attachment>>> valid_attachments(const JsonField& config);

}  // namespace slash32::cni
