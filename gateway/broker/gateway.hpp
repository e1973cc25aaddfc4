#pragma once
// A running gateway: everything that `stdio` and `serve` have in common, put together and taken
// down in order. Built by the commands; nothing in here is global.

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/janitor.hpp"
#include "gateway/broker/approved.hpp"
#include "gateway/broker/broker.hpp"
#include "gateway/broker/doorkeeper.hpp"
#include "gateway/config/configuration.hpp"
#include "gateway/config/watch.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/task_group.hpp"
#include "gateway/store/audit.hpp"
#include "gateway/store/store.hpp"
#include "gateway/store/store_custodian.hpp"
#include "signing/keyring.hpp"
#include "signing/sealed_state.hpp"

namespace toolgate {

class Gateway {
 public:
  // Reads the configuration, opens the store, checks the approvals. Refuses with what is wrong.
  static Result<std::unique_ptr<Gateway>> make(std::filesystem::path home,
                                               std::filesystem::path configuration);
  Gateway(const Gateway&) = delete;
  ~Gateway();

  asio::io_context& loop() { return loop_; }
  const Limits& limits() const { return limits_; }
  Broker& broker() { return *broker_; }
  Doorkeeper& doorkeeper() { return *doorkeeper_; }
  const Configuration& configuration() const { return broker_->configuration(); }
  const std::filesystem::path& home() const { return home_; }
  SandboxProof& sandbox_proof() { return proof_; }
  Custodian& custodian() { return *custodian_; }

  // Servers start at once, or with the first request that needs more than the gateway itself: many
  // clients start a stdio server once just to see what it speaks, and a second time to use it.
  enum class Servers { at_once, with_first_request };
  // Starts the servers, the watch over configuration and store, and the signals. `stop` is called
  // once at the first SIGTERM or SIGINT; a second one ends the process at once (its servers die
  // with it). `leftovers` are files of the caller's that must not outlast this process.
  void begin(Servers servers, std::function<void()> stop, std::vector<std::string> leftovers = {});
  // Stops all of that. After every door is closed.
  Task<> end();

 private:
  Gateway(std::filesystem::path home, std::filesystem::path configuration);
  Status open();
  void watch_over(std::vector<std::string> leftovers);
  Task<> watch_signals();
  Task<> watch_store();
  Status look_at_store();
  void tell_refused(const Approved& approved);
  void look_at_artefacts();
  Task<> publish_status();
  void reload_configuration();
  void write_status();
  void make_room_for_trees();
  Task<> record_files(Record record, std::shared_ptr<OpenNotes> notes);

  asio::io_context loop_{1};
  std::filesystem::path home_;
  std::filesystem::path configuration_file_;
  Limits limits_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Store> audit_store_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<SightingBook> sightings_;
  std::unique_ptr<InspectionGate> gate_;
  std::unique_ptr<StateSeal> seal_;
  std::unique_ptr<StoreCustodian> custodian_;
  SandboxProof proof_{loop_.get_executor()};
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<StoreDoorkeeper> doorkeeper_;
  std::unique_ptr<ConfigurationWatch> watch_;
  asio::signal_set signals_;
  std::function<void()> stop_;
  bool stopping_ = false;
  std::int64_t known_version_ = 0;  // of the store, when the approvals were read
  std::optional<Keyring> keyring_;  // of the approvals that were read last
  std::string refused_;             // why nothing counts as approved, as it was recorded last
  std::int64_t known_artefacts_ = 0;
  std::string status_;  // as it was written last
  std::unique_ptr<Janitor> janitor_;
  TaskGroup background_;
  TaskGroup file_records_;
};

}  // namespace toolgate
