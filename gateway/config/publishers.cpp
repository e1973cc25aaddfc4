#include "gateway/config/publishers.hpp"

#include <string_view>
#include <vector>

#include "gateway/config/keys.hpp"
#include "gateway/core/names.hpp"
#include "signing/keyring.hpp"

namespace toolgate::config {
namespace {

std::optional<PublicKey> read_key(const Value& value, const Reading& reading) {
  const std::string text = value.text();
  auto itself = parse_public_key_text(text);
  if (!itself && text.starts_with("untrusted comment:")) itself = PublicKey::parse(text);
  if (itself) return *itself;
  const auto file = reading.path(value, "publishers");
  if (!file) return std::nullopt;
  const auto loaded = PublicKey::load(*file);
  if (loaded) return *loaded;
  reading.problems.add(value.begin(),
                       "a publisher's key is the text of a minisign .pub file, the 56 characters "
                       "of base64 in it, or such a file's path: " +
                           printable(loaded.refusal().detail, 4'096));
  return std::nullopt;
}

std::string unknown(const std::string& name, const Publishers& publishers) {
  std::vector<std::string_view> known;
  for (const auto& [publisher, key] : publishers) known.push_back(publisher);
  const std::string_view near = nearest(name, known);
  return "no publisher is called '" + printable(name) + "'" +
         (near.empty() ? "; name its key in \"publishers\" of the \"toolgate\" at the top"
                       : "; did you mean '" + std::string(near) + "'?");
}

}  // namespace

Publishers read_publishers(const Value& root, const Reading& reading) {
  Publishers result;
  const auto top = root.find("toolgate");
  const auto list = top ? top->find("publishers") : std::nullopt;
  if (!list) return result;
  for (const Member& member : list->members()) {
    const Status good = check_plain_name(member.name, "publisher");
    if (!good) reading.problems.add(member.value.name_begin(), good.refusal().detail);
    result.emplace(member.name, read_key(member.value, reading));
  }
  return result;
}

std::optional<Publisher> read_required_signature(const Value& entry, const ServerEntry& server,
                                                 const Publishers& publishers,
                                                 const Reading& reading) {
  const auto own = entry.find("toolgate");
  const auto required = own ? own->find("require_signature") : std::nullopt;
  if (!required) return std::nullopt;
  if (!server.is_local()) {
    reading.problems.add(required->name_begin(),
                         "'require_signature' is for local servers, whose package is frozen and "
                         "signed; a remote one is known by its 'certificate_key'");
    return std::nullopt;
  }
  const std::string name = required->text();
  const auto found = publishers.find(name);
  if (found == publishers.end()) {
    reading.problems.add(required->begin(), unknown(name, publishers));
    return std::nullopt;
  }
  if (!found->second) return std::nullopt;
  return Publisher{.name = name, .key = *found->second};
}

}  // namespace toolgate::config
