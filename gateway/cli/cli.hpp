#pragma once
// The command line, whole: finds the command, checks its options, runs it.

namespace toolgate {

// Exit status: 0 done, 1 refused or failed, 2 a command line that makes no sense, 3 findings, or
// something that does not verify. Call start_cryptography() first. Faults are exceptions, for
// main() to catch.
int run_command(int argc, char** argv);

}  // namespace toolgate
