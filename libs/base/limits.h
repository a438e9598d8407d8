// Every bound of the house, with its unit last. Where a bound can be set by a flag, the value here is its default.
#pragma once

#include <chrono>
#include <cstddef>

namespace maestro::limits {

using namespace std::chrono_literals;

// HTTP framing, on both legs.
inline constexpr std::size_t head_bytes_max = 64 * 1024;
inline constexpr std::size_t headers_max = 128;
inline constexpr std::size_t target_bytes_max = 16 * 1024;
inline constexpr std::size_t chunk_extension_bytes_max = 256;
inline constexpr std::size_t trailer_bytes_max = 8 * 1024;

// Bodies.
inline constexpr std::size_t request_body_bytes_max = 32 * 1024 * 1024;
inline constexpr std::size_t body_budget_bytes_max = 512 * 1024 * 1024;  // of all requests of a process together
inline constexpr std::size_t whole_reply_bytes_max = 64 * 1024 * 1024;   // a reply that must be held to be translated
inline constexpr std::size_t error_body_bytes_max = 64 * 1024;           // read of a provider's error
inline constexpr auto error_body_time_max = 10s;
inline constexpr std::size_t refused_body_drain_bytes_max = 64 * 1024;  // read on after a refusal, then closed
inline constexpr auto refused_body_drain_time_max = 2s;
inline constexpr std::size_t provider_message_bytes_max = 2 * 1024;  // shown of a provider's own words
inline constexpr std::size_t json_nesting_max = 128;

// Streams.
inline constexpr std::size_t sse_event_bytes_max = 8 * 1024 * 1024;
inline constexpr std::size_t reply_events_max = 2'000'000;
inline constexpr std::size_t tool_calls_max = 512;  // of one reply

// Times of the request path. Per-provider options may change those of the provider's leg.
inline constexpr auto request_head_time_max = 10s;
inline constexpr auto request_body_idle_time_max = 30s;
inline constexpr auto keep_alive_idle_time_max = 75s;
inline constexpr auto connect_time_max = 10s;  // TLS included
inline constexpr auto first_event_time_max = 300s;
inline constexpr auto whole_reply_time_max = 600s;
inline constexpr auto stream_idle_time_max = 300s;
inline constexpr auto request_total_time_max = 3600s;
inline constexpr auto client_write_time_max = 60s;
inline constexpr auto heartbeat_interval = 15s;
inline constexpr auto last_words_time_max = 500ms;  // for cancelled work to end before a process does
inline constexpr auto try_again_time = 1s;          // told to a client while this process is not ready or full
inline constexpr auto wheel_tick = 20ms;            // grain of every expiry on a loop
inline constexpr auto peer_watch_delay = 50ms;
inline constexpr auto drain_time_max = 30s;
inline constexpr auto health_check_time_max = 3s;
inline constexpr auto accept_pause = 100ms;

// Upstream connections.
inline constexpr std::size_t idle_connections_per_origin_max = 512;
inline constexpr auto idle_connection_time_max = 60s;
inline constexpr auto resolve_cache_time_max = 30s;

// Logs.
inline constexpr std::size_t log_line_bytes_max = 8 * 1024;
inline constexpr std::size_t log_ring_bytes = 1024 * 1024;  // of each thread that logs

// Between the processes.
inline constexpr std::size_t snapshot_bytes_max = 64 * 1024 * 1024;
inline constexpr auto watch_retry_time_min = 100ms;
inline constexpr auto watch_retry_time_max = 5s;
inline constexpr auto credentials_settle_time_max = 80ms;  // for a new provider's credential to follow its catalog
inline constexpr auto first_credentials_settle_time_max = 500ms;
inline constexpr auto snapshot_write_interval_min = 1s;
inline constexpr auto rpc_read_time_max = 5s;
inline constexpr auto acknowledge_time_max = 1s;
inline constexpr std::size_t watchers_max = 1'024;  // of one snapshot, on one replica
inline constexpr int store_attempts_max = 8;        // of a read-modify-write that meets another writer
inline constexpr std::size_t api_keys_per_provider_max = 64;
inline constexpr std::size_t providers_max = 1'000;
inline constexpr auto quota_grant_time_max = 5s;
inline constexpr auto status_look_interval = 250ms;  // while a status waits for instances
inline constexpr auto rpc_connect_time_max = 5s;
inline constexpr auto rpc_ping_interval = 20s;
inline constexpr auto rpc_ping_answer_time_max = 5s;
inline constexpr auto rpc_connection_time_max = 30min;  // so that replicas share; gRPC spreads it by 10 %
inline constexpr auto rpc_connection_grace_time_max = 40s;

// Model lists.
inline constexpr auto model_list_time_max = 30s;
inline constexpr auto model_list_ttl = 300s;
inline constexpr auto model_list_retry_time_min = 5s;
inline constexpr std::size_t model_list_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t models_per_provider_max = 10'000;

// The registry.
inline constexpr auto first_credentials_time_max = 150ms;  // that the first catalog waits for auth
inline constexpr auto health_report_interval = 10s;
inline constexpr auto status_wait_time_max = 30s;
inline constexpr auto provider_verify_time_max = 30s;
inline constexpr std::size_t models_page_size_max = 1'000;

// Documents (libs/store): providers.json, priorities.json and their like.
inline constexpr std::size_t document_bytes_max = 4 * 1024 * 1024;
inline constexpr auto document_lock_time_max = 5s;
inline constexpr auto document_rescan_interval = 300s;
inline constexpr auto document_watch_retry_time = 1s;  // after the watched directory was taken away

// The supervisor.
inline constexpr auto child_start_time_max = 10s;
inline constexpr auto child_restart_time_min = 100ms;
inline constexpr auto child_restart_time_max = 10s;
inline constexpr auto child_steady_time_min = 30s;     // a child that lived so long starts again at the shortest wait
inline constexpr int child_start_tries_max = 5;        // deaths in a row without having been ready
inline constexpr auto child_stop_grace_time_max = 5s;  // after the drain time, then SIGKILL
inline constexpr std::size_t child_line_bytes_max = 64 * 1024;
inline constexpr std::size_t child_ready_line_bytes_max = 4 * 1024;
inline constexpr std::size_t console_backlog_bytes_max = 256 * 1024;
inline constexpr std::size_t log_file_bytes_max = 10 * 1024 * 1024;
inline constexpr std::size_t log_files_max = 5;

// The command line.
inline constexpr auto local_probe_time_max = 2s;  // of one HTTP question to a server
inline constexpr std::size_t api_key_bytes_max = 4 * 1024;
inline constexpr std::size_t local_file_bytes_max = 1024 * 1024;  // server.json, contexts.json

}  // namespace maestro::limits
