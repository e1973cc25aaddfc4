#include "gateway/cli/file_records.hpp"

#include "gateway/cli/home.hpp"
#include "gateway/core/document.hpp"

namespace toolgate {

Status record_file_outcome(const Invocation& call, Record about,
                           const Result<std::optional<std::string>>& made) {
  about.kind = "file.outcome";
  about.decision = made ? "allow" : "error";
  about.reason =
      made ? "done"
           : std::string(reason_name(made.refusal().reason)) + ": " + made.refusal().detail;
  if (made && *made) about.result = "{\"kept\":" + json_quote(**made) + "}";
  return record_act(call, std::move(about));
}

}  // namespace toolgate
