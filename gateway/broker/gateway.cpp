#include "gateway/broker/gateway.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <fstream>
#include <iterator>
#include <utility>

#include "connectors/sandbox/cgroup_place.hpp"
#include "gateway/config/approval_rules.hpp"
#include "gateway/core/log.hpp"
#include "gateway/packages/frozen.hpp"
#include "gateway/store/trust.hpp"

namespace toolgate {
namespace {

constexpr Milliseconds look_every{500};  // at the store and at what `status` shows
constexpr Milliseconds last_records_ms{2'000};
constexpr std::string_view fresh_suffix = ".new";
constexpr std::int64_t unknown_version = -1;

std::filesystem::path status_file(const std::filesystem::path& home) {
  return home / "run" / (std::to_string(::getpid()) + ".json");
}

// What gateways that were killed left behind.
void sweep_status_files(const std::filesystem::path& home) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(home / "run", error)) {
    if (entry.path().extension() != ".json" && entry.path().extension() != fresh_suffix) continue;
    int pid = std::atoi(entry.path().stem().c_str());
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) {
      std::filesystem::remove(entry.path(), error);
    }
  }
}

boost::json::object status_of(const Upstream& server) {
  boost::json::object one;
  one["server"] = server.name();
  one["state"] = std::string(state_name(server.state()));
  const Containment& containment = server.containment();
  if (containment.state == Containment::State::lesser && server.entry().when_missing) {
    one["isolation"] = std::string(isolation_name(server.entry().when_missing->isolation));
  }
  one["missing"] = containment.missing;
  if (auto pid = server.process_id()) one["pid"] = *pid;
  if (auto revision = server.revision()) one["revision"] = std::string(revision_text(*revision));
  if (auto why = server.why_no_tree()) {
    one["limits"] = why->empty() ? "tree" : "process";
    one["no_tree"] = *why;
  }
  one["restarts"] = server.restarts();
  one["last_error"] = server.last_error();
  one["last_words"] = server.last_words();
  return one;
}

boost::json::object status_of_held(const ServerName& server, const std::string& why) {
  boost::json::object one;
  one["server"] = server.text();
  one["state"] = "held";
  one["last_error"] = why;
  return one;
}

}  // namespace

Gateway::Gateway(std::filesystem::path home, std::filesystem::path configuration)
    : home_(std::move(home)),
      configuration_file_(std::move(configuration)),
      signals_(loop_),
      background_(loop_.get_executor(), "gateway"),
      file_records_(loop_.get_executor(), "file records") {}

Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::make(std::filesystem::path home,
                                               std::filesystem::path configuration) {
  std::unique_ptr<Gateway> gateway(new Gateway(std::move(home), std::move(configuration)));
  Status status = gateway->open();
  if (!status) return status.refusal();
  return gateway;
}

Status Gateway::open() {
  known_artefacts_ = artefacts_version(home_);  // before the records: what changes later is noticed
  auto configuration = load_configuration(configuration_file_, process_environment());
  if (!configuration) return configuration.refusal();
  set_gateway_home(*configuration, home_);
  attach_artefacts(*configuration, home_);
  limits_.json.bytes = configuration->message_bytes;
  auto store = Store::open(home_, Store::Mode::existing);
  if (!store) return store.refusal();
  store_ = std::move(*store);
  auto audit_store = Store::open(home_, Store::Mode::existing);
  if (!audit_store) return audit_store.refusal();
  audit_store_ = std::move(*audit_store);
  auto custodian = StoreCustodian::open(home_);
  if (!custodian) return custodian.refusal();
  custodian_ = std::move(*custodian);
  auto approved = load_approved(home_, *store_, configuration->approvals);
  if (!approved) return approved.refusal();
  known_version_ = (*approved)->version;  // what changes later is noticed
  auto executor = loop_.get_executor();
  audit_ = std::make_unique<AuditLog>(executor, *audit_store_, configuration->audit);
  sightings_ = std::make_unique<SightingBook>(*store_);
  tell_refused(**approved);
  if (!refused_.empty()) known_version_ = unknown_version;
  custodian_->record_with([this](Record record, std::shared_ptr<OpenNotes> notes) {
    file_records_.spawn(record_files(std::move(record), std::move(notes)));
  });
  gate_ = std::make_unique<InspectionGate>(all_inspectors());
  auto seal = StateSeal::load_or_make(home_ / "state.key");
  if (!seal) return seal.refusal();
  seal_ = std::make_unique<StateSeal>(std::move(*seal));
  broker_ = std::make_unique<Broker>(executor, std::move(*configuration), std::move(*approved),
                                     *audit_, *sightings_, *gate_, *seal_, limits_,
                                     make_links(proof_, custodian_.get()));
  doorkeeper_ = std::make_unique<StoreDoorkeeper>(*store_, *broker_);
  return done();
}

void Gateway::begin(Servers servers, std::function<void()> stop,
                    std::vector<std::string> leftovers) {
  stop_ = std::move(stop);
  ::signal(SIGPIPE, SIG_IGN);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
  std::error_code error;
  std::filesystem::create_directories(home_ / "run", error);
  std::filesystem::permissions(home_ / "run", std::filesystem::perms::owner_all, error);
  sweep_status_files(home_);
  make_room_for_trees();
  watch_over(std::move(leftovers));
  auto watch = ConfigurationWatch::start(loop_.get_executor(), configuration_file_,
                                         [this] { reload_configuration(); });
  if (watch) {
    watch_ = std::move(*watch);
  } else {
    log_line(LogLevel::warning, "configuration.not_watched", {{"why", watch.refusal().detail}});
  }
  background_.spawn(watch_signals());
  background_.spawn(watch_store());
  background_.spawn(publish_status());
  if (servers == Servers::at_once) broker_->start();
}

Task<> Gateway::end() {
  stopping_ = true;
  watch_.reset();
  proof_.stop();
  co_await broker_->stop();
  custodian_->record_with(nullptr);
  co_await file_records_.drain(last_records_ms);
  boost::system::error_code ignored;
  signals_.cancel(ignored);
  co_await background_.drain(Milliseconds(0));
  std::error_code error;
  std::filesystem::remove(status_file(home_), error);
  janitor_.reset();
}

// What changed, what was refused and what could not be kept are records of their own: they ask for
// different things.
Task<> Gateway::record_files(Record record, std::shared_ptr<OpenNotes> notes) {
  co_await asio::this_coro::throw_if_cancelled(false);  // at the end it is written all the same
  const FileNotes files = co_await OpenNotes::settled(std::move(notes));
  record.files.more = files.more;
  for (const std::string_view kind : {"file.change", "file.held", "file.not_kept"}) {
    Record one = record;
    one.files = FileNotes();
    one.kind = kind;
    one.decision = kind == "file.change" ? "allow" : "deny";
    std::ranges::copy_if(files.list, std::back_inserter(one.files.list),
                         [kind](const FileNote& note) { return record_kind(note) == kind; });
    if (one.files.list.empty()) continue;
    one.files.more = std::exchange(record.files.more, 0);
    auto written = co_await audit_->write(std::move(one));
    if (written) continue;
    log_line(LogLevel::error, "custody.not_recorded",
             {{"server", record.server}, {"why", written.refusal().detail}});
  }
}

// Before anything is started (connectors/sandbox/cgroup_place.hpp). Where there is no place for
// cgroups, each start says so.
void Gateway::make_room_for_trees() {
  const auto place = place_for_cgroups(::getpid());
  if (place || place.refusal().reason == Reason::uncontained) return;
  log_line(LogLevel::warning, "cgroups.no_room", {{"why", place.refusal().detail}});
}

// Nothing of this process stays behind, even if it is killed.
void Gateway::watch_over(std::vector<std::string> leftovers) {
  const std::string status = status_file(home_).string();
  leftovers.push_back(status);
  leftovers.push_back(status + std::string(fresh_suffix));
  auto janitor = Janitor::start("/proc/self/exe", std::move(leftovers));
  if (janitor) {
    janitor_ = std::move(*janitor);
  } else {
    log_line(LogLevel::warning, "gateway.no_janitor", {{"why", janitor.refusal().detail}});
  }
}

Task<> Gateway::watch_signals() {
  bool asked = false;
  while (true) {
    auto [error, number] = co_await signals_.async_wait(as_result);
    if (error) co_return;
    if (number == SIGHUP) {
      reload_configuration();
      continue;
    }
    if (std::exchange(asked, true)) ::_exit(128 + number);
    log_line(LogLevel::info, "gateway.stopping", {{"signal", std::to_string(number)}});
    stop_();
  }
}

void Gateway::reload_configuration() {
  if (stopping_) return;
  auto configuration = load_configuration(configuration_file_, process_environment());
  if (!configuration) {
    log_line(LogLevel::error, "configuration.refused",
             {{"why", configuration.refusal().detail}, {"remedy", "the old one stays in force"}});
    return;
  }
  if (!look_at_store()) keyring_.reset();  // a key may have come a moment ago
  Status rules = keyring_ ? check_rules(configuration->approvals, *keyring_) : done();
  if (!rules) {
    log_line(LogLevel::error, "configuration.refused",
             {{"why", rules.refusal().detail}, {"remedy", "the old one stays in force"}});
    return;
  }
  set_gateway_home(*configuration, home_);
  attach_artefacts(*configuration, home_);
  log_line(LogLevel::info, "configuration.loaded",
           {{"servers", std::to_string(configuration->servers.size())}});
  const bool same_rules = configuration->approvals == broker_->configuration().approvals;
  broker_->reload(std::move(*configuration));
  if (!same_rules) known_version_ = unknown_version;
  doorkeeper_->forget();
}

Task<> Gateway::watch_store() {
  bool readable = true;
  asio::steady_timer timer(loop_);
  while (!stopping_) {
    timer.expires_after(look_every);
    auto [error] = co_await timer.async_wait(as_result);
    if (error) co_return;
    look_at_artefacts();
    Status looked = look_at_store();
    if (!looked && readable) {
      // What was revoked cannot be known: until it can, nothing is approved.
      log_line(LogLevel::error, "approvals.unreadable",
               {{"why", looked.refusal().detail}, {"until_then", "nothing is approved"}});
      known_version_ = unknown_version;
      doorkeeper_->forget();
      broker_->forget_approvals();
    }
    if (looked && !readable) log_line(LogLevel::info, "approvals.readable_again", {});
    if (looked) broker_->follow_approvals();
    readable = static_cast<bool>(looked);
  }
}

// Another artefact is another identity: what was approved of the former one is held from now on.
void Gateway::look_at_artefacts() {
  const std::int64_t version = artefacts_version(home_);
  if (version == known_artefacts_) return;
  known_artefacts_ = version;
  reload_configuration();
}

Status Gateway::look_at_store() {
  auto version = store_->data_version();
  if (!version) return version.refusal();
  if (*version == known_version_) return done();
  doorkeeper_->forget();
  auto approved = load_approved(home_, *store_, configuration().approvals);
  if (!approved) return approved.refusal();
  const std::int64_t reread = (*approved)->version;
  const bool still_refused = !refused_.empty() && (*approved)->refused == refused_;
  tell_refused(**approved);
  // What is put right beside the store changes no count in it: look again.
  known_version_ = refused_.empty() ? reread : unknown_version;
  if (!still_refused) broker_->reload(std::move(*approved));
  return done();
}

// Once for each reason, not each time that it is found again.
void Gateway::tell_refused(const Approved& approved) {
  keyring_ = approved.keyring;
  if (approved.refused == refused_) return;
  refused_ = approved.refused;
  if (refused_.empty()) return;
  log_line(LogLevel::error, "approvals.refused", {{"why", refused_}});
  auto recorded = audit_->write_now(refused_approvals(Refusal(Reason::bad_signature, refused_)));
  if (recorded) return;
  log_line(LogLevel::error, "approvals.refused_unrecorded", {{"why", recorded.refusal().detail}});
}

Task<> Gateway::publish_status() {
  asio::steady_timer timer(loop_);
  while (!stopping_) {
    write_status();
    timer.expires_after(look_every);
    auto [error] = co_await timer.async_wait(as_result);
    if (error) co_return;
  }
}

void Gateway::write_status() {
  boost::json::array servers;
  for (const auto& [name, server] : broker_->upstreams()) servers.push_back(status_of(*server));
  for (const auto& [name, why] : broker_->held()) servers.push_back(status_of_held(name, why));
  boost::json::object all;
  all["pid"] = ::getpid();
  all["servers"] = std::move(servers);
  std::string text = boost::json::serialize(all) + "\n";
  if (text == status_) return;
  status_ = text;
  std::filesystem::path file = status_file(home_);
  std::filesystem::path fresh = file;
  fresh += fresh_suffix;
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out << text;
  }
  std::error_code error;
  std::filesystem::rename(fresh, file, error);
}

}  // namespace toolgate
