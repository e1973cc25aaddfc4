#pragma once
// What a command that runs a program of this machine asks for: the interpreter and its options, the
// script, and the script's own arguments; or a program that runs itself. Read without looking at
// the disk, and strictly: an option that makes the interpreter load something else is refused,
// never passed over. So is a program that is known to start another one (nice, timeout, xargs), or
// to run what it is given (a shell, another interpreter), under any version of its name.
//
//   node [OPTION...] SCRIPT ARGUMENTS...
//   python3 [OPTION...] SCRIPT ARGUMENTS...
//   PROGRAM ARGUMENTS...

#include <string>
#include <string_view>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

struct LocalCommand {
  std::string interpreter;           // as it is written; empty: the script is executed itself
  std::vector<std::string> options;  // of the interpreter
  std::string script;                // as it is written
  std::vector<std::string> arguments;
};

// Which interpreters can be frozen with what they run.
enum class InterpreterKind { none, node, python };
// By the name of the program: "node", "node22", "/usr/bin/python3.11".
InterpreterKind interpreter_kind(std::string_view program);

// Does this option change nothing of what an interpreter loads?
bool is_harmless_option(InterpreterKind interpreter, std::string_view option);

// Is this the name of an interpreter, a shell or a tool that fetches what it runs? As an argument
// of another program it says that this one only starts it.
bool is_known_to_run_others(std::string_view word);

// Refuses with `unsupported` what cannot be frozen, and says what to do instead.
Result<LocalCommand> parse_local_command(const std::vector<std::string>& argv);

}  // namespace toolgate
