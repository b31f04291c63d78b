// A reader for one HTTP/1.1 response, pure: bytes in, response out (RFC 9112). It knows nothing of sockets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "common/result.h"

namespace slash32::control {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

/// Takes a response in pieces of any size. The three body framings of RFC 9112 section 6.3 that a response to GET,
/// POST or PUT can have: chunked, Content-Length, and up to the end of the connection.
class HttpAnswerReader {
 public:
  /// Takes the next bytes. Error: what is wrong with the response; the reader is of no use afterwards.
  Status feed(std::string_view bytes);
  /// The connection ended. Error: the response was cut off, and where.
  Status finish();
  /// The status once the head is there; 0 before.
  int status() const { return phase_ == Phase::Head ? 0 : response_.status; }
  /// What came of the body since the last call, for a response that has no end.
  std::string take_body() { return std::exchange(response_.body, {}); }
  /// Octets of the body that came and were not taken.
  std::size_t body_size() const { return response_.body.size(); }
  /// Whether the response is complete; more bytes would be ignored.
  bool done() const { return phase_ == Phase::Done; }
  /// The response; call it once, when done.
  HttpAnswer take() { return std::move(response_); }

 private:
  enum class Phase : unsigned char { Head, Counted, UntilClose, ChunkSize, ChunkData, ChunkEnd, Trailer, Done };

  Result<bool> advance();  // one step; false when it needs more bytes
  Result<bool> read_head();
  Status read_header(std::string_view line);
  Result<bool> read_counted(Phase next);
  Result<bool> read_chunk_size();
  Result<bool> read_chunk_end();
  Result<bool> read_trailer();
  Result<bool> take_line(std::string& line);
  Result<bool> take_head_line(std::string& line);

  Phase phase_ = Phase::Head;
  bool chunked_ = false;
  bool has_length_ = false;
  std::size_t head_ = 0;  // octets of heads and trailers until now
  std::size_t left_ = 0;  // octets of the body or the chunk still to come
  std::string pending_;   // bytes not understood yet
  HttpAnswer response_;
};

}  // namespace slash32::control
