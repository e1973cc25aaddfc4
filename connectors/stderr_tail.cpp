#include "connectors/stderr_tail.hpp"

#include <utility>

#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

constexpr std::size_t logged_line_bytes = 8 << 10;

}  // namespace

StderrTail::StderrTail(ServerName server, std::size_t kept_bytes)
    : server_(std::move(server)), kept_bytes_(kept_bytes), lines_(logged_line_bytes, 16 << 10) {}

void StderrTail::filled(std::size_t bytes) {
  kept_.append(space_.data(), bytes);
  if (kept_.size() > 2 * kept_bytes_) kept_.erase(0, kept_.size() - kept_bytes_);
  lines_.filled(bytes);
  while (auto line = lines_.next()) {
    ++count_;
    if (line->kind == Line::Kind::too_long) line->text = "(a line that is too long for the log)";
    log_line(LogLevel::debug, "server.stderr",
             {{"server", server_.text()}, {"text", std::move(line->text)}});
  }
}

std::string StderrTail::text() const {
  if (kept_.size() <= kept_bytes_) return kept_;
  return kept_.substr(kept_.size() - kept_bytes_);
}

std::uint64_t OncePerSecond::count() {
  ++held_;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return 0;
  next_ = now + std::chrono::seconds(1);
  return std::exchange(held_, 0);
}

}  // namespace toolgate
