#pragma once
// The control socket of a sandbox of runsc's: one request at a time, JSON both ways, as its own
// commands use it (runsc of 2022-12-19: pkg/urpc, runsc/boot/controller.go).

namespace toolgate {

// Makes the socket that runsc shall listen on, and connects to it. Both close on execution.
struct ControlSockets {
  int listening = -1;  // for runsc
  int connected = -1;  // for us: answered once runsc accepts
};
// False, and errno.
bool make_control_sockets(ControlSockets& sockets);

// Sends the request and waits for its answer. Whether it says success.
bool ask_control(int socket, const char* request);

// A loopback of the machine's own, as runsc gives one that has no other network.
inline constexpr char request_loopback[] =
    R"({"method":"Network.CreateLinksAndRoutes","arg":{"LoopbackLinks":[{"Name":"lo",)"
    R"("Addresses":[{"Address":"127.0.0.1","PrefixLen":8},{"Address":"::1","PrefixLen":128}],)"
    R"("Routes":[{"Destination":{"IP":"127.0.0.0","Mask":"/wAAAA=="},"Gateway":""},)"
    R"({"Destination":{"IP":"::1","Mask":"/////////////////////w=="},"Gateway":""}]}]}})";
inline constexpr char request_start[] = R"({"method":"containerManager.StartRoot","arg":"server"})";

}  // namespace toolgate
