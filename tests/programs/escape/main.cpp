// Runs attacks, each in a process of its own:
//
//   escape NAME ARGUMENT... [+ NAME ARGUMENT...]...
//
// prints one line for each: "denied EACCES", "succeeded ..." or "killed SIGSYS" (after a minute:
// "killed SIGALRM"). See attacks.hpp.

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/programs/escape/attacks.hpp"

namespace {

using escape::Attack;

const Attack* find(std::string_view name) {
  for (auto attacks : {escape::file_attacks(), escape::link_attacks(), escape::network_attacks(),
                       escape::process_attacks(), escape::kernel_attacks(), escape::race_attacks(),
                       escape::resource_attacks(), escape::host_helpers()}) {
    for (const Attack& attack : attacks) {
      if (attack.name == name) return &attack;
    }
  }
  return nullptr;
}

// In a child. What the attack says stands behind "succeeded" only when it did.
[[noreturn]] void attempt(const Attack& attack, char** arguments) {
  alarm(60);
  char text[4096] = {};
  setvbuf(stdout, text, _IOFBF, sizeof text);
  errno = 0;
  std::printf("succeeded ");
  const long result = attack.run(arguments);
  const int error = errno;
  if (result >= 0) {
    std::printf("\n");
    std::fflush(stdout);
  } else {
    const char* name = strerrorname_np(error);
    std::string line = "denied " + std::string(name == nullptr ? "?" : name) + "\n";
    if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(2);
  }
  _exit(0);
}

void run(char** words) {
  const Attack* attack = find(words[0]);
  if (attack == nullptr) {
    std::printf("no attack %s\n", words[0]);
    std::fflush(stdout);
    return;
  }
  const pid_t child = fork();
  if (child == 0) attempt(*attack, words + 1);
  if (child < 0) {
    std::printf("no process: %s\n", strerrorname_np(errno));
    return;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFSIGNALED(status)) {
    const char* name = sigabbrev_np(WTERMSIG(status));
    std::printf("killed SIG%s\n", name == nullptr ? "?" : name);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> words;
  for (int i = 1; i <= argc; ++i) {
    if (i < argc && strcmp(argv[i], "+") != 0) {
      words.push_back(argv[i]);
      continue;
    }
    if (words.empty()) continue;
    words.push_back(nullptr);
    run(words.data());
    words.clear();
  }
}
