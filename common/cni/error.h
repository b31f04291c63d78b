// CNI error codes (CNI spec 1.1.0 section 2 "Error", and the two the Go library adds). The only home of these numbers.
#pragma once

namespace slash32::cni {

inline constexpr int kIncompatibleVersion = 1;    // CNI 1: the configuration's cniVersion, or the verb under it
inline constexpr int kUnsupportedField = 2;       // CNI 2: message names key and value
inline constexpr int kUnknownContainer = 3;       // CNI 3: the runtime need not clean up
inline constexpr int kInvalidEnvironment = 4;     // CNI 4: CNI_* variables
inline constexpr int kIoFailure = 5;              // CNI 5
inline constexpr int kDecodingFailure = 6;        // CNI 6: not JSON
inline constexpr int kInvalidConfig = 7;          // CNI 7: validation of the network configuration
inline constexpr int kInvalidNetns = 8;           // Go library: CNI_NETNS is unusable, or the plugin's own
inline constexpr int kTryAgainLater = 11;         // CNI 11: transient; the runtime may try again
inline constexpr int kNotAvailable = 50;          // STATUS: cannot serve ADD
inline constexpr int kNotAvailableDegraded = 51;  // STATUS: cannot serve ADD, and running containers may be limited
inline constexpr int kInternal = 999;             // Go library: anything else

}  // namespace slash32::cni
