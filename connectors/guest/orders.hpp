#pragma once
// What the programs of the tier `vm` agree on with who writes their orders
// (connectors/sandbox/machine.cpp). There are two of them:
// - the attendant (attendant.cpp) runs on the host, in the sandbox that QEMU runs in, and is QEMU's
//   parent: it carries the server's stdout and stderr, and makes its end the server's end;
// - the guest's init (init.cpp) is the first process of the virtual machine, makes what the server
//   sees there, and starts it.
//
// The orders of init are the file `guest_orders_file` of its first file system, in fields as in
// connectors/launcher/orders.hpp:
//
//   "toolgate-guest 1"
//   user id and group id of the server
//   bytes that each of the private folders may hold
//   count, then so many paths that have a mount of their own: letters (GuestMount), path
//   working directory
//   count, then so many resource limits: number of the resource (RLIMIT_*), value
//   count, then the arguments of the program (its name first)
//   count, then its environment, NAME=value
//   the number of instructions of the filter of system calls, "0", then the instructions
//
// The two speak over a socket and a port of the machine, in lines. Init says
//   x            the server's program is executed
//   nERRNO       it could not be
//   rTEXT        a step before failed
//   oBYTES       the server's stdout has ended, after so many bytes
//   eSTATUS OUT ERR   the server has ended, with this status as a shell has it, after so many bytes
//                on stdout and on stderr; all that it wrote to files has reached the host
// and hears 'T': SIGTERM to the server's process group.

namespace toolgate {

inline constexpr char guest_orders_version[] = "toolgate-guest 1";
inline constexpr const char* guest_orders_file = "/orders";
inline constexpr const char* guest_modules_folder = "/modules";  // of the kernel, in this order
inline constexpr const char* guest_tag = "guest";                // of the exported folder

// Letters of a mount.
enum class GuestMount : char { writable = 'w', executable = 'x' };

// The server's own in the machine: memory, gone with it.
inline constexpr const char* guest_private_folders[] = {"/tmp", "/dev/shm", "/home/toolgate"};

// The ports of the machine, by the numbers that QEMU gives them. The control port is the last one:
// where it is connected, the others are.
enum class GuestPort : int { input = 1, output = 2, errors = 3, control = 4 };
inline constexpr char guest_says_output_ended = 'o';
inline constexpr char guest_says_ended = 'e';
inline constexpr char guest_hears_terminate = 'T';

// The descriptors that the attendant starts QEMU with, beside 0 (the server's stdin), 1 (nothing)
// and 2 (its own complaints).
inline constexpr int machine_output_number = 3;
inline constexpr int machine_errors_number = 4;
inline constexpr int machine_control_number = 5;

}  // namespace toolgate
