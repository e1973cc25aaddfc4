// What a server offers, read page by page, at the start, when it says that it changed, and by a
// timer of the broker's own: no server and no cache decides how old a list may be.

#include <algorithm>

#include "gateway/broker/upstream.hpp"
#include "gateway/core/log.hpp"
#include "signing/digest.hpp"

namespace toolgate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Milliseconds first_list_pause{5'000};  // after a list that could not be read
constexpr unsigned most_list_doublings = 3;

// The items of one list so far, by their keys.
struct ByKey {
  std::vector<Definition> definitions;  // in the order in which they came
  std::size_t page = 0;                 // of the last one
  std::string detail;                   // not empty: the last one breaks a rule
};

}  // namespace

// One list while it is read.
class ListReading {
 public:
  explicit ListReading(ItemKind kind) : kind_(kind) {}

  void next_page() { ++page_; }
  std::size_t page() const { return page_; }
  std::size_t size() const { return size_; }

  void add(std::string key, std::string json, const Status& may_be_offered) {
    auto [found, is_first] = items_.try_emplace(key);
    ByKey& of_key = found->second;
    if (is_first) order_.push_back(key);
    // A list that moves while it is read, or whose pages come from several replicas, may repeat
    // what it had at the end of a page.
    bool is_repeated = !is_first && of_key.page != page_ && of_key.definitions.back().json == json;
    of_key.page = page_;
    if (is_repeated) return;
    if (!may_be_offered) of_key.detail = may_be_offered.refusal().detail;
    of_key.definitions.push_back(Definition{kind_, std::move(key), std::move(json)});
    ++size_;
  }

  void move_into(Offer& offer) {
    for (const std::string& key : order_) {
      ByKey& of_key = items_.at(key);
      if (of_key.definitions.size() > 1) {
        offer.oddities.push_back(duplicates(of_key.definitions));
      } else if (!of_key.detail.empty()) {
        offer.oddities.push_back(Oddity{.why = SightingWhy::unreadable,
                                        .definition = std::move(of_key.definitions.front()),
                                        .detail = std::move(of_key.detail)});
      } else {
        offer.items.push_back(std::move(of_key.definitions.front()));
      }
    }
  }

 private:
  // Of two items with one name nobody can say which is meant: neither is offered.
  static Oddity duplicates(const std::vector<Definition>& definitions) {
    Oddity oddity;
    oddity.definition = Definition{definitions.front().kind, definitions.front().key, "["};
    for (const Definition& one : definitions) {
      if (oddity.definition.json.size() > 1) oddity.definition.json += ',';
      oddity.definition.json += one.json;
    }
    oddity.definition.json += ']';
    oddity.detail = "the server offers several things under this name";
    return oddity;
  }

  ItemKind kind_;
  std::size_t page_ = 0;
  std::size_t size_ = 0;
  std::map<std::string, ByKey> items_;
  std::vector<std::string> order_;
};

// Reads every list anew; `offer` keeps its capabilities and instructions, and all that it had when
// this fails.
Task<Status> Upstream::list_all(Offer& offer) {
  Offer listed;
  for (const Definition& item : offer.items) {
    if (is_unlisted(item.kind)) listed.items.push_back(item);
  }
  JsonLimits limits;
  auto capabilities = parse_document(Untrusted<std::string>(offer.capabilities), limits);
  if (!capabilities) co_return capabilities.refusal();
  for (const ListMethod& method : list_methods) {
    if (!declares(capabilities->root(), method.capability)) continue;
    Status status = co_await list(method, listed);
    if (!status) co_return status.refusal();
  }
  offer.items = std::move(listed.items);
  offer.oddities = std::move(listed.oddities);
  co_return done();
}

Task<Status> Upstream::list(const ListMethod& method, Offer& into) {
  std::string params = own_params("");
  ListReading reading(method.kind);
  while (true) {
    if (reading.page() >= entry_.limits.list_pages) {
      co_return Refusal(Reason::too_large, "'" + name() + "' has more pages of " +
                                               std::string(method.method) + " than " +
                                               std::to_string(reading.page()));
    }
    auto reply = co_await ask(std::string(method.method), params, start_time_left(),
                              carriage(method.method, ""));
    if (!reply) co_return reply.refusal();
    if (reply->is_error()) {
      auto code = reply->message.body().find("code");
      auto number = code ? code->integer() : std::nullopt;
      if (number == -32601) co_return done();  // announced, but not there: nothing to list
      co_return Refusal(Reason::bad_answer, "'" + name() + "' answered " +
                                                std::string(method.method) + " with error " +
                                                std::to_string(number.value_or(0)));
    }
    auto items = reply->message.body().find(method.member);
    if (!items || !items->is_array()) {
      co_return Refusal(Reason::bad_answer, "'" + name() + "' answered " +
                                                std::string(method.method) + " without a list");
    }
    Status taken = take_page(method, *items, reading);
    if (!taken) co_return taken.refusal();
    auto cursor = reply->message.body().find("nextCursor");
    if (!cursor || !cursor->is_string()) break;
    params = own_params(R"("cursor":)" + std::string(cursor->raw()));
  }
  const std::size_t odd = into.oddities.size();
  reading.move_into(into);
  for (std::size_t at = odd; at < into.oddities.size(); ++at) {
    log_line(LogLevel::warning, "server.odd_item",
             {{"server", name()}, {"why", into.oddities[at].detail}});
  }
  co_return done();
}

Status Upstream::take_page(const ListMethod& method, const Value& items,
                           ListReading& reading) const {
  reading.next_page();
  for (const Value& item : items.elements()) {
    auto key = item.find(method.key);
    bool named = key && key->is_string() && key->size() + 2 < key->raw().size();
    if (!named || key->raw().size() > entry_.limits.key_bytes) {
      log_line(LogLevel::warning, "server.item_without_name",
               {{"server", name()}, {"method", std::string(method.method)}});
      continue;
    }
    reading.add(key->text(), std::string(item.raw()), may_be_offered(method, item));
    if (reading.size() > entry_.limits.list_items) {
      return Refusal(Reason::too_large, "'" + name() + "' lists more than " +
                                            std::to_string(entry_.limits.list_items) +
                                            " items in " + std::string(method.method));
    }
  }
  return done();
}

Task<> Upstream::stay_up() {
  while (!gone_ && !stopping_) {
    if (stale_) {
      stale_ = false;
      relist_at_ = Clock::now() + entry_.limits.relist_ms;
      start_by_ = Clock::now() + entry_.limits.start_ms;
      Status status = co_await read_anew();
      if (status) {
        list_failures_ = 0;
        unlisted_.clear();
        events_.offered(*this);
      } else if (!gone_) {
        list_failed(status.refusal());
      }
      continue;
    }
    changed_.expires_at(relist_at_);
    co_await changed_.async_wait(as_result);
    if (Clock::now() >= relist_at_) stale_ = true;
  }
}

// What cannot be read may be anything: soon again, and not for ever on trust.
void Upstream::list_failed(const Refusal& why) {
  log_line(LogLevel::warning, "server.list_failed", {{"server", name()}, {"why", why.detail}});
  ++list_failures_;
  refresh_within(first_list_pause * (1U << std::min(list_failures_ - 1, most_list_doublings)));
  if (list_failures_ < entry_.limits.list_failures || !unlisted_.empty()) return;
  unlisted_ = why.detail;
  events_.unlisted(*this, why);
}

void Upstream::refresh_within(Milliseconds time) {
  auto at = Clock::now() + time;
  if (at >= relist_at_) return;
  relist_at_ = at;
  changed_.cancel();
}

}  // namespace toolgate
