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
    case Revision::r2026_07_28:
      return "2026-07-28";
  }
  return "";
}

std::optional<Revision> revision_from(std::string_view text) {
  for (Revision revision : {Revision::r2024_11_05, Revision::r2025_03_26, Revision::r2025_06_18,
                            Revision::r2025_11_25, Revision::r2026_07_28}) {
    if (text == revision_text(revision)) return revision;
  }
  return std::nullopt;
}

std::optional<Revision> legacy_revision_from(std::string_view text) {
  auto revision = revision_from(text);
  if (revision && is_modern(*revision)) return std::nullopt;
  return revision;
}

}  // namespace toolgate
