#include "connectors/launcher/programs.hpp"

// The bytes of the two programs, put between two names by the assembler.
#define TOOLGATE_PROGRAM(name, file)                                                     \
  asm(".pushsection .rodata\n"                                                           \
      ".balign 16\n"                                                                     \
      "toolgate_" #name                                                                  \
      "_begin:\n"                                                                        \
      ".incbin \"" file                                                                  \
      "\"\n"                                                                             \
      "toolgate_" #name                                                                  \
      "_end:\n"                                                                          \
      ".popsection\n");                                                                  \
  extern "C" const char toolgate_##name##_begin[] __attribute__((visibility("hidden"))); \
  extern "C" const char toolgate_##name##_end[] __attribute__((visibility("hidden")))

TOOLGATE_PROGRAM(launcher, LAUNCHER_FILE);
TOOLGATE_PROGRAM(canary, CANARY_FILE);

namespace toolgate {

std::span<const char> launcher_program() {
  return {toolgate_launcher_begin, toolgate_launcher_end};
}
std::span<const char> canary_program() { return {toolgate_canary_begin, toolgate_canary_end}; }

}  // namespace toolgate
