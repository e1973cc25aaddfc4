#include "gateway/scopes/argument_scopes.hpp"

#include <algorithm>

#include "gateway/config/problems.hpp"

namespace toolgate {
namespace {

constexpr std::size_t told_scopes = 8;
constexpr std::size_t told_characters = 256;  // of a scope's path

Refusal out_of_scope(std::string text) { return Refusal(Reason::out_of_scope, std::move(text)); }

}  // namespace

ArgumentScopes::ArgumentScopes(const ServerEntry& entry)
    : server_(entry.name.text()), scopes_(entry.files, entry.working_directory()) {}

Result<Confined> ArgumentScopes::confine(const std::vector<PathArgument>& arguments) {
  std::size_t steps = most_steps;
  for (const PathArgument& argument : arguments) {
    Status good = judge(argument, steps);
    if (!good) return good.refusal();
  }
  return Confined();
}

Status ArgumentScopes::judge(const PathArgument& argument, std::size_t& steps) {
  if (scopes_.scopes().empty()) {
    return out_of_scope(argument.what + " is a path, and '" + server_ +
                        "' has no file scopes (\"files\" in its entry)");
  }
  auto readings = readings_of(argument.text, scopes_.working_directory());
  if (argument.grounds == PathArgument::Grounds::perhaps) {
    const bool names_something =
        readings && std::ranges::any_of(*readings, [&](const PathReading& reading) {
          return reading.names.size() > reading.given &&
                 scopes_.is_in_working_directory(reading.names[reading.given]);
        });
    if (!names_something) return done();
  }
  if (!readings) {
    return out_of_scope(argument.what + " cannot be held against the file scopes of '" + server_ +
                        "': " + readings.refusal().detail);
  }
  for (const PathReading& reading : *readings) {
    auto place = scopes_.locate(reading, steps);
    if (place) continue;
    std::string text =
        argument.what + " " + place.refusal().detail + " of '" + server_ + "' " + described();
    PathReading base;
    base.names.assign(scopes_.working_directory().begin(), scopes_.working_directory().end());
    if (reading.given > 0 && !scopes_.locate(base, steps)) {
      text +=
          ". It is relative, and the working directory of the server is no file scope: use an "
          "absolute path";
    }
    return out_of_scope(std::move(text));
  }
  return done();
}

std::string ArgumentScopes::described() const {
  std::string text;
  const auto& scopes = scopes_.scopes();
  for (std::size_t at = 0; at < scopes.size() && at < told_scopes; ++at) {
    text += (text.empty() ? "(" : ", ") +
            config::printable(scopes[at].path.string(), told_characters) + " " +
            std::string(mode_name(scopes[at].mode));
  }
  if (scopes.size() > told_scopes) {
    text += " and " + std::to_string(scopes.size() - told_scopes) + " more";
  }
  return text + ")";
}

}  // namespace toolgate
