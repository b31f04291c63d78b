// RFC 9112: status line and fields (sections 2 to 5), message body length (6.3), chunked coding (7.1).
#include "common/control/http_answer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <system_error>

namespace slash32::control {
namespace {

constexpr int kIoFailure = 5;            // CNI code 5, as sys_fail gives it
constexpr std::size_t kMaxLine = 65536;  // the longest line that a sane server sends
constexpr std::size_t kMaxHead = 65536;

std::unexpected<Error> malformed(const std::string& complaint) {
  return fail(kIoFailure, "malformed HTTP response: " + complaint);
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// All of `text` as a number to `base`; false when it is anything else or too large.
bool parse_number(std::string_view text, int base, std::size_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

/// "HTTP/1.1 200 OK": the status, or 0.
int parse_status_line(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return 0;
  std::size_t status = 0;
  if (!parse_number(line.substr(9, 3), 10, status)) return 0;
  if (line.size() > 12 && line[12] != ' ') return 0;
  return status >= 100 && status <= 599 ? static_cast<int>(status) : 0;
}

}  // namespace

Status HttpAnswerReader::feed(std::string_view bytes) {
  pending_.append(bytes);
  while (!done()) {
    if (!TRY(advance())) break;
  }
  return ok();
}

Status HttpAnswerReader::finish() {
  if (phase_ == Phase::UntilClose) phase_ = Phase::Done;
  if (done()) return ok();
  if (phase_ == Phase::Head) return malformed("the connection ended before the end of the header");
  return malformed("the connection ended in the body, after " + std::to_string(response_.body.size()) + " octets");
}

Result<bool> HttpAnswerReader::advance() {
  switch (phase_) {
    case Phase::Head:
      return read_head();
    case Phase::Counted:
      return read_counted(Phase::Done);
    case Phase::UntilClose:
      response_.body += pending_;
      pending_.clear();
      return false;
    case Phase::ChunkSize:
      return read_chunk_size();
    case Phase::ChunkData:
      return read_counted(Phase::ChunkEnd);
    case Phase::ChunkEnd:
      return read_chunk_end();
    case Phase::Trailer:
      return read_trailer();
    case Phase::Done:
      return false;
  }
  return false;
}

/// Moves one line out of pending_, without its line end; false when it is not complete yet.
Result<bool> HttpAnswerReader::take_line(std::string& line) {
  const auto end = pending_.find('\n');  // RFC 9112 section 2.2: a bare LF may be taken as a line end
  if (end == std::string::npos ? pending_.size() > kMaxLine : end > kMaxLine) {
    return malformed("a line is longer than " + std::to_string(kMaxLine) + " octets");
  }
  if (end == std::string::npos) return false;
  line.assign(pending_, 0, end);
  if (line.ends_with('\r')) line.pop_back();
  pending_.erase(0, end + 1);
  return true;
}

/// Of a head or a trailer: what has no end must not keep anybody waiting who has something to read all the time.
Result<bool> HttpAnswerReader::take_head_line(std::string& line) {
  if (!TRY(take_line(line))) return false;
  head_ += line.size() + 1;
  if (head_ > kMaxHead) return malformed("its head is longer than " + std::to_string(kMaxHead) + " octets");
  return true;
}

Result<bool> HttpAnswerReader::read_head() {
  std::string line;
  if (!TRY(take_head_line(line))) return false;
  if (response_.status == 0) {
    response_.status = parse_status_line(line);
    if (response_.status == 0) return malformed("it does not begin with a status line");
    return true;
  }
  if (!line.empty()) {
    TRY(read_header(line));
    return true;
  }
  const int status = response_.status;
  if (status < 200) {  // RFC 9110 section 15.2: an interim response, the real one follows
    response_ = {};
    chunked_ = has_length_ = false;
  } else if (status == 204 || status == 304) {
    phase_ = Phase::Done;  // RFC 9112 section 6.3, 1.: never a body
  } else if (chunked_) {
    phase_ = Phase::ChunkSize;  // 6.3, 3.: overrides Content-Length
  } else if (has_length_) {
    phase_ = left_ == 0 ? Phase::Done : Phase::Counted;
  } else {
    phase_ = Phase::UntilClose;  // 6.3, 8.
  }
  return true;
}

Status HttpAnswerReader::read_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return malformed("a header line without a colon");
  const auto name = line.substr(0, colon);
  const auto value = trimmed(line.substr(colon + 1));
  if (same_ignoring_case(name, "content-length")) {
    if (!parse_number(value, 10, left_)) return malformed("Content-Length is not a number");
    has_length_ = true;
  }
  if (same_ignoring_case(name, "transfer-encoding")) {
    if (!same_ignoring_case(value, "chunked")) return malformed("Transfer-Encoding is not chunked");
    chunked_ = true;
  }
  return ok();
}

/// Takes what is there of the `left_` octets to come, then goes on with `next`.
Result<bool> HttpAnswerReader::read_counted(Phase next) {
  if (pending_.empty()) return false;
  const auto n = std::min(left_, pending_.size());
  response_.body.append(pending_, 0, n);
  pending_.erase(0, n);
  left_ -= n;
  if (left_ > 0) return false;
  phase_ = next;
  return true;
}

Result<bool> HttpAnswerReader::read_chunk_size() {
  std::string line;
  if (!TRY(take_line(line))) return false;
  const std::string_view size = trimmed(std::string_view{line}.substr(0, line.find(';')));
  if (!parse_number(size, 16, left_)) return malformed("a chunk size is not a hexadecimal number");
  phase_ = left_ == 0 ? Phase::Trailer : Phase::ChunkData;
  return true;
}

/// RFC 9112 section 7.1: a chunk's data ends with CRLF.
Result<bool> HttpAnswerReader::read_chunk_end() {
  std::string line;
  if (!TRY(take_line(line))) return false;
  if (!line.empty()) return malformed("a chunk is longer than its size says");
  phase_ = Phase::ChunkSize;
  return true;
}

Result<bool> HttpAnswerReader::read_trailer() {
  std::string line;
  if (!TRY(take_head_line(line))) return false;
  if (line.empty()) phase_ = Phase::Done;
  return true;
}

}  // namespace slash32::control
