#include "gateway/core/revision.hpp"

namespace toolgate {

std::string_view revision_text(Revision revision) {
  switch (revision) {
    case Revision::r2024_11_05:
      return "2024-11-05";
    case Revision::r2025_03_26:
      return "2025-03-26";
    case Revision::r2025_06_18:
      return "2025-06-18";
    case Revision::r2025_11_25:
      return "2025-11-25";
  }
  return "";
}

std::optional<Revision> revision_from(std::string_view text) {
  for (Revision revision : {Revision::r2024_11_05, Revision::r2025_03_26, Revision::r2025_06_18,
                            Revision::r2025_11_25}) {
    if (text == revision_text(revision)) return revision;
  }
  return std::nullopt;
}

}  // namespace toolgate
