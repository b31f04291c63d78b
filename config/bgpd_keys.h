// The keys of bgpd.json, object by object. One home: the readers refuse what is not here, and config/README.md must
// document what is.
#pragma once

#include <initializer_list>
#include <string_view>

namespace slash32::config::keys {

using List = std::initializer_list<std::string_view>;

inline const List kTop = {"localAs",          "routerId",  "listen",   "originate", "kernel",  "peerGroups",
                          "neighbors",        "clusterId", "policies", "control",   "metrics", "logLevel",
                          "dynamicNeighbors", "stateFile", "onStop",   "drain",     "mrt",     "guard"};
inline const List kListen = {"address", "port"};
inline const List kOriginate = {"prefixes", "podRoutes"};
inline const List kOriginated = {"prefix", "blackhole", "communities", "localPref", "med", "onDrain", "dropForwarded"};
inline const List kKernel = {"install",   "table",          "metric",           "multipath", "multipathRelax",
                             "maxRoutes", "nextHopObjects", "nextHopNeighbors", "prefSrc4",  "prefSrc6"};
inline const List kGuard = {"ranges"};
inline const List kControl = {"socket", "group", "readOnlySocket", "readOnlyGroup", "readOnlyMode"};
inline const List kMetrics = {"address"};
inline const List kMrt = {"updates"};
inline const List kMrtUpdates = {"file", "rotateSeconds", "rotateBytes", "sent"};

inline const List kNeighbor = {"name",
                               "address",
                               "interface",
                               "remoteAs",
                               "port",
                               "passive",
                               "localAddress",
                               "passwordFile",
                               "tcpAo",
                               "holdTime",
                               "keepaliveTime",
                               "connectRetryTime",
                               "delayOpen",
                               "ttlSecurity",
                               "multihop",
                               "connectedCheck",
                               "families",
                               "addPath",
                               "gracefulRestart",
                               "bfd",
                               "routeReflectorClient",
                               "import",
                               "export",
                               "maxPrefixes",
                               "allowOwnAs",
                               "localAs",
                               "nextHop",
                               "nextHopResolution",
                               "role",
                               "roleStrict",
                               "enforceFirstAs",
                               "gracefulShutdown",
                               "drain",
                               "allowAsSet",
                               "enhancedRouteRefresh",
                               "extendedMessages",
                               "extendedNextHop",
                               "enabled",
                               "description",
                               "bindInterface",
                               "group",
                               "allow"};
/// Keys of a neighbour that say which one it is; a group has none of them.
inline const List kIdentity = {"name", "address", "interface", "group"};
/// Keys only a dynamic neighbour has, in the place of an address.
inline const List kDynamic = {"range", "limit"};
inline const List kGracefulRestart = {"enabled", "restartTime", "notification", "staleTime", "longLived"};
inline const List kLongLived = {"staleTime", "staleTime4", "staleTime6", "maxStaleTime", "partialDeployment"};
inline const List kTcpAo = {"keys"};
inline const List kTcpAoKey = {"id", "sendId", "receiveId", "algorithm", "keyFile"};
inline const List kBfd = {"minTx", "minRx", "multiplier", "multihop"};
inline const List kAddPath = {"receive", "send"};
inline const List kMaxPrefixes = {"in", "out", "warn", "restart"};

inline const List kTerm = {"name", "match", "set", "then"};
inline const List kMatch = {"prefix", "community", "largeCommunity", "extendedCommunity", "asPath", "asPathContains",
                            "origin", "nextHop",   "neighbor",       "peerType",          "source", "family"};
inline const List kPrefixMatch = {"prefix", "ge", "le"};
inline const List kSet = {"localPref",
                          "med",
                          "addMed",
                          "removeMed",
                          "communities",
                          "addCommunities",
                          "removeCommunities",
                          "largeCommunities",
                          "addLargeCommunities",
                          "removeLargeCommunities",
                          "extendedCommunities",
                          "addExtendedCommunities",
                          "removeExtendedCommunities",
                          "prepend",
                          "nextHop",
                          "kernelMetric",
                          "blackhole"};

}  // namespace slash32::config::keys
