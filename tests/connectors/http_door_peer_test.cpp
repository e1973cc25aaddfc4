#include "connectors/http_door_peer.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

namespace toolgate {
namespace {

using asio::ip::tcp;

// The user at the other end of an accepted connection: while it is open, after it was half closed,
// and when it is gone.
void check_pair(const std::string& listen, const std::string& dial) {
  CAPTURE(listen);
  CAPTURE(dial);
  asio::io_context loop(1);
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::make_address(listen), 0));
  tcp::socket client(loop);
  const tcp::endpoint door(asio::ip::make_address(dial), acceptor.local_endpoint().port());
  client.connect(door);
  tcp::socket accepted = acceptor.accept();
  const tcp::endpoint own = accepted.local_endpoint();
  const tcp::endpoint peer = accepted.remote_endpoint();
  CHECK(local_peer_user(own, peer) == ::geteuid());
  client.shutdown(tcp::socket::shutdown_send);
  CHECK(local_peer_user(own, peer) == ::geteuid());
  client.close();
  CHECK_FALSE(local_peer_user(own, peer));
  // A listener at the peer's port is no connection.
  CHECK_FALSE(local_peer_user(own, tcp::endpoint(door.address(), door.port())));
}

TEST_CASE("the user at the other end of a loopback connection") {
  check_pair("127.0.0.1", "127.0.0.1");
  check_pair("127.0.0.1", "::ffff:127.0.0.1");
}

}  // namespace
}  // namespace toolgate
