#pragma once
// Which of the decoders can have anything to do with a text? Loops without branches, which the
// compiler turns into vectors: most texts are asked nothing more than this.

#include <string_view>

namespace toolgate {

struct Survey {
  bool escapes = false;            // \\ % & =
  bool terminal_controls = false;  // ESC, BS, or a lead byte of C1
  bool spaced_letters = false;     // many letters that stand alone beside each other
  bool leet = false;               // digits before letters, several times
};
Survey survey(std::string_view text);

}  // namespace toolgate
