#include "gateway/cli/last_review.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "gateway/config/edit.hpp"
#include "signing/private_file.hpp"

namespace toolgate {
namespace {

std::filesystem::path file_of(const std::filesystem::path& home, const std::string& server) {
  return home / "reviews" / server;  // a server's name is a plain one
}

std::string seal_of_all(const std::string& server, const std::vector<Shown>& shown,
                        const ReviewSeal& seal) {
  std::vector<std::string> seals = {"all of", server};
  for (const Shown& item : shown) seals.push_back(item.seal);
  return seal.seal(seals) + "\n";
}

}  // namespace

Status remember_review(const std::filesystem::path& home, const std::string& server,
                       const std::vector<Shown>& shown, const ReviewSeal& seal) {
  const auto file = file_of(home, server);
  const auto folder = file.parent_path();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Refusal(Reason::storage,
                   "the folder " + folder.string() + " cannot be made: " + std::strerror(errno));
  }
  return replace_file(file, seal_of_all(server, shown, seal));
}

bool is_last_review(const std::filesystem::path& home, const std::string& server,
                    const std::vector<Shown>& shown, const ReviewSeal& seal) {
  FileRules rules;
  rules.forbidden = 022;
  auto text = read_own_file(file_of(home, server), rules);
  return text && constant_time_equal(text->view(), seal_of_all(server, shown, seal));
}

}  // namespace toolgate
