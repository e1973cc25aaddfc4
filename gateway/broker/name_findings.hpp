#pragma once
// What is suspicious about the name of a tool or prompt, seen beside all the others: models choose
// by names, and a person reads past a letter.
//
//   name.shadow   another server has one of that name, or it is that of a tool that harnesses bring
//   name.similar  it can be taken for another one: a lookalike letter, or one letter more or less
//   name.renamed  an approved definition under another name: what held it by its name does not any
//   more

#include <span>
#include <string>
#include <vector>

#include "gateway/core/finding.hpp"
#include "signing/pins.hpp"

namespace toolgate {

struct NamedItem {
  std::string server;
  ItemKind kind = ItemKind::tool;
  std::string key;
};

// Compares with `others`, which may hold the item itself. Findings name servers (the
// configuration's words), never names of tools.
std::vector<Finding> name_findings(const std::string& server, const Definition& definition,
                                   std::span<const NamedItem> others);

// `gone`: definitions that were approved and are not offered any more as they were.
std::vector<Finding> renamed_findings(const Definition& definition,
                                      std::span<const Definition> gone);

}  // namespace toolgate
