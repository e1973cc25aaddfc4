// The program. Everything else is built here and handed down.

#include <exception>

#include "connectors/keeper.hpp"
#include "gateway/cli/cli.hpp"
#include "gateway/core/log.hpp"
#include "signing/keys.hpp"

int main(int argc, char** argv) {
  using namespace toolgate;
  if (is_keeper(argc, argv)) return keeper_main(argc, argv);
  try {
    start_cryptography();
    return run_command(argc, argv);
  } catch (const std::exception& fault) {
    log_line(LogLevel::error, "fault", {{"what", fault.what()}});
    return 1;
  }
}
