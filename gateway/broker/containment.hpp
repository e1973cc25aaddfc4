#pragma once
// The boundary that a server runs in, against the one that its configuration asks for. They differ
// only where this host cannot give the one that is asked for: then nothing of the server remains,
// or what an administrator wrote out (`when_missing`), in the lesser boundary written there. What
// holds it is tried anew at each start.

#include <string>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "signing/pins.hpp"

namespace toolgate {

struct Containment {
  enum class State {
    asked,   // as asked for, or not known to be missing
    lesser,  // as `when_missing` has it
    none,    // the server does not run
  };
  State state = State::asked;
  std::string missing;  // what the host lacks, unless it is as asked for

  bool is_as_asked() const { return state == State::asked; }
};

// The entry as it is started in the boundary of its `when_missing`, which it has.
ServerEntry lesser_entry(const ServerEntry& entry);

// Is this item to be had in that boundary? As asked for, everything is.
bool remains(const Containment& containment, const ServerEntry& entry, ItemKind kind,
             const std::string& key);

// For people: what runs where, with what, and why.
std::string lesser_text(const Containment& containment, const ServerEntry& entry);

}  // namespace toolgate
