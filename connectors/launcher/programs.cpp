#include "connectors/launcher/programs.hpp"

// The bytes of the programs, put between two names by the assembler.
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
TOOLGATE_PROGRAM(attendant, ATTENDANT_FILE);
TOOLGATE_PROGRAM(guest_init, GUEST_INIT_FILE);
TOOLGATE_PROGRAM(runsc_driver, RUNSC_DRIVER_FILE);
TOOLGATE_PROGRAM(runsc_first, RUNSC_FIRST_FILE);

namespace toolgate {

std::span<const char> launcher_program() {
  return {toolgate_launcher_begin, toolgate_launcher_end};
}
std::span<const char> canary_program() { return {toolgate_canary_begin, toolgate_canary_end}; }
std::span<const char> attendant_program() {
  return {toolgate_attendant_begin, toolgate_attendant_end};
}
std::span<const char> guest_init_program() {
  return {toolgate_guest_init_begin, toolgate_guest_init_end};
}
std::span<const char> runsc_driver_program() {
  return {toolgate_runsc_driver_begin, toolgate_runsc_driver_end};
}
std::span<const char> runsc_first_program() {
  return {toolgate_runsc_first_begin, toolgate_runsc_first_end};
}

}  // namespace toolgate
