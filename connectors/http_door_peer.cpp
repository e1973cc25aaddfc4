#include "connectors/http_door_peer.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <istream>

#include "connectors/descriptor.hpp"

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

// An IPv4 address, also where it is written as ::ffff:127.0.0.1: the kernel has one table for both.
tcp::endpoint plain(const tcp::endpoint& endpoint) {
  return endpoint.address().is_v6() ? mapped(endpoint) : endpoint;
}

constexpr std::size_t head_bytes = sizeof(nlmsghdr);

struct DiagRequest {
  nlmsghdr header{};
  inet_diag_req_v2 about{};
};

void put_address(__be32 (&into)[4], const asio::ip::address& address) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    std::memcpy(into, bytes.data(), bytes.size());
  } else {
    const auto bytes = address.to_v6().to_bytes();
    std::memcpy(into, bytes.data(), bytes.size());
  }
}

// For the socket at `peer` whose other end is `own`.
DiagRequest diag_request(const tcp::endpoint& own, const tcp::endpoint& peer) {
  DiagRequest request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.about.sdiag_family = peer.address().is_v4() ? AF_INET : AF_INET6;
  request.about.sdiag_protocol = IPPROTO_TCP;
  request.about.idiag_states = ~0U;
  request.about.id.idiag_sport = htons(peer.port());
  request.about.id.idiag_dport = htons(own.port());
  put_address(request.about.id.idiag_src, peer.address());
  put_address(request.about.id.idiag_dst, own.address());
  request.about.id.idiag_cookie[0] = request.about.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return request;
}

// The user of a socket that a process still holds, connected to the other one. A closed socket has
// no inode, and the kernel then says user 0; a listener answers for a connection that is not there.
std::optional<uid_t> user_of(const inet_diag_msg& found, const inet_diag_sockid& asked) {
  const bool connected = found.idiag_state == TCP_ESTABLISHED ||
                         found.idiag_state == TCP_FIN_WAIT1 || found.idiag_state == TCP_FIN_WAIT2;
  const bool same =
      found.id.idiag_sport == asked.idiag_sport && found.id.idiag_dport == asked.idiag_dport;
  if (!connected || !same || found.idiag_inode == 0) return std::nullopt;
  return found.idiag_uid;
}

struct Asked {
  bool answered = false;
  std::optional<uid_t> user;
};

Asked ask_kernel(const tcp::endpoint& own, const tcp::endpoint& peer) {
  Descriptor kernel(
      ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  const DiagRequest request = diag_request(plain(own), plain(peer));
  if (!kernel || ::send(kernel.number(), &request, sizeof request, 0) != sizeof request) return {};
  alignas(nlmsghdr) std::array<char, 4096> answer;
  const ssize_t size = ::recv(kernel.number(), answer.data(), answer.size(), 0);
  if (size < static_cast<ssize_t>(head_bytes)) return {};
  nlmsghdr header{};
  std::memcpy(&header, answer.data(), head_bytes);
  const std::size_t body = static_cast<std::size_t>(size) - head_bytes;
  if (header.nlmsg_type == NLMSG_ERROR && body >= sizeof(nlmsgerr)) {
    nlmsgerr why{};
    std::memcpy(&why, answer.data() + head_bytes, sizeof why);
    return Asked{why.error == -ENOENT, std::nullopt};
  }
  inet_diag_msg found{};
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || body < sizeof found) return {};
  std::memcpy(&found, answer.data() + head_bytes, sizeof found);
  return Asked{true, user_of(found, request.about.id)};
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
  const Asked asked = ask_kernel(own, peer);
  if (asked.answered) return asked.user;
  if (const auto user = look_up(own, peer)) return user;
  const tcp::endpoint other = mapped(own);
  if (other == own) return std::nullopt;
  return look_up(other, mapped(peer));
}

}  // namespace toolgate
