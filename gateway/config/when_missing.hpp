#pragma once
// Reading `when_missing`: what remains of a server when this host cannot give the boundary that its
// `isolation` asks for. Without it nothing remains; with it the server may run in the lesser
// boundary that is written out, with the tools that are listed by name, and never in less.

#include "gateway/config/configuration.hpp"
#include "gateway/config/server_entry.hpp"

namespace toolgate::config {

// `server` has its isolation and limits. What is wrong is in `reading.problems`.
WhenMissing read_when_missing(const Value& value, const ServerEntry& server,
                              const Reading& reading);

}  // namespace toolgate::config
