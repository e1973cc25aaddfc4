#include "connectors/http_door_peer.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <istream>

namespace toolgate {
namespace {

using asio::ip::tcp;

// The table prints addresses as 32-bit words in the machine's byte order.
template <std::size_t size>
std::string words_text(const std::array<unsigned char, size>& bytes) {
  std::string text;
  for (std::size_t at = 0; at < size; at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, 4);
    std::array<char, 9> digits;
    std::snprintf(digits.data(), digits.size(), "%08X", word);
    text += digits.data();
  }
  return text;
}

std::string endpoint_text(const tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  std::array<char, 6> port;
  std::snprintf(port.data(), port.size(), ":%04X", unsigned{endpoint.port()});
  return (address.is_v4() ? words_text(address.to_v4().to_bytes())
                          : words_text(address.to_v6().to_bytes())) +
         port.data();
}

bool is_loopback(const asio::ip::address& address) {
  if (address.is_loopback()) return true;
  return address.is_v6() && address.to_v6().is_v4_mapped() &&
         asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
}

// The other way to write the same endpoint: 127.0.0.1 as ::ffff:127.0.0.1, or back. A program may
// reach an IPv4 listener through an IPv6 socket, and its row is then in the other table.
tcp::endpoint mapped(const tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (address.is_v4()) {
    return {asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()), endpoint.port()};
  }
  if (address.to_v6().is_v4_mapped()) {
    return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()), endpoint.port()};
  }
  return endpoint;
}

std::optional<uid_t> look_up(const tcp::endpoint& own, const tcp::endpoint& peer) {
  std::ifstream table(own.address().is_v4() ? "/proc/net/tcp" : "/proc/net/tcp6");
  return user_in_socket_table(table, socket_row_key(own, peer));
}

}  // namespace

std::string socket_row_key(const tcp::endpoint& own, const tcp::endpoint& peer) {
  return endpoint_text(peer) + " " + endpoint_text(own) + " 01";
}

// "  sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid ..."
std::optional<uid_t> user_in_socket_table(std::istream& table, const std::string& key) {
  std::string line;
  while (std::getline(table, line)) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos || line.compare(colon + 2, key.size(), key) != 0) continue;
    std::size_t at = colon + 2 + key.size();
    for (int skipped = 0; skipped < 3; ++skipped) {  // queues, timer, retransmissions
      at = line.find_first_not_of(' ', at);
      at = line.find(' ', std::min(at, line.size()));
    }
    at = line.find_first_not_of(' ', std::min(at, line.size()));
    if (at == std::string::npos) return std::nullopt;
    uid_t user = 0;
    const auto [end, error] = std::from_chars(line.data() + at, line.data() + line.size(), user);
    if (error != std::errc()) return std::nullopt;
    return user;
  }
  return std::nullopt;
}

std::optional<uid_t> local_peer_user(const tcp::endpoint& own, const tcp::endpoint& peer) {
  if (!is_loopback(own.address()) || !is_loopback(peer.address())) return std::nullopt;
  if (const auto user = look_up(own, peer)) return user;
  const tcp::endpoint other = mapped(own);
  if (other == own) return std::nullopt;
  return look_up(other, mapped(peer));
}

}  // namespace toolgate
