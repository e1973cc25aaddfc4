#pragma once
// Whose process is at the other end of a loopback TCP connection? The kernel knows the user who
// made the peer's socket. It is asked for that one socket (sock_diag(7)), which takes microseconds.
// Where it does not answer, its tables are read (proc(5), /proc/net/tcp): milliseconds, however few
// sockets there are.
//
// What it does not protect against: a program of the same user that passes foreign connections on.

#include <sys/types.h>

#include <boost/asio/ip/tcp.hpp>
#include <iosfwd>
#include <optional>
#include <string>

#include "gateway/core/task.hpp"

namespace toolgate {

// The user of the socket at `peer` that is connected to `own`. Nothing when both ends are not on
// this machine's loopback, or no process has a connected socket of these four numbers (any more):
// then nobody is believed to be anybody.
std::optional<uid_t> local_peer_user(const asio::ip::tcp::endpoint& own,
                                     const asio::ip::tcp::endpoint& peer);

// The same in one table's text, for tests. `key` is what socket_row_key() makes.
std::optional<uid_t> user_in_socket_table(std::istream& table, const std::string& key);
// "0100007F:1F90 0100007F:2260 01": how the table writes an established connection from peer to
// own.
std::string socket_row_key(const asio::ip::tcp::endpoint& own, const asio::ip::tcp::endpoint& peer);

}  // namespace toolgate
